"""How a process that serves another ends with it, however that one ends.

The owner holds the writing end of the server's standard input and never writes: the kernel closes it when the
owner exits, is killed, or lets go on purpose.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

#: A parent that changed is noticed this late at the latest (seconds), should a copy of the pipe have leaked.
PARENT_POLL_S = 0.5


class Lifeline:
    """What keeps this process alive: its owner, for ``ttl_s`` seconds at most."""

    def __init__(self, *, owner: int | None, ttl_s: float) -> None:
        self._owner = owner
        self._deadline = time.monotonic() + ttl_s

    def wait(self, *readable: int) -> list[int]:
        """Block until one of the file descriptors can be read; ``[]`` means that it is time to end."""
        watched = [*readable, *([0] if self._owner is not None else [])]
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0 or (self._owner is not None and os.getppid() != self._owner):
                return []
            ready, _, _ = select.select(watched, [], [], min(left, PARENT_POLL_S))
            if 0 in ready and 0 not in readable and not os.read(0, 4096):
                return []
            ready = [descriptor for descriptor in ready if descriptor in readable]
            if ready:
                return ready


def let_go(server: subprocess.Popen[bytes], timeout_s: float) -> None:
    """The owner's side: close the lifeline and wait for the server's end; kill it after ``timeout_s`` seconds."""
    try:
        server.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.communicate()


def end_on_signals() -> None:
    """Turn SIGTERM, SIGINT and SIGHUP into ``SystemExit``, so that ``finally`` clauses run."""

    def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
        ignore_signals()
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def ignore_signals() -> None:
    """From here on nothing but SIGKILL interrupts the clean-up."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
