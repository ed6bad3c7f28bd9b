"""The recording client: unique, numbered writes, and what became of each, to be compared with what is there.

Its rate is the pace's, its keys are small and expire by themselves: at most some 30,000 of them, 5 MB, at any time.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from plugins.history import Result
from plugins.probe import TIMEOUT, Vantage, as_text
from plugins.recovery import CARRIER
from plugins.target.model import CannotAsk, ForwardingRefused, ReplyError, TargetError, TimedOut
from plugins.traffic.wire_probes import Said
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from plugins.target.model import Command, Reply, Wire

T = TypeVar("T")

#: Milliseconds that a key lives, longer than any experiment; what is not taken away goes by itself.
LIFE_MS = 600_000
#: Seconds before its end from which a key is not expected any more.
_LAST_S = 30.0
#: Keys in one trip, and buckets that one SCAN looks at: some two milliseconds of the server's time.
BATCH = 500
SCANNED = 5000
#: Seconds for a trip, and for the search for strangers, which goes through all keys.
TRIP_S = 5.0
SEARCH_S = 10.0

#: ``Operation.code`` where SET was acknowledged and GET, in the same trip, did not find the value.
LOST = "LOST"


@dataclass(frozen=True)
class Written:
    """What the client knows. ``acknowledged``: number to when SET said OK (monotonic seconds), whatever GET said."""

    attempted: int  # numbers below this one
    acknowledged: Mapping[int, float]


@dataclass(frozen=True)
class ReadBack:
    """What was there when it was read back, by number.

    ``expired``: acknowledged so long ago that they need not be there. ``strangers``: keys in the client's own namespace
    that it never wrote; ``unsearched``: why there may be more of them, empty where all keys were seen.
    """

    present: frozenset[int]  # with the right value
    altered: Mapping[int, str]  # with another one, or another type; hostile text
    expired: frozenset[int]
    strangers: tuple[bytes, ...]
    unsearched: str = ""

    def lost(self, written: Written) -> tuple[int, ...]:
        """The acknowledged writes that are gone or altered, though their time is not over."""
        return tuple(sorted(written.acknowledged.keys() - self.present - self.expired))


class Recorder:
    """See the module, and ``wire_probes.Question``. Safe to use from several threads."""

    vantage = Vantage.WRITE

    def __init__(self, namespace: str, run_id: str) -> None:
        self._prefix = f"{namespace}chaos:{run_id}:".encode()
        self._run_id = run_id
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._attempted = 0
        self._acknowledged: dict[int, float] = {}

    @property
    def written(self) -> Written:
        """What is known so far."""
        with self._lock:
            return Written(self._attempted, dict(self._acknowledged))

    def key(self, number: int) -> bytes:
        """The key of a write."""
        return self._prefix + b"%d" % number

    def value(self, number: int) -> bytes:
        """The value of a write."""
        return f"{self._run_id}/{number}".encode()

    def number(self) -> int:
        """See ``Question``."""
        number = next(self._numbers)
        with self._lock:
            self._attempted = max(self._attempted, number + 1)
        return number

    def commands(self, number: int | None) -> Sequence[Command]:
        """See ``Question``."""
        key, value = self._named(number)
        return (("SET", key, value, "PX", LIFE_MS), ("GET", key))

    def read(self, number: int | None, replies: Sequence[Reply]) -> Said:
        """See ``Question``: refused (not written), or acknowledged; well only where it can be read as well."""
        said, got = replies
        if isinstance(said, ReplyError):
            return Said(Result.FAIL, str(said), said.code)
        if as_text(said) != "OK" or number is None:
            return Said(Result.UNKNOWN, f"SET answered {as_text(said) or 'nil'}")
        with self._lock:
            self._acknowledged[number] = time.monotonic()
        if got == self.value(number):
            return Said(Result.OK, "written and read back")
        return Said(Result.UNKNOWN, f"SET said OK, GET then {as_text(got) or 'nil'}", LOST)

    def unanswered(self, error: Exception) -> Said:
        """See ``Question``: it may have been carried out."""
        carrier = isinstance(error, CannotAsk | ForwardingRefused | Unreachable)
        code = CARRIER if carrier else TIMEOUT if isinstance(error, TimedOut) else ""
        return Said(Result.UNKNOWN, f"sent, and not answered: {error}", code)

    def read_back(self, wire: Wire) -> ReadBack:
        """Look at every number's key, and for keys that nobody wrote. Raises ``TargetError``."""
        written, now = self.written, time.monotonic()
        altered: dict[int, str] = {}
        present: list[int] = []
        for numbers in _batches(range(written.attempted)):
            replies = wire.ask([("GET", self.key(number)) for number in numbers], timeout_s=TRIP_S)
            for number, got in zip(numbers, replies, strict=True):
                if got == self.value(number):
                    present.append(number)
                elif got is not None:
                    altered[number] = as_text(got)
        life_s = LIFE_MS / 1000 - _LAST_S
        expired = frozenset(number for number, at in written.acknowledged.items() if now - at > life_s)
        strangers, unsearched = self._strangers(wire, written.attempted)
        return ReadBack(frozenset(present), altered, expired, strangers, unsearched)

    def cleanup(self, wire: Wire, strangers: Sequence[bytes] = ()) -> None:
        """Take its keys away, in batches. Raises ``TargetError``."""
        keys = [*(self.key(number) for number in range(self.written.attempted)), *strangers]
        for some in _batches(keys):
            (reply,) = wire.ask([("UNLINK", *some)], timeout_s=TRIP_S)
            if isinstance(reply, ReplyError):
                raise TargetError(f"the recording client's keys cannot be taken away: {reply}")

    def _named(self, number: int | None) -> tuple[bytes, bytes]:
        if number is None:
            raise ValueError("a write has a number")  # cannot happen: ``number`` gives one
        return self.key(number), self.value(number)

    def _strangers(self, wire: Wire, attempted: int) -> tuple[tuple[bytes, ...], str]:
        """Keys of the namespace that it never wrote, and why there may be more."""
        glob = b"".join(b"\\%c" % one if one in b"*?[]^\\-" else b"%c" % one for one in self._prefix) + b"*"
        own = {self.key(number) for number in range(attempted)}
        found: set[bytes] = set()
        cursor, until = b"0", time.monotonic() + SEARCH_S
        while True:
            (reply,) = wire.ask([("SCAN", cursor, "MATCH", glob, "COUNT", SCANNED)], timeout_s=TRIP_S)
            match reply:
                case [bytes(cursor), [*keys]]:
                    found |= {key for key in keys if isinstance(key, bytes) and key not in own}
                case _:
                    return tuple(sorted(found)), f"SCAN answered {as_text(reply)}"
            if cursor == b"0":
                return tuple(sorted(found)), ""
            if time.monotonic() > until:
                return tuple(sorted(found)), f"there are too many keys to go through within {SEARCH_S:g} s"


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
