"""What was saved, once more here: on the disk, in a file without a name, so that it can be compared afterwards."""

from __future__ import annotations

import struct
import tempfile
from typing import TYPE_CHECKING

from plugins.saving.walk import COUNT, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Before each key and its value: the database, the expiry, and how long they are.
_HEAD = struct.Struct("<IQQQ")


class Copy:
    """Entries in the order in which they were added."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``close``

    def add(self, database: int, entries: Iterable[Entry]) -> None:
        """Append some. Raises ``OSError``."""
        for one in entries:
            head = _HEAD.pack(database, one.expires_at, len(one.key), len(one.payload))
            self._file.write(b"".join((head, one.key, one.payload)))

    def batches(self, most_bytes: int) -> Iterator[tuple[int, list[Entry]]]:
        """All of them from the first on: a database and some of its keys, with about so many bytes of values."""
        batch: list[Entry] = []
        number = size = 0
        for database, one in self._all():
            full = len(batch) == COUNT or size + len(one.payload) > most_bytes
            if batch and (full or database != number):
                yield number, batch
                batch, size = [], 0
            number = database
            batch.append(one)
            size += len(one.payload)
        if batch:
            yield number, batch

    def _all(self) -> Iterator[tuple[int, Entry]]:
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            database, expires_at, key, payload = _HEAD.unpack(head)
            yield database, Entry(self._file.read(key), expires_at, self._file.read(payload))

    def close(self) -> None:
        """Forget everything. Never raises."""
        self._file.close()
