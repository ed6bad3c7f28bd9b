"""Open connections to places on the host, and the deadline that every use of them has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from plugins.target.model import Endpoint, Shell, TimedOut

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence


class Deadline:
    """A moment of the monotonic clock by which something must be done."""

    def __init__(self, timeout_s: float, what: str) -> None:
        self.what = what
        self.timeout_s = timeout_s
        self.at = time.monotonic() + timeout_s

    @property
    def over(self) -> bool:
        """Whether the moment has passed."""
        return time.monotonic() >= self.at

    def left(self) -> float:
        """Seconds left, more than 0. Raises ``TimedOut`` when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> TimedOut:
        """The error to raise once the moment has passed."""
        return TimedOut(f"{self.what}: no answer within {round(self.timeout_s, 2):g} s")


class Road:
    """An open connection: ``sock`` to talk, and whatever must be given back with it."""

    def __init__(
        self,
        sock: socket.socket,
        release: Callable[[], None] | None = None,
        why: Callable[[], str] | None = None,
    ) -> None:
        self.sock = sock
        self._release = release
        self._why = why

    def why(self) -> str:
        """Why it ended, in the words of what carries it; empty when nothing was said."""
        return self._why() if self._why is not None else ""

    def close(self) -> None:
        """Close it. Never raises; twice is once."""
        self.sock.close()
        release, self._release = self._release, None
        if release is not None:
            release()


class Roads(Shell, Protocol):
    """A shell that also opens connections: what the other rooms of the target are built on."""

    def dial(self, there: Endpoint, *, timeout_s: float) -> Road:
        """Connect to ``there`` as seen from the host.

        Raises ``ForwardingRefused``, ``TimedOut``, or ``TargetError`` with the reason (refused, unknown name).
        """
        ...

    def stream(self, argv: Sequence[str], *, timeout_s: float) -> Road:
        """Start a command on the host; the connection is its standard input and output, until closed.

        Closing asks the command to end by ending its input. Raises as ``dial``.
        """
        ...

    def when_open(self, then: Callable[[], None]) -> None:
        """Call ``then`` as soon as the shell has been opened: what will be needed anyway can begin there."""
        ...

    @property
    def is_here(self) -> bool:
        """Whether the host is this very machine."""
        ...
