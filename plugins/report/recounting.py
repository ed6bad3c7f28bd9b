"""An experiment's figures in words: headroom, and the stages of recovery. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from plugins.experiment_result import NO_VERDICT, unsettled
from plugins.figures import figure, span, unseen
from plugins.history import Result
from plugins.probe import TIMEOUT, Vantage
from plugins.recovery import BLIND, TURNED_AWAY
from plugins.report.drawing import words_of
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.history import Operation
    from plugins.recovery import Moments
    from plugins.report.story import Played

#: What an error reply of a Redis that still reads its data set begins with.
LOADING = "LOADING"


@dataclass(frozen=True)
class Row:
    """The headroom of one vantage point, in words; ``left`` says what is left of its window."""

    words: str
    recovery: str
    window: str
    outage: str
    left: str
    outcome: Outcome  # of this vantage point's window


@dataclass(frozen=True)
class Stage:
    """A part of the way back; seconds after the return of the recovering command."""

    name: str
    start: float
    end: float

    @property
    def span_s(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class Stages:
    """The way back, by time, and what of it did not happen, in words."""

    stages: tuple[Stage, ...]
    missing: tuple[str, ...]


def headroom(played: Played) -> tuple[Row, ...]:
    """What each vantage point left of its window; empty where none was judged."""
    return tuple(_row(played, vantage) for vantage in played.vantages if vantage in played.recovery_s)


def _row(played: Played, vantage: str) -> Row:
    window, recovery = played.window_s.get(vantage), played.recovery_s.get(vantage)
    outage, margin = played.outage_s.get(vantage), played.uncertainty_s.get(vantage)
    good = recovery is not None and (window is None or recovery <= window)
    open_ended = recovery is None and played.outcome in NO_VERDICT
    return Row(
        words=words_of(vantage),
        recovery=unsettled(played.outcome) if recovery is None else figure(recovery, margin),
        window="none" if window is None else f"{window:g} s",
        outage=unseen(None if open_ended else margin) if outage is None else span(outage, margin),
        left="" if open_ended else "none left" if recovery is None else _left(recovery, window),
        outcome=Outcome.PASSED if good else Outcome.ERROR if open_ended else Outcome.FAILED,
    )


def tightest(played: Played) -> str:
    """The vantage point that left least of its window, in one sentence; empty where none was judged."""
    judged = [one for one in played.vantages if one in played.recovery_s and played.window_s.get(one)]
    if played.outcome in NO_VERDICT:
        judged = [one for one in judged if played.recovery_s[one] is not None]
    left = {one: _share_left(played.recovery_s[one], played.window_s[one]) for one in judged}
    if not left:
        return ""
    last = min(left, key=left.__getitem__)
    figures = played.recovery_s[last], played.uncertainty_s.get(last), played.window_s[last]
    return f"{words_of(last)}: {in_words(*figures)}"


def _share_left(recovery_s: float | None, window_s: float) -> float:
    return -inf if recovery_s is None else 1 - recovery_s / window_s


def in_words(recovery_s: float | None, uncertainty_s: float | None, window_s: float | None) -> str:
    """One vantage point's headroom in one sentence, as "1.84 s ± 0.02 of 5 s, 63 % left"."""
    told = "not well again" if recovery_s is None else figure(recovery_s, uncertainty_s)
    if window_s is None:
        return told
    left = _left(recovery_s, window_s)
    return f"{told} of {window_s:g} s, {left}" if left else f"{told} (window {window_s:g} s)"


def _left(recovery_s: float | None, window_s: float | None) -> str:
    if recovery_s is None or window_s is None or window_s <= 0:
        return ""
    if recovery_s > window_s:
        return f"{recovery_s - window_s:.2g} s over"
    return f"{100 * (window_s - recovery_s) / window_s:.0f} % left"


def stages(played: Played) -> Stages | None:
    """The way back from the return of the recovering command to the last vantage point; None without a fault."""
    if played.moments is None:
        return None
    since: dict[str, list[Operation]] = {vantage: [] for vantage in played.vantages}
    for one in played.operations:
        if one.end >= played.moments.injected and one.code != TURNED_AWAY:
            since[one.vantage].append(one)
    zero = played.moments.recovering
    margins = {} if played.outcome in NO_VERDICT else played.uncertainty_s  # who was not asked any more has none
    seen = {vantage: _back(mine, zero) or unseen(margins.get(vantage)) for vantage, mine in since.items()}
    goals = {vantage: at for vantage, at in seen.items() if isinstance(at, float)}
    missing = [f"{_GOALS.get(vantage, words_of(vantage))}: {at}" for vantage, at in seen.items() if isinstance(at, str)]
    away = _away(played.operations, played.moments, min(goals.values(), default=None))
    found = {one.name for one in away}
    missing[:0] = [f"{name}: not seen" for name in ("refused", "loading") if name not in found and goals]
    at, done = max((one.end for one in away), default=0.0), list(away)
    for vantage, end in sorted(goals.items(), key=lambda item: (round(item[1], 2), _way(item[0]))):
        done.append(Stage(_GOALS.get(vantage, words_of(vantage)), min(at, end), end))
        at = max(at, end)
    return Stages(tuple(done), tuple(missing))


_GOALS: Mapping[str, str] = {
    Vantage.PING: "PONG",
    Vantage.EXEC_PING: "PONG in the container",
    Vantage.WRITE: "first write",
    Vantage.BACKEND: "backend",
    Vantage.READINESS: "readiness",
}


def _way(vantage: str) -> int:
    """Where on the way back it lies, among those that were there as good as at once."""
    return list(_GOALS).index(vantage) if vantage in _GOALS else len(_GOALS)


def _back(since: Sequence[Operation], zero: float) -> float | str:
    """When the first good operation after the first bad one ended, or why there is no such moment; all by start.

    Empty: none was bad.
    """
    if not since:
        return "not asked"
    bad = next((number for number, one in enumerate(since) if one.result is not Result.OK), None)
    if bad is None:
        return ""
    good = inf
    for one in since[bad:]:
        if one.start >= good:  # whatever comes now ended later
            break
        if one.result is Result.OK:
            good = min(good, one.end)
    return "not well again" if good == inf else max(0.0, good - zero)


def _away(operations: Sequence[Operation], moments: Moments, well: float | None) -> list[Stage]:
    """What those who asked Redis itself were told until somebody found it well, if anybody did."""
    zero, asked = moments.recovering, (Vantage.PING, Vantage.EXEC_PING, Vantage.WRITE)
    mine = [one for one in operations if one.vantage in asked and one.start >= zero and one.code not in BLIND]
    over = max((one.end - zero for one in mine), default=0.0) if well is None else well
    began: dict[str, float] = {}
    for one in mine:
        if one.result is Result.FAIL and one.start - zero < over:
            began.setdefault({LOADING: "loading", TIMEOUT: "no answer"}.get(one.code, "refused"), one.start - zero)
    spells = sorted(began.items(), key=lambda item: item[1])
    edges = [0.0, *(start for _, start in spells[1:]), over]
    return [Stage(name, *edge) for (name, _), edge in zip(spells, pairwise(edges), strict=False)]
