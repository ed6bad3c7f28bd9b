"""Force restart: SIGKILL, then the start that an engine does not make after a kill by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import Loss, Verb, register
from plugins.faults.intervention import Intervention, ended
from plugins.target.means import planned

if TYPE_CHECKING:
    from plugins.fault import Evidence, Hands, Scene
    from plugins.inventory import Host

#: How a container ends by SIGKILL.
KILLED = 137


@dataclass(frozen=True)
class Kill(Intervention):
    """SIGKILL through the engine, which takes it for a stop: no restart policy brings the container back."""

    name: ClassVar[str] = "kill"
    family: ClassVar[str] = "kill"
    window: ClassVar[str] = "kill"
    loss: ClassVar[Loss] = Loss.UNSAVED_AT_KILL
    outage: ClassVar[str] = "Redis is away from the kill until the start has loaded its data; one to two seconds"
    sections: ClassVar[tuple[str, ...]] = ("Force Restart (if Redis is hung)",)

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        return planned(host, Verb.KILL, Verb.START)

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.KILL)

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The container has ended by SIGKILL."""
        return ended(scene, hands.look(), KILLED)

    def recover(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.START)


register(Kill())
