"""The last line of defence: kills what the supervisor started when the supervisor itself was killed.

It reads ``+GROUP`` and ``-GROUP`` lines from its standard input, which ends when the supervisor does; what was
not taken back by then is killed, and the twin's folder (the first argument) is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress


class Guard:
    """The supervisor's side: a guard process of its own session that outlives the supervisor by a moment."""

    def __init__(self, folder: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Kill this process group should the supervisor die."""
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """The process group has ended by itself."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe above
        with self._lock:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Let the guard finish its work now: kill what is left and remove the folder."""
        self._process.communicate()


def main() -> None:
    """Stand guard until the standard input ends."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        (groups.add if line.startswith("+") else groups.discard)(group)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
