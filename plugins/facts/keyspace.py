"""The keys: declared patterns counted with SCAN, and a sample measured in bytes. Never KEYS; bounded in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.finding import Finding
from plugins.facts.units import plural, shown, size, span
from plugins.facts.walk import walk
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.facts.patterns import Inspection, PatternSurvey
    from plugins.inventory import Host, Pattern
    from plugins.target.model import Wire
    from plugins.verdict import NotJudged


@dataclass(frozen=True)
class Sample:
    """Some of the database's keys, each inspected. ``whole``: they are all there are."""

    keys: tuple[Inspection, ...]
    population: int  # DBSIZE
    whole: bool
    refused: NotJudged | None = None

    def bigger(self, limit: int) -> Finding:
        """Keys of more than ``limit`` bytes (MEMORY USAGE), the biggest first. ``Unjudged`` where it is refused."""
        sized = sorted(((one.size or 0, one.key) for one in self.keys), reverse=True)
        among = "all" if self.whole else f"{plural(len(sized), 'key')} sampled of"
        largest = f", the largest {size(sized[0][0])}: {shown(sized[0][1])}" if sized else ""
        seen = f"{among} {plural(self.population, 'key')}{largest}"
        found = tuple(f"{shown(key)} takes {size(count)}" for count, key in sized if count > limit)
        return Finding(seen, found, self.refused)

    @property
    def eternal(self) -> tuple[str, ...]:
        """Up to three keys without a TTL, as examples."""
        return tuple(shown(one.key) for one in self.keys if one.ttl_ms == -1)[:3]


@dataclass(frozen=True)
class Keyspace:
    """What a survey of one database found."""

    database: int
    patterns: tuple[PatternSurvey, ...]
    sample: Sample
    took_s: float

    @property
    def types(self) -> Finding:
        """Keys of another type than their pattern declares."""
        return self._over("type", lambda pattern: pattern.type, lambda seen: seen.broken_type())

    @property
    def ttls(self) -> Finding:
        """Keys without a TTL although their pattern must have one."""
        return self._over("ttl", lambda pattern: pattern.ttl or None, lambda seen: seen.broken_ttl())

    @property
    def max_ttls(self) -> Finding:
        """Keys that live longer than their pattern allows."""
        return self._over("max_ttl_s", lambda pattern: pattern.max_ttl_s, lambda seen: seen.broken_max_ttl())

    @property
    def counts(self) -> Finding:
        """Patterns with more keys than declared."""
        return self._over("max_count", lambda pattern: pattern.max_count, lambda seen: seen.broken_count())

    @property
    def sizes(self) -> Finding:
        """Patterns that take more bytes than declared."""
        return self._over("max_bytes", lambda pattern: pattern.max_bytes, lambda seen: seen.broken_bytes())

    def _over(self, key: str, declared: Callable[[Pattern], object], broken: Callable[[PatternSurvey], str]) -> Finding:
        concerned = [survey for survey in self.patterns if declared(survey.pattern) is not None]
        if not concerned:
            return Finding(self.describe(), unjudged=NotApplicable(f"the inventory declares no pattern with {key}"))
        found = tuple(f"{survey.glob}: {told}" for survey in concerned if (told := broken(survey)))
        doubts = [survey.uncounted() if key == "max_count" else survey.uninspected() for survey in concerned]
        return Finding(self.describe(), found, next((doubt for doubt in doubts if doubt is not None), None))

    def describe(self) -> str:
        """Every declared pattern with its count and bytes."""
        told = "; ".join(survey.describe() for survey in self.patterns) or "no patterns declared"
        return f"{told}; {plural(self.sample.population, 'key')} in database {self.database}, {span(self.took_s)}"


def survey(wire: Wire, host: Host) -> Keyspace:
    """Look at the keys of the wire's database, for at most ``limits.survey_s`` seconds.

    The suite's own keys (``namespace``) are left out. Raises ``TargetError`` when the connection fails; running out
    of time is no error, the parts then say that they are not whole.
    """
    patterns, sampled, took_s = walk(wire, host)
    keys, population, whole, refused = sampled
    return Keyspace(host.redis_db, patterns, Sample(keys, population, whole, refused), took_s)
