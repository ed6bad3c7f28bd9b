"""Ways to break a real host: containers that are given too little memory, and what the kernel does about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plugins.eventually import eventually
from tests_plugins.detection.breaks import BACKEND, REDIS
from tests_plugins.detection.docker_breaks import ROOMY, Recreated, Updated, docker, real
from tests_plugins.detection.scene import Scene


@dataclass(frozen=True)
class OutOfMemory:
    """Redis took more than its container might, for a moment; the kernel killed it, and the engine started it."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Let it, and give it back its room."""
        host, container = real(scene), real(scene).container(REDIS)
        scene.disrupted = True
        scene.mend(host.compose, "restart", "--timeout", "1", REDIS)  # only a start that was asked for forgets it
        tight = Scene(scene.subject, scene.folder)
        with tight.stack:
            Updated(("--memory", "16m", "--memory-swap", "16m"), undo=ROOMY).inflict(tight)
            docker("exec", container, "redis-cli", "SETRANGE", "glutton", "40000000", "x", may_fail=True)
            eventually(
                lambda: docker("inspect", "-f", "{{.State.Running}} {{.State.OOMKilled}}", container),
                lambda seen: seen == "true true",
                what="a Redis that was killed for want of memory and is back",
                within_s=20,
            )


@dataclass(frozen=True)
class Glutton:
    """Something in the backend's limited container took too much; the kernel killed it, and the backend ended."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Limit it, take too much, and let the engine start it again."""
        Recreated({"mem_limit": "128m", "memswap_limit": "128m"}, service=BACKEND).inflict(scene)
        container = real(scene).container(BACKEND)
        docker("exec", container, "python", "-c", "len(b'x' * 500_000_000)", may_fail=True)
        scene.twin.actions.act("crash", BACKEND)
        eventually(
            lambda: docker("inspect", "-f", "{{.State.Running}} {{.State.OOMKilled}}", container),
            lambda seen: seen == "true true",
            what="a backend that was short of memory and is back",
            within_s=20,
        )
