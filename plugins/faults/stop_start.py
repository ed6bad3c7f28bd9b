"""Graceful restart, in two commands: the stop is the fault, the start the recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import Loss, Verb, register
from plugins.faults.intervention import Intervention, ended
from plugins.target.means import planned

if TYPE_CHECKING:
    from plugins.fault import Evidence, Hands, Scene
    from plugins.inventory import Host


@dataclass(frozen=True)
class StopStart(Intervention):
    """SIGTERM; the container stays down until it is started."""

    name: ClassVar[str] = "stop_start"
    family: ClassVar[str] = "stop_start"
    window: ClassVar[str] = "start"
    loss: ClassVar[Loss] = Loss.UNSAVED_AT_STOP
    outage: ClassVar[str] = "Redis is away from the stop until the start has loaded its data; one to two seconds"
    sections: ClassVar[tuple[str, ...]] = ("Graceful Restart",)

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        return planned(host, Verb.STOP, Verb.START)

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.STOP)

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The container has ended; by SIGKILL, after its grace, where its first process passes no SIGTERM on."""
        return ended(scene, hands.look())

    def recover(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.START)


register(StopStart())
