"""A row of the detection table, and what a judgement lacks to be the one that the row foretells. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests_plugins.detection.scene import Scene
    from tests_plugins.gate import Gate, Judged

#: A stock, healthy staging host.
STOCK = Options()
#: In the reason of a check of counters after Redis has restarted, or its counters were set to zero; and in that of
#: the engine's health check when the container has.
_TOO_EARLY = ("baseline", "has not come to a verdict yet")


#: An unreachable host is known to be one within this time, in seconds.
SOON_S = 10.0


class Break(Protocol):
    """One thing that is broken on purpose."""

    @property
    def marks(self) -> bool:
        """Whether the host itself is touched."""
        ...

    def inflict(self, scene: Scene) -> None:
        """Break it, and leave with the scene how to mend it."""
        ...


@dataclass(frozen=True)
class Row:
    """One way to break a host, and all that the gate says of it.

    ``failed``, ``warned`` and ``unjudged`` are the checks with that outcome, each with words that it says; every
    other check passes, or is skipped as on the healthy host, or is skipped and names a check of the row.
    """

    name: str
    breaks: tuple[Break, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    warned: Mapping[str, str] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)  # that are judged on the healthy host, and words
    unreachable: str = ""  # nothing at all can be judged: words of the one error that is printed
    options: Options = STOCK  # of the healthy host that is broken
    since: int = 0  # the first major version of Redis on which this can be broken so

    @property
    def exit_code(self) -> int:
        """What the gate exits with: 1 with a failed check, else 10 with an unjudged one or an unreachable host."""
        return 1 if self.failed else 10 if self.unjudged or self.unreachable else 0

    @property
    def marks(self) -> bool:
        """Whether it leaves marks on the host; else only the way in which the gate looks at it is another."""
        return any(broken.marks for broken in self.breaks)

    @property
    def shown(self) -> frozenset[str]:
        """The checks that this row proves able to turn red or to be warned."""
        return frozenset({*self.failed, *self.warned})


def unlike(row: Row, broken: Gate, healthy: Gate) -> list[str]:
    """In which ways the judgement of the broken host is not the row's; ``healthy`` is that of the host before."""
    wrong = [] if broken.exit_code == row.exit_code else [f"exit code {broken.exit_code}, not {row.exit_code}"]
    for outcome, foretold in (("failed", row.failed), ("warned", row.warned), ("error", row.unjudged)):
        ambient = healthy.those(outcome)
        wrong += [f"{name} is not {outcome}: {_told(broken, name)}" for name in foretold.keys() - broken.those(outcome)]
        surplus = broken.those(outcome) - ambient - foretold.keys()
        wrong += [f"{name} is {outcome}, too: {_told(broken, name)}" for name in surplus]
    for name, words in {**row.failed, **row.warned, **row.unjudged, **row.skipped}.items():
        if name in broken.checks and words not in broken.checks[name].said:
            wrong.append(f"{name} does not say {words!r}: {_told(broken, name)}")
    if row.unreachable:
        wrong += _unlike_unreachable(row, broken)
    wrong += _without_reason(row, broken, healthy)
    return sorted(wrong)


def _unlike_unreachable(row: Row, broken: Gate) -> Iterator[str]:
    """One clear error, soon, and not forty failures."""
    if row.unreachable not in broken.output:
        yield f"{row.unreachable!r} is not in what the gate prints:\n{broken.output}"
    if broken.checks:
        yield f"{len(broken.checks)} checks were judged"
    if broken.took_s > SOON_S:
        yield f"it took {broken.took_s:.1f} s, more than {SOON_S:g} s"


def _without_reason(row: Row, broken: Gate, healthy: Gate) -> Iterator[str]:
    """Checks that are judged on the healthy host, and skipped here for no reason that is in the row."""
    for name in broken.those("skipped") - healthy.those("skipped") - row.skipped.keys():
        reason = broken.checks[name].reason
        blamed = any(f"because {red} failed" in reason for red in (*row.failed, *row.unjudged))
        if not blamed and not _too_early(broken.checks[name]):
            yield f"{name} is skipped and names no check that failed: {reason}"


def not_green(row: Row, mended: Gate, healthy: Gate) -> list[str]:
    """In which ways the judgement after the mend differs from that of the healthy host."""
    wrong = [] if mended.exit_code == 0 else [f"exit code {mended.exit_code}, not 0"]
    for outcome in ("failed", "warned", "error"):
        wrong += [
            f"{name} is {outcome}: {_told(mended, name)}" for name in mended.those(outcome) - healthy.those(outcome)
        ]
    for name in {*row.failed, *row.warned, *row.unjudged} & healthy.those("passed"):
        if name not in mended.those("passed") and not _too_early(mended.checks[name]):
            wrong.append(f"{name} has not passed again: {_told(mended, name)}")
    return sorted(wrong)


def _too_early(check: Judged) -> bool:
    return check.outcome == "skipped" and any(words in check.reason for words in _TOO_EARLY)


def _told(gate: Gate, name: str) -> str:
    check = gate.checks.get(name)
    return f"{check.outcome}, says {check.said!r}" if check else "there is no such check"
