"""The server process dies by itself: what the restart policy is for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.eventually import NotInTime, eventually
from plugins.fault import Evidence, Loss, register
from plugins.faults.intervention import Intervention, shown
from plugins.faults.kill import KILLED
from plugins.target.means import ComposeMeans
from plugins.target.model import Container

if TYPE_CHECKING:
    from plugins.fault import Hands, Scene, Sight
    from plugins.inventory import Host

#: How long an engine may take to notice, in seconds.
NOTICED_S = 3.0


@dataclass(frozen=True)
class Crash(Intervention):
    """SIGKILL behind the engine's back. Under the policy ``no`` nobody starts it again, which is what is to be seen."""

    name: ClassVar[str] = "crash"
    family: ClassVar[str] = "crash"
    window: ClassVar[str] = "crash"
    loss: ClassVar[Loss] = Loss.UNSAVED_AT_KILL
    outage: ClassVar[str] = "Redis is away until the engine's restart policy has started it again; about a second"
    sections: ClassVar[tuple[str, ...]] = ("Restart Redis",)

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``. Capitals stand for what only the run knows."""
        there = Container("CONTAINER", "", host.redis_service, image_id="ITS-IMAGE")
        return (shlex.join(ComposeMeans(host).crashing(there)),)

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        hands.crash()

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The engine has counted a restart of its own, is about to, or has found the container ended by SIGKILL."""
        try:
            now = eventually(hands.look, lambda sight: _crashed(scene, sight), what="a crash", within_s=NOTICED_S)
        except NotInTime:
            now = hands.look()
        return Evidence(_crashed(scene, now), shown(scene, now))


def _crashed(before: Scene, now: Sight) -> bool:
    if now.redis.running:
        return now.redis.restart_count > before.redis.restart_count and now.run_id != before.run_id
    return now.redis.state == "restarting" or (now.redis.state == "exited" and now.redis.exit_code == KILLED)


register(Crash())
