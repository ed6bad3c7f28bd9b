"""What the services wrote, stamped line by line as an engine's json-file driver does."""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

#: Records kept by service; the oldest go first.
KEPT = 200_000


@dataclass(frozen=True)
class Record:
    """One line, without its end; ``stream`` is stdout or stderr."""

    at: datetime
    stream: str
    line: bytes

    @property
    def text(self) -> str:
        r"""The line as text; bytes that are not UTF-8 show as ``\xNN``."""
        return self.line.decode(errors="backslashreplace")


class Logbook:
    """One service's log. It outlives the service's processes, as a container's log outlives its restarts."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, stream: str, lines: list[bytes]) -> None:
        """Stamp the lines with the present and keep them."""
        with self._lock:
            now = datetime.now(UTC)
            self._records.extend(Record(now, stream, line) for line in lines)

    def since(self, instant: datetime, max_bytes: int) -> tuple[list[Record], bool]:
        """The records from ``instant`` on, oldest first; and whether older ones of them had to be left out."""
        kept: list[Record] = []
        size = 0
        with self._lock:
            newest_first = list(reversed(self._records))
        for record in newest_first:
            if record.at < instant:
                break
            size += len(record.line) + 1
            if size > max_bytes:
                return kept[::-1], True
            kept.append(record)
        return kept[::-1], False

    def follow(self, descriptor: int, stream: str) -> None:
        """Read a pipe to its end and keep every line; a last line without an end counts too."""
        rest = b""
        while chunk := os.read(descriptor, 65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                self.add(stream, lines)
        if rest:
            self.add(stream, [rest])
