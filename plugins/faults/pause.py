"""A hung Redis: it takes connections and answers nobody, until somebody forces a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import Evidence, Loss, Verb, register
from plugins.faults.intervention import Intervention, shown
from plugins.target.means import planned

if TYPE_CHECKING:
    from plugins.fault import Hands, Means, Scene
    from plugins.inventory import Host


@dataclass(frozen=True)
class Pause(Intervention):
    """The container is frozen, and mended as the runbook mends a hung Redis: kill, then start.

    Docker kills a frozen container by thawing it once the signal is pending (seen with 20.10: exit code 137, and the
    start that follows works). It does not start one: "cannot start a paused container", so the undo thaws it first.
    """

    name: ClassVar[str] = "pause"
    family: ClassVar[str] = "pause"
    window: ClassVar[str] = "pause"
    loss: ClassVar[Loss] = Loss.UNSAVED_AT_KILL
    outage: ClassVar[str] = "Redis hangs, then is away until the start has loaded its data; one to two seconds"
    sections: ClassVar[tuple[str, ...]] = ("Force Restart (if Redis is hung)",)

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        return planned(host, Verb.PAUSE, Verb.KILL, Verb.START)

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.PAUSE)

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The engine says that the container is paused."""
        now = hands.look()
        return Evidence(now.redis.state == "paused", shown(scene, now))

    def recover(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.compose(Verb.KILL)
        hands.compose(Verb.START)

    def undo(self, scene: Scene, means: Means) -> tuple[tuple[str, ...], ...]:
        """Thaw it, and start it should it have been killed by then."""
        return (means.undoing(Verb.UNPAUSE, scene.redis), means.undoing(Verb.START, scene.redis))


register(Pause())
