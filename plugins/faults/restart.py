"""Graceful restart, in one command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import Evidence, Loss, Verb, register
from plugins.faults.intervention import Intervention, begun_anew, shown
from plugins.target.means import planned

if TYPE_CHECKING:
    from plugins.fault import Hands, Scene
    from plugins.inventory import Host


@dataclass(frozen=True)
class Restart(Intervention):
    """SIGTERM, and at once a new process in the same container."""

    name: ClassVar[str] = "restart"
    family: ClassVar[str] = "restart"
    window: ClassVar[str] = "restart"
    loss: ClassVar[Loss] = Loss.UNSAVED_AT_STOP
    outage: ClassVar[str] = "Redis is away while its process ends and the next one loads its data; about a second"
    sections: ClassVar[tuple[str, ...]] = ("Graceful Restart",)

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        return planned(host, Verb.RESTART)

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.RESTART)

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The container has another start, and the server that answers, if one does by now, is another."""
        now = hands.look()
        return Evidence(begun_anew(scene, now), shown(scene, now))


register(Restart())
