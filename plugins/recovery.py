"""Recovery and outage of one vantage point, worked out from its operations. Pure.

All that is known of Redis is what operations say: a good one saw it up, a bad one saw it away, each at some moment
between its own start and end. A slow or hung operation may end long after others that started later; nothing here
takes the order of the ends for the order of what happened.

What is measured, and what may be concluded from it, are two things:

- ``recovery_s`` and ``outage_s`` are what a client saw, as the contract words it;
- ``uncertainty_s`` bounds how far the truth may be from either. The outage began after the start of the last good
  operation before it and before any bad operation's end; it was over after the start of the last bad operation, and
  by the end of the first good one that started when some operation of the outage had already failed. Where none was
  bad it is the longest outage that could have gone unseen between two good operations.

One thing is presumed of operations that hang until they time out: had Redis been up, they would have been answered
within twice the time of the slowest answer in the calm before the fault (``_CALM`` of them at least; else nothing is
presumed). So they saw it away by then, however much later they gave up.

Several outages are reported as one, from the first bad operation to the good one that opens the hold: a client is
served only then. That there were several is what ``flapped`` says.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from plugins.facts.readiness import Kind
from plugins.figures import figure, seconds, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.history import Operation

#: ``Operation.code`` where what carries the questions failed (the tunnel, the engine): nobody was asked.
CARRIER = "carrier"
#: The codes of operations that say nothing of Redis; they count as bad all the same, for nobody saw it well.
BLIND = frozenset({CARRIER, str(Kind.NOT_ASKED)})
#: The code of a question that was turned away because there were too many: no operation at all.
TURNED_AWAY = str(Kind.RATE_LIMITED)
#: The code of an attempt that was not made, since the engine said that there was nobody to ask.
PRESUMED = "presumed"
#: What the engine says may be so many seconds old on a busy host: a presumed failure is no sooner a certain one.
_STALE_S = 0.3
#: So many answers before the fault tell how long an answer takes.
_CALM = 10


@dataclass(frozen=True)
class Moments:
    """When the fault was injected (just before the command) and when the recovering command returned. Monotonic."""

    injected: float
    recovering: float


@dataclass(frozen=True)
class Recovery:
    """What one vantage point saw. Seconds; ``…_s`` instants count from the return of the recovering command.

    ``settled``: the hold was observed whole, so that nothing that is still to come can change the figures (but for
    an operation in flight). Until then ``recovery_s`` is None, and ``well_s`` says when the present spell of good
    operations began. ``outage_s`` of a vantage point that is still away counts up to its last operation, and nothing
    bounds how much longer it is: ``uncertainty_s`` is None then, as for every outage while the hold is not over.
    """

    vantage: str
    recovery_s: float | None
    outage_s: float | None
    uncertainty_s: float | None
    settled: bool
    flapped: bool
    operations: int
    hold_s: float
    well_s: float | None = None
    last_bad_s: float | None = None  # the start of the last operation that saw Redis away, before the hold was over
    blind: int = 0  # operations that could not ask, since it was last seen away after the recovering command

    @property
    def unasked(self) -> bool:
        """Whether it was not seen well again by the end, when nobody could ask: then it may have been well for long."""
        return self.uncertainty_s is None and self.blind > 0

    def describe(self, window_s: float) -> str:
        """For a person: when it was well again, within which window, and for how long it was away."""
        if not self.operations:
            return f"{self.vantage}: nothing was asked"
        away = self._outage()
        flaps = "; away again in between" if self.flapped else ""
        if self.recovery_s is None:
            return f"{self.vantage} {self._unsettled()} (window {window_s:g} s), {away}{flaps}"
        if self.recovery_s == 0:
            when = "well when the command returned"
        else:
            late = " too late:" if self.recovery_s > window_s else ""
            when = f"well again{late} {figure(self.recovery_s, self.uncertainty_s)} after the command returned"
        return f"{self.vantage} {when} (window {window_s:g} s), {away}{flaps}"

    def _outage(self) -> str:
        if self.outage_s is None:
            return f"no outage seen (± {seconds(self.uncertainty_s or 0.0)})"
        if self.unasked:
            return f"not seen well for {seconds(self.outage_s)}"
        return f"outage {span(self.outage_s, self.uncertainty_s)}"

    def _unsettled(self) -> str:
        if self.well_s is None:
            return "not well again"
        return f"well since {seconds(self.well_s)}, but the hold of {self.hold_s:g} s was not seen to its end"

    def waits(self, until_s: float, now_s: float) -> str:
        """Why to go on watching at ``now_s``; empty: no use any more, as for one that is not well by ``until_s``.

        Both are seconds after the recovering command returned. It says nothing of a sampler that has stopped: whoever
        waits has a deadline.
        """
        if self.settled:
            return ""
        if self.well_s is not None and self.well_s <= until_s:
            return f"{self.vantage} is well since {seconds(self.well_s)}: the hold of {self.hold_s:g} s is not over"
        return f"{self.vantage} is not well yet" if now_s <= until_s else ""

    def fell_behind(self, window_s: float) -> str:
        """Why the promise to be well within the window, and to stay so, was broken as far as was seen; or nothing."""
        if self.flapped:
            return f"{self.vantage} was away again after it had been well"
        if self.recovery_s is not None and self.recovery_s > window_s:
            return f"{self.vantage} was well after {seconds(self.recovery_s)} only, the window is {window_s:g} s"
        if self.well_s is not None and self.well_s > window_s:
            return f"{self.vantage} was not well within {window_s:g} s, only after {seconds(self.well_s)}"
        if self.last_bad_s is not None and self.last_bad_s > window_s:
            return f"{self.vantage} was still away {seconds(self.last_bad_s)} after the command, of {window_s:g} s"
        return ""


def _seen_away(real: Sequence[Operation], moments: Moments) -> float:
    """When it was last seen away, the recovering command at the earliest: what nobody saw before cannot matter."""
    return max(moments.recovering, real[-1].start) if real else moments.recovering


def recover(operations: Sequence[Operation], vantage: str, moments: Moments, *, hold_s: float) -> Recovery:
    """What this vantage point's operations show. Others' may be among them; the order is of no account.

    The hold runs for ``hold_s`` from the recovery, or from the recovering command where it was well by then. Only
    operations that *started* since the recovering operation did can break it: one that hung since the outage cannot.
    """
    mine = sorted((one for one in operations if _counts(one, vantage)), key=lambda one: one.start)
    good = [one for one in mine if one.good]
    bad = [one for one in mine if not one.good and one.end >= moments.injected]
    since = [one for one in mine if one.end >= moments.injected]
    opening = _opening(good, [one.start for one in bad], moments, hold_s)
    over = max(opening.end, moments.recovering) + hold_s if opening else inf
    settled = any(one.end >= over and one.start >= over - hold_s for one in since)
    if settled:
        bad = [one for one in bad if one.start < over]
    bad = _trimmed(bad, _patience(good, moments))
    real = [one for one in bad if one.code not in BLIND]
    ended = opening.end if opening else max((one.end for one in since), default=moments.injected)
    well_s = max(0.0, opening.end - moments.recovering) if opening else None
    return Recovery(
        vantage=vantage,
        recovery_s=well_s if settled else None,
        outage_s=max(0.0, ended - bad[0].start) if bad else None,
        uncertainty_s=_margin(good, bad, opening if settled else None, moments, over),
        settled=settled,
        flapped=_flapped(good, real, moments),
        operations=len(since),
        hold_s=hold_s,
        well_s=well_s,
        last_bad_s=max(0.0, real[-1].start - moments.recovering) if real else None,
        blind=sum(one.code in BLIND and one.start >= _seen_away(real, moments) for one in bad),
    )


def away(operations: Sequence[Operation], vantage: str, moments: Moments) -> tuple[tuple[float, float], ...]:
    """The intervals (monotonic) in which Redis was certainly away as this vantage point saw it, one for each outage.

    From the first end to the last start of operations that failed with no good one between them; presumed failures
    count as far as what the engine says cannot be out of date.
    """
    mine = sorted((one for one in operations if _counts(one, vantage)), key=lambda one: one.start)
    good = [one for one in mine if one.good]
    bad = [one for one in mine if not one.good and one.code not in BLIND and one.end >= moments.injected]
    real = _trimmed(bad, _patience(good, moments))
    outages: list[list[Operation]] = []
    for one in real:
        seen = min((other.end for other in outages[-1]), default=inf) if outages else inf
        if not outages or _between(good, seen, one.start):
            outages.append([])
        outages[-1].append(one)
    spans = [(min(one.end for one in outage), max(map(_certainly, outage))) for outage in outages]
    return tuple((first, last) for first, last in spans if first < last)


def _certainly(one: Operation) -> float:
    """Until when Redis was away for certain, by a failed operation."""
    return one.start - _STALE_S if one.code == PRESUMED else one.start


def _counts(one: Operation, vantage: str) -> bool:
    return one.vantage == vantage and one.code != TURNED_AWAY


def _patience(good: Sequence[Operation], moments: Moments) -> float:
    """How long an answer may take, as the calm before the fault shows; without end where it was too short to tell."""
    calm = [one.end - one.start for one in good if one.end <= moments.injected]
    return 2 * max(calm) if len(calm) >= _CALM else inf


def _trimmed(bad: Sequence[Operation], patience_s: float) -> list[Operation]:
    """Operations that failed, each ending when it had seen Redis away, not when it gave up."""
    return [one if one.end - one.start <= patience_s else replace(one, end=one.start + patience_s) for one in bad]


def _between(good: Sequence[Operation], after: float, before: float) -> Operation | None:
    """The good operation that ended first of those that lie wholly between two instants."""
    found = [one for one in good if one.start >= after and one.end <= before]
    return min(found, key=lambda one: one.end, default=None)


def _opening(good: Sequence[Operation], bad: Sequence[float], moments: Moments, hold_s: float) -> Operation | None:
    """The good operation that ended first of those that open a hold; both by start, ``bad``: the starts alone.

    Whoever asks more seldom than the hold is long may have asked nothing in it: an answer from before the fault then
    opens it only where the next one that was asked after the recovering command was good too.
    """
    asked = [one.start for one in good]
    for one in sorted(good, key=lambda one: one.end):
        after = bisect_left(bad, one.start)
        following = bad[after] if after < len(bad) else inf
        attested = bisect_left(asked, max(one.start, moments.recovering)) < bisect_left(asked, following)
        if following == inf or (attested and following >= max(one.end, moments.recovering) + hold_s):
            return one
    return None


def _flapped(good: Sequence[Operation], real: Sequence[Operation], moments: Moments) -> bool:
    """Whether it was away, then well, then away again, the last of them after the recovering command.

    Each wholly before the next, so that operations that overlap at the edge of one outage are not taken for two.
    """
    if not real:
        return False
    first = _between(good, min(one.end for one in real), inf)
    return first is not None and real[-1].start >= max(first.end, moments.recovering)


def _margin(
    good: Sequence[Operation], bad: Sequence[Operation], opening: Operation | None, moments: Moments, over: float
) -> float | None:
    """How far the truth may be from what was seen; None for an outage whose end nobody has seen."""
    if not bad:
        return _widest(good, moments, over)
    return _edges(good, bad, opening.end, moments) if opening else None


def _edges(good: Sequence[Operation], bad: Sequence[Operation], ended: float, moments: Moments) -> float:
    """How far the truth may be from the measured outage and recovery, given the bad operations by start."""
    seen = [one for one in bad if one.code not in BLIND] or bad
    first, last = bad[0], seen[-1]
    began_after = max([moments.injected, *(one.start for one in good if one.end <= first.start)])
    began_before = max(began_after, min(one.end for one in seen))
    over_after = last.start
    over_before = max(_surely_over(good, seen, ended), ended, over_after)
    outage = ended - first.start
    least, most = max(0.0, over_after - began_before), over_before - began_after
    return max(outage - least, most - outage, abs(ended - over_after), over_before - ended)


def _surely_over(good: Sequence[Operation], seen: Sequence[Operation], otherwise: float) -> float:
    """By when the last outage was over: the end of a good operation that started after one of its failures."""
    last = seen[-1]
    before = max((one.end for one in good if one.end <= last.start), default=-inf)
    failed = min(one.end for one in seen if one.start >= before)
    return min((one.end for one in good if one.start >= max(failed, last.start)), default=max(otherwise, failed))


def _widest(good: Sequence[Operation], moments: Moments, over: float) -> float:
    """The longest outage that two neighbouring good operations leave room for, from the injection to the hold's end."""
    asked = [one for one in good if one.end >= moments.injected]
    since = [moments.injected, *(max(one.start, moments.injected) for one in asked if one.end <= over)]
    return max((one.end - start for start, one in zip(since, asked, strict=False)), default=0.0)
