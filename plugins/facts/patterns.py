"""What was seen of the keys of one declared pattern, and which declarations they break."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plugins.facts.units import plural, shown, size, span
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.inventory import Pattern
    from plugins.verdict import NotJudged

_EXAMPLES = 3


@dataclass(frozen=True)
class Tally:
    """How many keys break one declaration, and the first of them in words."""

    count: int = 0
    examples: tuple[str, ...] = ()

    def add(self, example: str) -> Tally:
        """One more."""
        return Tally(self.count + 1, self.examples if len(self.examples) == _EXAMPLES else (*self.examples, example))

    def describe(self, what: str) -> str:
        """``3 keys of another type: "a" is hash, …``."""
        more = ", …" if self.count > len(self.examples) else ""
        return f"{plural(self.count, 'key')} {what}: {', '.join(self.examples)}{more}"


@dataclass(frozen=True)
class Inspection:
    """What was asked about one key; None: it was not asked, or the key was gone by then."""

    key: bytes
    type: str | None = None
    ttl_ms: int | None = None  # -1: it never expires
    size: int | None = None  # bytes


@dataclass(frozen=True)
class PatternSurvey:
    """The keys of one pattern in the inventory's database. ``whole``: SCAN came round in time."""

    pattern: Pattern
    count: int = 0
    whole: bool = False
    inspected: int = 0
    unlike: Tally = Tally()
    eternal: Tally = Tally()
    overlong: Tally = Tally()
    measured: int = 0  # keys whose bytes are known
    total: int = 0  # bytes of those keys
    refused: NotJudged | None = None

    @property
    def glob(self) -> str:
        """The pattern, quoted."""
        return shown(self.pattern.glob)

    def broken_type(self) -> str:
        """Keys of another type than declared; empty: none."""
        return self.unlike.describe(f"not {self.pattern.type}") if self.unlike.count else ""

    def broken_ttl(self) -> str:
        """Keys that never expire; empty: none."""
        return self.eternal.describe("without a TTL") if self.eternal.count else ""

    def broken_max_ttl(self) -> str:
        """Keys that expire later than declared, or never; empty: none."""
        limit = f"expire later than in {span(self.pattern.max_ttl_s or 0)}"
        return self.overlong.describe(limit) if self.overlong.count else ""

    def broken_count(self) -> str:
        """More keys than declared; empty: not so many, as far as was counted."""
        limit = self.pattern.max_count
        at_least = "" if self.whole else "at least "
        return f"{at_least}{plural(self.count, 'key')}, at most {limit}" if self.count > (limit or 0) else ""

    def broken_bytes(self) -> str:
        """More bytes than declared; empty: not so many, as far as was measured."""
        limit = self.pattern.max_bytes or 0
        return (
            f"{size(self.total)} in {plural(self.measured, 'key')}, at most {size(limit)}" if self.total > limit else ""
        )

    def uncounted(self) -> NotJudged | None:
        """Why the count proves nothing; None: all keys were counted."""
        if self.refused is not None:
            return self.refused
        short = f"only {plural(self.count, 'key')} of {self.glob} counted in limits.survey_s"
        return None if self.whole else Unjudged(f"{short}; raise it to count them all")

    def uninspected(self) -> NotJudged | None:
        """Why finding no key amiss proves nothing; None: every key was looked at."""
        if self.refused is not None or not self.whole:
            return self.uncounted()
        short = f"only {self.inspected} of {plural(self.count, 'key')} of {self.glob} inspected in limits.survey_s"
        return None if self.inspected >= self.count else Unjudged(f"{short}; raise it to look at them all")

    def with_inspections(self, found: Sequence[Inspection]) -> PatternSurvey:
        """The survey with further keys judged against the pattern's declarations."""
        unlike, eternal, overlong = self.unlike, self.eternal, self.overlong
        for one in found:
            if self.pattern.type is not None and one.type not in (None, self.pattern.type):
                unlike = unlike.add(f"{shown(one.key)} is {shown(one.type or '')}")
            if self.pattern.ttl and one.ttl_ms == -1:
                eternal = eternal.add(shown(one.key))
            if self._outlives(one.ttl_ms):
                overlong = overlong.add(f"{shown(one.key)} {_expiry(one.ttl_ms)}")
        sizes = [one.size for one in found if one.size is not None]
        return replace(
            self,
            inspected=self.inspected + len(found),
            unlike=unlike,
            eternal=eternal,
            overlong=overlong,
            measured=self.measured + len(sizes),
            total=self.total + sum(sizes),
        )

    def _outlives(self, ttl_ms: int | None) -> bool:
        limit = self.pattern.max_ttl_s
        if limit is None or ttl_ms is None:
            return False
        return ttl_ms == -1 or ttl_ms > limit * 1000

    def describe(self) -> str:
        """Count and bytes; an estimate where only some of the keys were measured."""
        at_least = "" if self.whole else "at least "
        text = f"{self.glob}: {at_least}{plural(self.count, 'key')}"
        if not self.measured:
            return text
        about = "" if self.measured == self.count else "about "
        return f"{text}, {about}{size(round(self.total * self.count / self.measured))}"


def _expiry(ttl_ms: int | None) -> str:
    return "never expires" if ttl_ms == -1 else f"expires in {span((ttl_ms or 0) / 1000)}"
