"""The walk over one database's keys. Pure.

In the same trip the next keys are looked for, the last ones' sizes are asked, and those whose size is known are read.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.walk import read_scan
from plugins.saving.asking import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.saving.room import Room
    from plugins.target.model import Command, Reply

# Words of commands are bytes here: there are a hundred thousand of each, and text would have to be encoded.

#: Buckets that one SCAN looks at, and the most keys that one trip reads: some milliseconds of the server's time.
COUNT = 1000
#: With so many keys in hand, no more are looked for: names take memory here.
ENOUGH = 2 * COUNT

#: What Redis says of the expiry of a key that never expires, and of one that is gone.
_ETERNAL, _GONE = -1, -2


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as it was: ``expires_at`` in milliseconds of Redis's clock, 0 for one that stays."""

    key: bytes
    expires_at: int
    payload: bytes

    def restoring(self) -> Command:
        """What puts it back, unless it is there."""
        return (b"RESTORE", self.key, self.expires_at, self.payload, b"ABSTTL")


class Walk:
    """See the module. Ask ``commands`` in one transaction, give the replies to ``take``, until ``done``."""

    def __init__(self, leave_out: bytes | tuple[bytes, ...], *, exact: bool) -> None:
        self._own = leave_out
        self._exact = exact
        self._cursor: bytes | None = b"0"
        self._found: list[bytes] = []
        self._sized: deque[tuple[bytes, int]] = deque()
        self._asked: tuple[list[bytes], list[bytes], bool] = ([], [], False)
        self.seen = 0  # keys so far, those that are left out too
        self.left_out = 0
        self.read = 0  # bytes of Redis's memory that the keys take which were read so far

    @property
    def done(self) -> bool:
        """Whether every key was read."""
        return self._cursor is None and not self._found and not self._sized

    @property
    def largest(self) -> int:
        """The size of the key that must be read next; 0: none yet."""
        return self._sized[0][1] if self._sized else 0

    def commands(self, room: Room) -> list[Command]:
        """The next trip's. Only call it where ``room.fits`` the ``largest``."""
        reading: list[bytes] = []
        left = room.trip
        while self._sized and len(reading) < COUNT and (not reading or self._sized[0][1] <= left):
            key, size = self._sized.popleft()
            reading.append(key)
            left -= size
            self.read += size
        sizing, self._found = self._found, []
        scanning = self._cursor is not None and len(sizing) + len(self._sized) < ENOUGH
        self._asked = reading, sizing, scanning
        commands = [
            *read(reading, exact=self._exact),
            *((b"MEMORY", b"USAGE", key, b"SAMPLES", b"0") for key in sizing),
        ]
        if scanning:
            commands.append(("SCAN", self._cursor or b"0", "COUNT", COUNT))
        return commands

    def take(self, replies: Sequence[Reply]) -> list[Entry]:
        """The keys that were read. Raises ``Refused`` where the replies are not what they should be."""
        reading, sizing, scanning = self._asked
        if scanning:
            self._cursor, self._found = self._scanned(replies[-1])
        about = taken(reading)
        for key, size in zip(sizing, replies[about:], strict=False):
            if isinstance(size, int):
                self._sized.append((key, size))
        return entries(reading, replies[:about], exact=self._exact)

    def _scanned(self, reply: Reply) -> tuple[bytes | None, list[bytes]]:
        cursor, keys, refused = read_scan(reply)
        if refused is not None:
            raise Refused("SCAN did not answer with a cursor and keys")
        self.seen += len(keys)
        mine = [key for key in dict.fromkeys(keys) if not (self._own and key.startswith(self._own))]
        self.left_out += len(keys) - len(mine)
        return (None if cursor == b"0" else cursor), mine


def read(keys: Sequence[bytes], *, exact: bool) -> list[Command]:
    """Expiry and value of these keys. ``exact``: the server can tell the moment (7.0), not only the distance to it."""
    if not keys:
        return []
    expiry = b"PEXPIRETIME" if exact else b"PTTL"
    return [("TIME",), *((expiry, key) for key in keys), *((b"DUMP", key) for key in keys)]


def taken(keys: Sequence[bytes]) -> int:
    """How many replies ``read`` gets."""
    return 1 + 2 * len(keys) if keys else 0


def entries(keys: Sequence[bytes], replies: Sequence[Reply], *, exact: bool) -> list[Entry]:
    """The keys that are there, from the replies to ``read``. Raises ``Refused``."""
    if not keys:
        return []
    now = 0 if exact else milliseconds(replies[0])
    expiries, payloads = replies[1 : 1 + len(keys)], replies[1 + len(keys) :]
    found = []
    for key, expiry, payload in zip(keys, expiries, payloads, strict=True):
        if not isinstance(expiry, int) or not (payload is None or isinstance(payload, bytes)):
            raise Refused("an expiry is no number, or a value no text")
        if payload is not None and expiry != _GONE:
            found.append(Entry(key, 0 if expiry == _ETERNAL else now + expiry, payload))
    return found


def milliseconds(reply: Reply) -> int:
    """TIME's answer. Raises ``Refused``."""
    match reply:
        case [bytes(seconds), bytes(micros)]:
            return int(seconds) * 1000 + int(micros) // 1000
    raise Refused("TIME did not answer with a moment")
