"""Cumulative counters against those of the last look, so that old sins are not blamed on today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.finding import Finding
from plugins.facts.units import shown
from plugins.target.model import UNWANTED
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: Errors that healthy clients cause: a script not yet cached, a library asking what an older server can do.
HARMLESS_ERRORS = frozenset({"ERR", "NOSCRIPT"})
#: Commands whose failures are such questions; EVALSHA's are NOSCRIPT.
PROBING = frozenset({"client", "client|setinfo", "client|maint_notifications", "hello", "command", "evalsha"})


#: What the suite's canary is written with, and with what it is taken away in the same trip.
CANARY, CANARY_END = "psetex", "del"
#: Errors that refuse the canary's end as well as its beginning; OOM refuses only what needs memory.
_REFUSE_BOTH = frozenset({"errors:READONLY", "errors:MISCONF", "errors:NOREPLICAS", "errors:NOPERM"})
#: Commands that this suite itself uses, as Redis counts them before 7 and since.
OWN_COMMANDS = frozenset(
    {
        *("ping", "info", "dbsize", "time", "scan", "randomkey", "type", "pttl", "psetex", "get", "del", "select"),
        *("acl", "acl|whoami", "acl|list", "config", "config|get", "memory", "memory|usage", "slowlog", "slowlog|get"),
        *("client", "client|id", "client|list", "client|setname", "command", "command|docs"),
    }
)
#: How Redis refuses to let somebody in, or to let them do something.
_REFUSALS = frozenset({"NOPERM", "NOAUTH", "WRONGPASS"})


def own_counters(refused: Collection[str]) -> frozenset[str]:
    """The counters that the suite made grow by what it was ``refused``: codes of errors, and ``UNWANTED``.

    How often is not known: the client inside the container asks for itself, too.
    """
    met = _REFUSALS.intersection(refused)
    rejected = {f"rejected_calls:{command}" for command in OWN_COMMANDS} if met else set()
    failed = {"failed_calls:auth"} if {"WRONGPASS", UNWANTED}.intersection(refused) else set()
    return frozenset({*rejected, *failed, *(f"errors:{code}" for code in met)})


@dataclass(frozen=True)
class Counters:
    """What was counted, by name, at one look at one Redis process.

    ``own`` names those that grow because this suite itself is refused things; the next look must not blame the host
    for them either. Where it was refused everything, that is all there is: no ``redis_run_id``, and no ``values``.
    """

    redis_run_id: str
    at: str  # the server's clock, RFC 3339
    values: Mapping[str, int]
    own: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, object]:
        """As the journal holds it."""
        return {
            "redis_run_id": self.redis_run_id,
            "at": self.at,
            "values": dict(self.values),
            "own": sorted(self.own),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, object]) -> Counters:
        """Read ``to_json``'s form again. Raises ``ValueError`` for anything else."""
        match record:
            case {"redis_run_id": str(run_id), "at": str(at), "values": dict(values)} if all(
                type(value) is int for value in values.values()
            ):
                own = record.get("own")
                names = frozenset(map(str, own)) if isinstance(own, list) else frozenset[str]()
                return cls(run_id, at, {str(name): int(value) for name, value in values.items()}, names)
        raise ValueError("counters are redis_run_id, at, and values that are whole numbers")


@dataclass(frozen=True)
class Growth:
    """How much counters grew since the last look, added up."""

    what: str
    total: int
    since: str
    added: int | None  # None: no baseline, and ``why``
    why: str = ""

    @property
    def judged(self) -> int:
        """The growth. Raises ``NotApplicable`` without a baseline."""
        if self.added is None:
            raise NotApplicable(self.describe())
        return self.added

    def describe(self) -> str:
        """``3 evicted keys since 2026-01-02T03:04:05Z (17 in all)``."""
        if self.added is None:
            return f"{self.why}: {self.total} {self.what} so far; the next run judges"
        return f"{self.added} {self.what} since {self.since} ({self.total} in all)"


@dataclass(frozen=True)
class Comparison:
    """Two looks at the same Redis process, or the reason why there is only one."""

    now: Counters
    before: Counters | None
    why: str = ""

    @property
    def since(self) -> str:
        """When the last look was, by the server's clock."""
        return self.before.at if self.before else ""

    def growth(self, what: str, *names: str) -> Growth:
        """The counters ``names`` added up; one that never counted is 0."""
        total = sum(self.now.values.get(name, 0) for name in names)
        added = sum(map(self._added, names)) if self.before else None
        return Growth(what, total, self.since, added, self.why)

    def by_name(self, what: str, prefix: str, *, without: frozenset[str] = frozenset()) -> Finding:
        """Each counter ``prefix…`` that grew, by name; those of ``without`` are shown, not blamed."""
        mine = {name: count for name, count in self.now.values.items() if name.startswith(prefix) and count}
        total = f"{sum(mine.values())} {what} in all"
        if self.before is None:
            listed = _listed({name.removeprefix(prefix): count for name, count in mine.items()})
            story = f"{self.why}: {total}{f' ({listed})' if listed else ''} so far; the next run judges"
            return Finding(story, unjudged=NotApplicable(story))
        grown = {name.removeprefix(prefix): added for name in mine if (added := self._added(name))}
        own = self.now.own | self.before.own
        innocent = {name for name in grown if name in without or prefix + name in own}
        blamed = {name: added for name, added in grown.items() if name not in innocent}
        spared = _listed({name: added for name, added in grown.items() if name in innocent})
        seen = f"{total}; since {self.since}" + (f" harmless or our own: {spared}" if spared else "")
        return Finding(seen, tuple(f"{shown(name)} {added}" for name, added in sorted(blamed.items())))

    def _added(self, name: str) -> int:
        return max(0, self._grown(name) - self._canaries(name))

    def _grown(self, name: str) -> int:
        return self.now.values.get(name, 0) - (self.before.values.get(name, 0) if self.before else 0)

    def _canaries(self, name: str) -> int:
        """What the suite's own canaries that were refused have added to a counter since the last look."""
        kind, _, of = name.partition(":")
        refused = sum(self._grown(f"{how}:{CANARY}") for how in ("rejected_calls", "failed_calls"))
        if kind == "errors":
            return 2 * refused if name in _REFUSE_BOTH else refused
        return refused if kind in ("rejected_calls", "failed_calls") and of in (CANARY, CANARY_END) else 0


def _listed(counts: Mapping[str, int]) -> str:
    """The largest counters by name, at most eight."""
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:8]
    return ", ".join(f"{shown(name)} {count}" for name, count in largest)


def compare(now: Counters, before: Counters | None) -> Comparison:
    """What can be said about growth. A counter that went backwards makes all of them a new baseline.

    CONFIG RESETSTAT sets all of them to 0 at once, so one that went backwards or vanished tells for the rest.
    """
    if before is None:
        return Comparison(now, None, "no baseline yet")
    if before.redis_run_id != now.redis_run_id:
        return Comparison(now, None, "Redis has restarted since the last look, so there is no baseline yet")
    fallen = [name for name, count in before.values.items() if now.values.get(name, 0) < count]
    if fallen:
        return Comparison(now, None, f"new baseline, because {shown(min(fallen))} went backwards since {before.at}")
    return Comparison(now, before)
