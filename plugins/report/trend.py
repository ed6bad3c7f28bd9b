"""How a host's recoveries compare with each other: series with their band. Pure.

A recovery is judged against its own history: those of earlier runs of the same host, fault and vantage point that were
within their windows. It is beyond its band when it exceeds their median by more than three times their median absolute
deviation (MAD). What was measured is only known to its uncertainty, and no two runs are alike to a hundredth of a
second: the MAD counts as no less than either, so that a history of equal figures does not make a mark of noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

from plugins.figures import figure
from plugins.probe import Vantage
from plugins.report.strips import SHOWN, median
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plugins.report.past import PastExperiment, PastRun

#: So many earlier recoveries make a history.
ENOUGH = 5
#: So many MADs above the median is where a recovery leaves its band.
MADS = 3.0
#: The least that the MAD counts as, in seconds.
FLOOR_S = 0.05
#: So many of the newest recoveries are a history, as many as are shown.
HISTORY = SHOWN

#: No more faults than these are shown; no suite has so many.
_MOST = 200

#: Experiments whose recovery means something; of the others nobody can tell what was measured.
_JUDGED = (Outcome.PASSED, Outcome.FAILED)


@dataclass(frozen=True)
class Band:
    """What a history leads one to expect. Seconds; ``runs`` is how many recoveries it was made of."""

    median_s: float
    mad_s: float
    runs: int

    def high_s(self, uncertainty_s: float = 0.0) -> float:
        """Above this is out of the band, for a figure with this uncertainty."""
        return self.median_s + MADS * max(self.mad_s, uncertainty_s, FLOOR_S)

    def low_s(self, uncertainty_s: float = 0.0) -> float:
        """Below this is out of the band, too, which nobody minds."""
        return max(0.0, self.median_s - MADS * max(self.mad_s, uncertainty_s, FLOOR_S))


def band_of(recoveries: Sequence[float]) -> Band | None:
    """The band of a history; None for an empty one."""
    if not recoveries:
        return None
    middle = median(recoveries)
    return Band(middle, median(abs(each - middle) for each in recoveries), len(recoveries))


@dataclass(frozen=True)
class Point:
    """One recovery from one vantage point. ``recovery_s`` None: it was not seen well again.

    ``band`` is that of the runs before it; None where there was none.
    """

    run_id: str
    outcome: str
    recovery_s: float | None
    uncertainty_s: float
    window_s: float | None
    band: Band | None

    @property
    def is_beyond(self) -> bool:
        """Whether it is worse than its history, of which there is enough."""
        if self.band is None or self.band.runs < ENOUGH or self.recovery_s is None:
            return False
        return self.recovery_s > self.band.high_s(self.uncertainty_s)


@dataclass(frozen=True)
class Series:
    """The recoveries of one fault from one vantage point, oldest first; never empty."""

    vantage: str
    points: tuple[Point, ...]

    @property
    def newest(self) -> Point:
        """That of the newest run."""
        return self.points[-1]

    @property
    def typical_s(self) -> float | None:
        """The median of all of them; None where it never was well again."""
        band = band_of([one.recovery_s for one in self.points if one.recovery_s is not None])
        return None if band is None else band.median_s


@dataclass(frozen=True)
class FaultTrend:
    """One fault on one host: a series for each vantage point, wire PING first, then the slowest first."""

    fault: str
    series: tuple[Series, ...]


def fault_trends(campaigns: Sequence[PastRun]) -> tuple[FaultTrend, ...]:
    """The trend of every fault that some of these runs played, oldest run first."""
    return tuple(islice(_faults(campaigns), _MOST))


def _faults(campaigns: Sequence[PastRun]) -> Iterator[FaultTrend]:
    played = [(one.fault, run.run_id, one) for run in campaigns for one in run.experiments]
    played.sort(key=lambda each: each[0])  # stable: within a fault the oldest stays first
    for fault, experiments in groupby(played, key=lambda each: each[0]):
        series = list(_series([(run_id, one) for _, run_id, one in experiments]))
        if series:
            yield FaultTrend(fault, tuple(sorted(series, key=_rank)))


def _rank(series: Series) -> tuple[bool, float]:
    return series.vantage != Vantage.PING, -(series.typical_s or 0.0)


def _series(experiments: Sequence[tuple[str, PastExperiment]]) -> Iterator[Series]:
    for vantage in dict.fromkeys(name for _, one in experiments for name in one.recovery_s):
        points: list[Point] = []
        history: list[float] = []
        for run_id, one in experiments:
            if vantage in one.recovery_s and one.outcome in _JUDGED:
                points.append(_point(run_id, one, vantage, band_of(history[-HISTORY:])))
                history += _in_time(one, vantage)
        if points:
            yield Series(vantage, tuple(points[-HISTORY:]))


def _in_time(one: PastExperiment, vantage: str) -> list[float]:
    """Its recovery, for the history of those that follow; none where it was too late: nobody is to get used to that."""
    recovery_s, window_s = one.recovery_s[vantage], one.window_s.get(vantage)
    return [] if recovery_s is None or (window_s is not None and recovery_s > window_s) else [recovery_s]


def _point(run_id: str, one: PastExperiment, vantage: str, band: Band | None) -> Point:
    return Point(
        run_id=run_id,
        outcome=one.outcome,
        recovery_s=one.recovery_s[vantage],
        uncertainty_s=one.uncertainty_s.get(vantage, 0.0),
        window_s=one.window_s.get(vantage),
        band=band,
    )


@dataclass(frozen=True)
class Comparison:
    """One run against its history: what is beyond its band, and the faults that have too little history to tell."""

    beyond: tuple[str, ...]  # a sentence for each fault
    unproven: tuple[str, ...]  # "restart (2)": the fault, and how many earlier runs there are


def compare(run: PastRun, earlier: Iterable[PastRun]) -> Comparison:
    """The run's recoveries against those of the earlier runs on the same host."""
    campaigns = sorted((one for one in earlier if one.suite == "chaos" and one.host == run.host), key=_by_id)
    beyond, unproven = [], []
    for fault in _faults([*campaigns, run]):
        own = [series for series in fault.series if series.newest.run_id == run.run_id]
        if worse := [_told(series) for series in own if series.newest.is_beyond]:
            beyond.append(f"{fault.fault} took longer than it used to: {'; '.join(worse)}")
        known = [series.newest.band.runs if series.newest.band else 0 for series in own]
        if known and min(known) < ENOUGH:
            unproven.append(f"{fault.fault} ({min(known)})")
    return Comparison(tuple(beyond), tuple(unproven))


def _by_id(run: PastRun) -> str:
    return run.run_id


def _told(series: Series) -> str:
    point, band = series.newest, series.newest.band
    if band is None or point.recovery_s is None:
        raise ValueError(f"{series.vantage}: nothing to compare")
    return (
        f"{words_of(series.vantage)} {figure(point.recovery_s, point.uncertainty_s)},"
        f" the {band.runs} runs before {band.median_s:.2f} s, at most {band.high_s(point.uncertainty_s):.2f} s"
    )


def words_of(vantage: str) -> str:
    """The vantage point in a person's words; as it is where it comes from another version."""
    return Vantage(vantage).words if vantage in set(Vantage) else vantage
