"""Histories whose truth is known: a server that is up but for known outages, and a sampler that asks it at random."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from plugins.history import Operation, Result
from plugins.recovery import Moments

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

INJECTED = 1.0
HOLD = 1.0  # longer than what a flapping server stays up


@dataclass(frozen=True)
class Truth:
    """What really happened, and how it was watched. Times in seconds; outages by start, apart from each other."""

    outages: tuple[tuple[float, float], ...]
    moments: Moments
    pace_s: float  # the longest pause between two starts
    latency_s: float  # the longest that an answer takes, both ways
    timeout_s: float
    until: float
    patient: bool = True  # some operations wait for the server to come back, and are answered then

    @property
    def outage_s(self) -> float:
        """From the first outage's start to the last one's end."""
        return self.outages[-1][1] - self.outages[0][0]

    @property
    def recovery_s(self) -> float:
        """From the recovering command's return, as the contract counts."""
        return max(0.0, self.outages[-1][1] - self.moments.recovering)


def operations(truth: Truth, random: Random, *, calm: int = 15, sequential: bool = False) -> list[Operation]:
    """What a sampler saw, in random order; ``calm`` operations at least before the fault, the slowest answer first."""
    found: list[Operation] = []
    at = INJECTED - calm * (truth.pace_s + truth.latency_s)
    while at < truth.until:
        one = _ask(truth, at, random, full=not found)
        found.append(one)
        at = (one.end if sequential else at) + random.uniform(truth.pace_s / 10, truth.pace_s)
    random.shuffle(found)
    return found


def _ask(truth: Truth, start: float, random: Random, *, full: bool) -> Operation:
    """One operation: answered, cut off, refused at once, or hung until it gives up or the server is back."""
    there, back = (truth.latency_s / 2 * (1 if full else random.random()) for _ in range(2))
    arrives, gives_up = start + there, start + truth.timeout_s
    outage = _next(truth, arrives)
    if outage is None or arrives + back < outage[0]:
        return Operation("ping", start, arrives + back, Result.OK)
    if arrives < outage[0]:
        cut = random.random() < 0.5
        return Operation("ping", start, outage[0] + back if cut else arrives + back, Result.FAIL if cut else Result.OK)
    match random.choice(("refused", "hangs", "waits")):
        case "refused":
            return Operation("ping", start, arrives + back, Result.FAIL)
        case "waits" if truth.patient and outage[1] + back <= gives_up:
            return Operation("ping", start, outage[1] + back, Result.OK)
    return Operation("ping", start, gives_up, Result.UNKNOWN, code="TIMEOUT")


def _next(truth: Truth, at: float) -> tuple[float, float] | None:
    """The outage at an instant, or the next one."""
    index = bisect_right([end for _, end in truth.outages], at)
    return truth.outages[index] if index < len(truth.outages) else None


@st.composite
def truths(draw: Callable[..., float], *, flapping: bool = False) -> Truth:
    """A fault that takes hold before the recovering command returns.

    ``flapping``: it is away again within the hold, and nobody waits: who is answered late saw no outage at all.
    """
    pace = draw(st.floats(0.02, 0.2))
    latency = draw(st.floats(0.001, 0.1))
    timeout = latency + draw(st.floats(0.01, 1.0))
    seen = pace + 2 * latency  # enough for an operation of its own
    began = INJECTED + draw(st.floats(0.0, 0.5))
    length = draw(st.floats(seen, 2.0)) if flapping else draw(st.floats(0.001, 2.0))
    recovering = draw(st.floats(began, began + length)) if flapping else began + draw(st.floats(0.0, 2.5))
    outages = [(began, began + length)]
    if flapping:
        again = began + length + draw(st.floats(seen + 2 * latency, seen + 2 * latency + 0.05))
        outages.append((again, again + draw(st.floats(seen, 1.0))))
    until = max(outages[-1][1], recovering) + HOLD + 2 * (pace + timeout) + latency
    return Truth(tuple(outages), Moments(INJECTED, recovering), pace, latency, timeout, until, not flapping)


def down_at(truth: Truth, at: float) -> bool:
    """Whether the server was away at an instant."""
    return any(began <= at < ended for began, ended in truth.outages)
