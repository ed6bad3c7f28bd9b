"""The slow log: what took long, when, by the server's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.finding import Finding
from plugins.facts.units import clock, instant, plural, shown, text_of
from plugins.target.model import SUITE_NAME
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from plugins.target.model import Reply

#: SLOWLOG GET is asked for as many entries; Redis keeps 128 unless told otherwise.
ASKED = 128
#: Commands whose first argument names a subcommand; of all others only a key is shown, never a value or script.
_SUBCOMMANDS = frozenset({"ACL", "CLIENT", "CLUSTER", "CONFIG", "DEBUG", "MEMORY", "SLOWLOG", "SCRIPT", "OBJECT"})
_UNSHOWN = frozenset({"AUTH", "HELLO", "EVAL", "EVAL_RO", "MIGRATE"})


@dataclass(frozen=True)
class Slow:
    """One entry of the slow log."""

    id: int
    at: datetime  # the server's clock, to the second
    duration_us: int
    args: tuple[bytes, ...]
    address: str = ""
    client: str = ""

    def of_a_tool(self, suite: str) -> bool:
        """It is this suite's own (``suite``: the name of its connections), or what redis-cli asks when it starts."""
        return self.client.startswith(suite) or self.args[:1] in ((b"COMMAND",), (b"command",))

    def describe(self) -> str:
        """Duration, instant, command and its first key; never a value."""
        name = text_of(self.args[0]).upper() if self.args else "?"
        words = [shown(name, limit=40)]
        if len(self.args) > 1 and name not in _UNSHOWN:
            first = text_of(self.args[1])
            words.append(shown(first.upper() if name in _SUBCOMMANDS else first, limit=60))
        by = f" by {shown(self.client)}" if self.client else ""
        where = f" from {shown(self.address)}" if self.address else ""
        return f"{self.duration_us / 1000:.1f} ms at {clock(self.at)}: {' '.join(words)}{by}{where}"


@dataclass(frozen=True)
class SlowLog:
    """The newest entries, newest first, and from which duration on the server records (µs; negative: off)."""

    entries: tuple[Slow, ...]
    recorded_from_us: int

    def slower(self, limit_us: int, since: datetime, suite: str = SUITE_NAME) -> Finding:
        """Entries of ``limit_us`` and more from ``since`` on, those of tools left out.

        Where the slow log is off, or records from a higher duration on, none found proves nothing:
        ``NotApplicable``.
        """
        recent = [entry for entry in self.entries if entry.at >= since.replace(microsecond=0)]
        slow = [entry for entry in recent if entry.duration_us >= limit_us and not entry.of_a_tool(suite)]
        full = ", which is all that was asked for" if len(recent) == ASKED else ""
        seen = f"{plural(len(recent), 'entry', 'entries')} since {clock(since)}{full}, recorded {self._recorded}"
        return Finding(seen, tuple(entry.describe() for entry in slow), self._blind(limit_us, seen))

    def _blind(self, limit_us: int, seen: str) -> NotApplicable | None:
        blind = self.recorded_from_us < 0 or self.recorded_from_us > limit_us
        return NotApplicable(f"the slow log does not record from {limit_us} µs on: {seen}") if blind else None

    @property
    def _recorded(self) -> str:
        return "nothing (off)" if self.recorded_from_us < 0 else f"from {self.recorded_from_us} µs on"


def parse_slowlog(items: Sequence[Reply]) -> tuple[Slow, ...]:
    """Read SLOWLOG GET. Raises ``Unjudged`` for what is not an entry."""
    return tuple(_entry(item) for item in items)


def _entry(item: Reply) -> Slow:
    match item:
        case [int(number), int(at), int(duration), list(args), *rest] if all(isinstance(arg, bytes) for arg in args):
            address, client = ([text_of(part) for part in rest if isinstance(part, bytes)] + ["", ""])[:2]
            words = tuple(arg for arg in args if isinstance(arg, bytes))
            return Slow(number, instant(at, "a slow log entry's time"), duration, words, address, client)
    raise Unjudged(f"SLOWLOG GET answered {shown(repr(item))}, which is not an entry")
