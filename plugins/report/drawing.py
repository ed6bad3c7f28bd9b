"""What the pictures of an experiment show, worked out from its operations. Pure.

Times are seconds after zero, the return of the recovering command; where no fault was injected, zero is the start of
the first operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import log10
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from plugins.experiment_result import unsettled
from plugins.facts.readiness import Kind
from plugins.figures import figure, unseen
from plugins.history import Result
from plugins.probe import Vantage
from plugins.recovery import TURNED_AWAY
from plugins.report.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plugins.history import Operation
    from plugins.report.story import Played

T = TypeVar("T")
#: Where something is drawn: the lane, the state, and two coordinates.
Spot: TypeAlias = "tuple[int, State, int, int]"

#: The plot is so many units wide, and the latency of one vantage point so many high.
WIDTH, HEIGHT = 640, 52
#: What falls on the same square of so many units is drawn once.
_SPOT = 2.0
#: A picture has at most so many marks for operations, and bars for their spells.
MOST_MARKS, MOST_BARS = 1000, 500
#: Milliseconds: what took less is drawn here; the journal's clock is no finer.
LEAST_MS = 0.05
#: A vantage point's name is cut after so many characters; the suite's own are shorter.
_LONGEST = 40


class State(StrEnum):
    """What an operation says of Redis. ``DEGRADED``: readiness said so itself, without Redis."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Interval:
    """A spell in which a vantage point's operations were of one state."""

    state: State
    start: float
    end: float


@dataclass(frozen=True)
class Lane:
    """One vantage point on the timeline. Its intervals are in order and do not overlap."""

    vantage: str
    words: str
    intervals: tuple[Interval, ...]
    told: str = ""  # its recovery, in words; empty where none was judged
    recovery_s: float | None = None
    window_s: float | None = None


@dataclass(frozen=True)
class Mark:
    """Operations of one lane that fall on one spot: when they started, and how long they took."""

    lane: int
    state: State
    at: float
    ms: float


@dataclass(frozen=True)
class Drawing:
    """Everything that the timeline and the latency below it show."""

    fault: str
    lanes: tuple[Lane, ...]
    bars: tuple[tuple[int, Interval], ...]  # of the lanes' intervals, by the lane's index, those that can be told apart
    marks: tuple[Mark, ...]
    operations: int  # as many as the marks stand for
    begin: float
    end: float
    injected: float | None  # None: it was not; then the picture has no fault and no window

    @property
    def span_ms(self) -> tuple[float, float]:
        """The latencies, in milliseconds, between which all others lie, two decades apart at least."""
        spans = [mark.ms for mark in self.marks]
        least = min(spans, default=1.0) / 1.5
        return least, max(100 * least, max(spans, default=1.0) * 1.5)


def draw(played: Played) -> Drawing | None:
    """The drawing of an experiment; None where nothing was asked."""
    asked = played.operations
    if not asked:
        return None
    zero = zero_of(played)
    vantages = [one for one in played.vantages if any(other.vantage == one for other in asked)]
    by_lane = [[one for one in asked if one.vantage == vantage] for vantage in vantages]
    lanes = tuple(_lane(played, vantage, mine, zero) for vantage, mine in zip(vantages, by_lane, strict=True))
    begin, end = asked[0].start - zero, max([one.end for one in asked]) - zero
    injected = None
    if played.moments is not None:
        injected = played.moments.injected - zero
        begin, end = min(begin, injected), max(end, _end_with_window(lanes, end), 0.0)
    end = max(end, begin + 0.001)
    marks = _few(_marks(by_lane, zero, begin, end), MOST_MARKS)
    return Drawing(
        played.fault, lanes, _few(_bars(lanes, begin, end), MOST_BARS), marks, len(asked), begin, end, injected
    )


def zero_of(played: Played) -> float:
    """The instant from which a person counts, monotonic."""
    if played.moments is not None:
        return played.moments.recovering
    return min((one.start for one in played.operations), default=0.0)


def words_of(vantage: str) -> str:
    """A vantage point as a person calls it; one that this version does not know by its own name."""
    if vantage in set(Vantage):
        return Vantage(vantage).words
    name = " ".join(printable(vantage).split()) or "?"
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def state_of(one: Operation) -> State:
    """What an operation says of Redis."""
    state = _STATES[one.result]
    degraded = state is _FAILED and one.code == _DEGRADED and one.vantage == _READINESS
    return State.DEGRADED if degraded else state


# Hundreds of thousands of operations pass here, and looking a member up in its enumeration is slow.
_STATES: Mapping[Result, State] = {
    Result.OK: State.OK,
    Result.FAIL: State.FAILED,
    Result.UNKNOWN: State.UNKNOWN,
}
_FAILED, _DEGRADED, _READINESS = State.FAILED, str(Kind.DEGRADED), str(Vantage.READINESS)


def intervals(operations: Iterable[Operation], zero: float = 0.0) -> tuple[Interval, ...]:
    """Spells of one state, by time: from the first operation's start to the last end of those that follow it alike.

    Where an operation is still under way when one of another state starts, the spell ends there. Questions that were
    turned away for being too many are none.
    """
    spells: list[Interval] = []
    state, since, until = None, 0.0, 0.0
    for one in sorted((one for one in operations if one.code != TURNED_AWAY), key=lambda one: (one.start, one.end)):
        now = state_of(one)
        if now is not state:
            if state is not None:
                spells.append(Interval(state, since - zero, min(until, one.start) - zero))
            state, since, until = now, one.start, one.start
        until = max(until, one.end)
    return (*spells, Interval(state, since - zero, until - zero)) if state is not None else ()


def _lane(played: Played, vantage: str, mine: Sequence[Operation], zero: float) -> Lane:
    spells = intervals(mine, zero)
    if played.moments is None or vantage not in played.recovery_s:
        return Lane(vantage, words_of(vantage), spells)
    recovery, margin = played.recovery_s[vantage], played.uncertainty_s.get(vantage)
    if recovery is None:
        told = unsettled(played.outcome)
    elif recovery == 0 and played.outage_s.get(vantage, 0.0) is None:
        told, recovery = unseen(margin), None  # it came back from nowhere
    else:
        told = f"\u25b2 {figure(recovery, margin).partition(' ±')[0]}"
    return Lane(vantage, words_of(vantage), spells, told, recovery, played.window_s.get(vantage))


def _end_with_window(lanes: Sequence[Lane], end: float) -> float:
    """Where the windows' lines fit in, if that leaves at least half of the picture to what was seen."""
    windows = [lane.window_s for lane in lanes if lane.window_s is not None]
    return max((1.02 * window for window in windows if window <= 2 * end), default=end)


def _bars(lanes: Sequence[Lane], begin: float, end: float) -> dict[Spot, tuple[int, Interval]]:
    """Of all lanes' intervals those that lie on spots of their own."""
    across = WIDTH / (end - begin) / _SPOT
    found: dict[Spot, tuple[int, Interval]] = {}
    for index, lane in enumerate(lanes):
        for one in lane.intervals:
            spot = (index, one.state, int((one.start - begin) * across), int((one.end - begin) * across))
            found.setdefault(spot, (index, one))
    return found


def _marks(by_lane: Sequence[Sequence[Operation]], zero: float, begin: float, end: float) -> dict[Spot, Mark]:
    """Of all operations, by lane, those that lie on spots of their own: of thousands, hundreds."""
    spans = [[max(LEAST_MS, 1000 * (one.end - one.start)) for one in mine] for mine in by_lane]
    lowest, highest = log10(min(map(min, spans))), log10(max(map(max, spans)))
    across, up = WIDTH / (end - begin) / _SPOT, HEIGHT / max(2.0, highest - lowest) / _SPOT
    first = zero + begin
    found: dict[Spot, Mark] = {}
    for lane, mine in enumerate(by_lane):
        for one, ms in zip(mine, spans[lane], strict=True):
            state = state_of(one)
            spot = (lane, state, int((one.start - first) * across), int((log10(ms) - lowest) * up))
            if spot not in found:
                found[spot] = Mark(lane, state, one.start - zero, ms)
    return found


def _few(found: dict[Spot, T], most: int) -> tuple[T, ...]:
    """As they are, or where they are too many those that lie on spots of twice the size, and so on."""
    while len(found) > most:
        wider: dict[Spot, T] = {}
        for (lane, state, one, other), thing in found.items():
            wider.setdefault((lane, state, one // 2, other // 2), thing)
        if len(wider) == len(found):  # every lane and state has but one
            break
        found = wider
    return tuple(found.values())
