"""What happens to a container, as whoever runs it tells. Plain data and protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from plugins.target.model import Container


@dataclass(frozen=True)
class EngineEvent:
    """One event, in the engine's word: start, die, kill, stop, restart, pause, unpause, oom, destroy, (dis)connect."""

    action: str
    at: datetime  # by the host's clock
    received: float  # by the runner's monotonic clock, seconds
    attributes: Mapping[str, str] = field(default_factory=dict)  # signal, exitCode


class Feed(Protocol):
    """The events of one container as they happen."""

    def open(self) -> None:
        """From its return on nothing is missed. Raises ``TargetError`` or ``Unreachable``."""
        ...

    def __iter__(self) -> Iterator[EngineEvent]:
        """Each as it comes, until ``close``. Raises ``CarrierFailed`` where no more can be heard."""
        ...

    def close(self) -> None:
        """End it, from any thread. Never raises."""
        ...


@runtime_checkable
class Observable(Protocol):
    """A stack whose containers can be watched."""

    def again(self, container: Container) -> Container | None:
        """The same container as it is now, in one trip; None: it was removed. Raises as ``Stack.containers``."""
        ...

    def events(self, container: Container) -> Feed:
        """The container's events from ``Feed.open`` on."""
        ...
