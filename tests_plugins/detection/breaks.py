"""Ways to break a host: its services, its backend, what is declared about it, the tools it answers with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from tests_plugins.detection.scene import await_well
from tests_plugins.staging.stack import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests_plugins.detection.scene import Scene

REDIS, BACKEND, SPARE = "redis_staging", "backend_staging", "redis_spare"
UNDO = {"stop": "start", "kill": "start", "pause": "unpause", "start": "stop"}


@dataclass(frozen=True)
class Act:
    """An intervention by service name, and the one that takes it back."""

    verb: str  # stop, kill, pause, start, crash, restart
    service: str = REDIS

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Do it."""
        if self.verb in ("kill", "crash") and self.service == REDIS:
            scene.twin.redis("SAVE")  # lest it come back with the keys of an earlier row
        scene.disrupted = True
        act = scene.twin.actions.act
        act(self.verb, self.service)
        if undo := UNDO.get(self.verb):
            scene.mend(act, undo, self.service)


@dataclass(frozen=True)
class Later:
    """What was done so far is over: the host is well again, and the intervention that counts is later."""

    healthy: bool = True  # False: but for the engine's own health check

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Wait for it."""
        await_well(scene.twin, disrupted=scene.disrupted, healthy=self.healthy)
        scene.since = datetime.now(UTC)


@dataclass(frozen=True)
class Counted:
    """Redis counts what the gate is refused: once its credentials are right again, it must not blame the host."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Nothing: the gate itself does it."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The backend misbehaves; see ``twin.misbehaviour``."""

    readiness: str = "honest"
    delay_s: float = 0.0
    available: str = "honest"
    spare: bool = False  # it uses another Redis, the spare one

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Give the orders."""
        scene.mend(scene.twin.behave)
        url = scene.twin.spare_url if self.spare else None
        scene.twin.misbehave(readiness=self.readiness, delay_s=self.delay_s, available=self.available, redis_url=url)


@dataclass(frozen=True)
class Logged:
    """The backend logs these lines. They stay in its log; the mended host is judged from a later instant on.

    ``REDIS_PORT`` in them is that of the host's Redis.
    """

    text: str
    stream: str = "stderr"

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Have them logged."""
        port = str(scene.twin.host.redis_port)
        scene.twin.write_log(self.text.replace("REDIS_PORT", port), self.stream)


@dataclass(frozen=True)
class Declared:
    """The inventory says something else about the host; None takes a key away."""

    changes: Mapping[str, Any]

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Lay it over the host's entry."""
        scene.changes = merged(scene.changes, self.changes)


@dataclass(frozen=True)
class Environ:
    """The gate runs with other variables."""

    variables: Mapping[str, str]

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Set them."""
        scene.environ |= self.variables


@dataclass(frozen=True)
class Arguments:
    """The gate runs with further arguments."""

    words: tuple[str, ...]

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Add them."""
        scene.arguments += self.words


@dataclass(frozen=True)
class Unsaid:
    """Nobody says when the intervention was: the gate runs without ``--since``."""

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Leave it out."""
        scene.since = None


@dataclass(frozen=True)
class Lies:
    """Programs of the host answer something else: for what cannot be broken on a machine that is in use.

    ``programs`` are scripts for sh by the name of the program that they stand in for.
    """

    programs: Mapping[str, str] = field(default_factory=dict)

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Put them first on the gate's PATH, which is also that of the host where it is this machine."""
        folder = scene.folder / "bin"
        folder.mkdir(exist_ok=True)
        for name, script in self.programs.items():
            program = folder / name
            program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            program.chmod(0o755)
        scene.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
