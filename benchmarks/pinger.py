"""A pinger that knows nothing of the suite: ``python -m benchmarks.pinger HOST PORT``, until standard input ends.

It asks by a new connection each time, one after the other, and prints the outages that it saw as JSON: for each the
start of the first PING that failed and the end of the first that was answered again, of the monotonic clock that all
processes of a machine share.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds between two questions, and for an answer.
EVERY_S, TIMEOUT_S = 0.005, 0.5


def pong(host: str, port: int) -> bool:
    """Whether Redis answers a PING over a new connection."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, port), TIMEOUT_S) as connection,
    ):
        connection.sendall(b"PING\r\n")
        return connection.recv(16) == b"+PONG\r\n"
    return False


class Pinger:
    """The process, as whoever started it sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def outages(self) -> list[tuple[float, float]]:
        """End it, and say what it saw: each outage's start and end."""
        said, _ = self._process.communicate(timeout=10)
        return [(start, end) for start, end in json.loads(said)]


@contextmanager
def pinging(host: str, port: int) -> Iterator[Pinger]:
    """A pinger in a process of its own, already at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pinger", host, str(port)],
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None or process.stdout.readline() != "at work\n":
            raise RuntimeError(f"{host}:{port} does not answer the pinger")
        yield Pinger(process)
    finally:
        process.kill()
        process.communicate()


def main() -> int:
    """Ask until standard input ends; exit code 1 where the first PING is not answered."""
    host, port = sys.argv[1], int(sys.argv[2])
    if not pong(host, port):
        return 1
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    ended = threading.Event()

    def await_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=await_end, daemon=True).start()
    outages: list[tuple[float, float]] = []
    away_since: float | None = None
    while not ended.wait(EVERY_S):
        begun = time.monotonic()
        if not pong(host, port):
            away_since = begun if away_since is None else away_since
        elif away_since is not None:
            outages.append((away_since, time.monotonic()))
            away_since = None
    sys.stdout.write(json.dumps(outages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
