"""The container engine: how it introduced itself, and with it the host's clock. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from plugins.facts.container import Opinion
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from plugins.target.model import Engine


@dataclass(frozen=True)
class Introduction:
    """Who the engine is, and the host's clock as it said then. ``at`` is monotonic, ``took_s`` in seconds."""

    engine: Engine
    took_s: float
    at: float

    def now(self) -> datetime:
        """The host's clock now. Raises ``Unjudged`` where the engine did not say."""
        if self.engine.clock is None:
            raise Unjudged("the engine did not say what the host's clock shows")
        return self.engine.clock + timedelta(seconds=time.monotonic() - self.at)

    def runner_ahead_s(self) -> float:
        """How far this machine's clock is ahead of the host's, in seconds; too much by ``took_s`` at most."""
        return (datetime.now(UTC) - self.now()).total_seconds()

    def describe(self) -> str:
        """Who answered, and how soon."""
        return f"{self.engine.kind} {self.engine.version} on {self.engine.name}, in {self.took_s * 1000:.0f} ms"

    def roughly(self) -> datetime | None:
        """The same for messages, where not knowing does no harm."""
        return self.now() if self.engine.clock is not None else None


def same_engine(engine: Engine, declared: str | None) -> Opinion:
    """Whether this is the engine that is meant. Raises ``NotApplicable`` where the inventory names none."""
    if declared is None:
        raise NotApplicable("the inventory names no engine_id")
    return Opinion(engine.id == declared, f"engine {engine.id} on {engine.name}")
