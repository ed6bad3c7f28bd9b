"""Checkers: recovery within the window, readiness while Redis is away, and that unknown is never a pass."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.checker import Finding, Verdict, judged, worst
from plugins.checkers.recovering import degraded_while_away, recovered_within_window
from plugins.facts.readiness import Kind
from plugins.history import Operation, Result
from plugins.recovery import CARRIER, Moments, away, recover
from plugins.verdict import Unjudged
from tests_plugins.hostile import hostile
from tests_plugins.updown import HOLD, Truth, down_at, operations, truths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VALID, INVALID, UNKNOWN = Verdict.VALID, Verdict.INVALID, Verdict.UNKNOWN
MOMENTS = Moments(10.0, 11.0)
WINDOW = 5.0
randoms = st.builds(Random, st.integers(0, 2**32))


@pytest.mark.parametrize(
    ("verdicts", "comes_to"),
    [([VALID, UNKNOWN, INVALID], INVALID), ([VALID, UNKNOWN], UNKNOWN), ([VALID, VALID], VALID), ([], UNKNOWN)],
)
def test_invalid_outweighs_unknown_outweighs_valid(verdicts: Sequence[Verdict], comes_to: Verdict) -> None:
    """And nothing at all is unknown."""
    assert worst(verdicts) is comes_to


def crashes() -> Finding:
    raise KeyError("missing")


def gives_up() -> Finding:
    raise Unjudged("the log is gone")


@pytest.mark.parametrize(
    ("checker", "said"),
    [(crashes, "fault in the suite: KeyError: 'missing' (crashes"), (gives_up, "the log is gone")],
)
def test_a_checker_that_fails_knows_nothing(checker: Callable[[], Finding], said: str) -> None:
    """Its crash is no verdict on the host, and no pass."""
    found = judged(checker)
    assert found.verdict is UNKNOWN
    assert found.checker == checker.__name__
    assert found.said.startswith(said)


def test_a_checker_that_judges_is_believed() -> None:
    """Its arguments go through, and its finding comes back."""
    found = judged(recovered_within_window, [], {"ping": 5.0})
    assert found == recovered_within_window([], {"ping": 5.0})


def recovered(history: Sequence[Operation], moments: Moments = MOMENTS, hold_s: float = HOLD) -> Finding:
    return recovered_within_window([recover(history, "ping", moments, hold_s=hold_s)], {"ping": WINDOW})


@hostile
@given(truths(), randoms, st.floats(-1.0, 1.0))
def test_the_window_is_judged_as_far_as_the_uncertainty_allows(truth: Truth, random: Random, slack: float) -> None:
    """Clearly within it is never invalid, clearly beyond it is always found; in between the measured figure decides."""
    seen = recover(operations(truth, random), "ping", truth.moments, hold_s=HOLD)
    window = truth.recovery_s + slack
    verdict = recovered_within_window([seen], {"ping": window}).verdict
    assert seen.uncertainty_s is not None
    if abs(slack) > seen.uncertainty_s:
        assert verdict is (VALID if slack > 0 else INVALID)


@hostile
@given(truths(flapping=True), randoms)
def test_flapping_is_invalid_however_wide_the_window(truth: Truth, random: Random) -> None:
    """Away again after it had been well, though well again in time."""
    assert recovered(operations(truth, random), truth.moments).verdict is INVALID


def ping(at: float, result: Result = Result.OK, code: str = "") -> Operation:
    return Operation("ping", at, at + 0.01, result, code=code)


def every(first: float, last: float, result: Result = Result.OK, code: str = "") -> list[Operation]:
    return [ping(first + n / 10, result, code) for n in range(round((last - first) * 10))]


CALM, AWAY = every(8, 10), every(10, 11, Result.FAIL)


@pytest.mark.parametrize(
    ("history", "verdict"),
    [
        ([], UNKNOWN),
        ([*CALM, *AWAY, *every(11, 13)], VALID),
        ([*CALM, *AWAY, *every(11, 11.5)], UNKNOWN),
        ([*CALM, *every(10, 17, Result.FAIL), *every(17, 19)], INVALID),
        ([*CALM, *every(10, 17, Result.FAIL)], INVALID),
        ([*CALM, *AWAY], INVALID),
        ([*CALM, *every(10, 17, Result.UNKNOWN, CARRIER), *every(17, 19)], UNKNOWN),
        ([*CALM, *every(10, 17, Result.UNKNOWN, CARRIER)], UNKNOWN),
        ([*CALM, *AWAY, *every(11, 11.5), *every(11.5, 11.7, Result.UNKNOWN, CARRIER), *every(11.7, 13)], UNKNOWN),
        ([*CALM, *every(10, 17, Result.FAIL), *every(17, 17.5, Result.UNKNOWN, CARRIER), *every(17.5, 19)], INVALID),
    ],
    ids=[
        "empty",
        "in time",
        "hold not seen",
        "late",
        "never",
        "not watched on",
        "tunnel",
        "tunnel for good",
        "tunnel in the hold",
        "late and tunnel",
    ],
)
def test_recovery_is_judged(history: list[Operation], verdict: Verdict) -> None:
    """A dead tunnel is never taken for a dead Redis, nor a Redis that nobody saw for a good one."""
    assert recovered(history).verdict is verdict


def test_who_was_late_is_named_with_its_window() -> None:
    """Those that were in time are not, for nobody has to look at them."""
    late = recover([*CALM, *every(10, 17, Result.FAIL), *every(17, 19)], "ping", MOMENTS, hold_s=HOLD)
    fine = replace(late, vantage="write", recovery_s=0.1, well_s=0.1, last_bad_s=0.0)
    found = recovered_within_window([late, fine], {"ping": 5.0, "write": 5.0})
    assert (
        found.said == "ping well again too late: 6.01 s ± 0.12 after the command returned (window 5 s), outage 7.01 s"
    )
    assert found.evidence == {"ping": pytest.approx(6.01), "write": 0.1}


def test_a_vantage_point_without_a_window_is_no_pass() -> None:
    """It is a fault of the suite, and unknown."""
    late = recover(CALM, "ping", MOMENTS, hold_s=HOLD)
    assert judged(recovered_within_window, [late], {}).verdict is UNKNOWN


def answers(truth: Truth, random: Random, word: Callable[[bool], str]) -> list[Operation]:
    """A backend's readiness, which looks at Redis once while it answers; ``word`` says what it makes of that."""
    found, at = [], 0.0
    while at < truth.until:
        took, looks = random.uniform(0.001, 0.3), random.random()
        kind = word(down_at(truth, at + took * looks))
        result = Result.OK if kind == Kind.OK else Result.FAIL
        found.append(Operation("readiness", at, at + took, result, code=kind))
        at += took + random.uniform(0.0, 0.25)
    return found


def honest(gone: bool) -> str:
    return Kind.DEGRADED if gone else Kind.OK


def judged_readiness(truth: Truth, random: Random, word: Callable[[bool], str]) -> Finding:
    history = [*operations(truth, random), *answers(truth, random, word)]
    return degraded_while_away(history, truth.moments, redis_optional=True)


@hostile
@given(truths() | truths(flapping=True), randoms)
def test_an_honest_backend_is_never_blamed(truth: Truth, random: Random) -> None:
    """Its answer may have been true when it looked, and out of date when it came."""
    assert judged_readiness(truth, random, honest).verdict is VALID


@hostile
@given(truths(flapping=True), randoms, st.sampled_from([Kind.DOWN, Kind.HTTP_ERROR, Kind.HTML, "TIMEOUT"]))
def test_a_backend_that_breaks_down_is_found(truth: Truth, random: Random, word: str) -> None:
    """Down, an error, another page, or nothing at all, whenever it looked while Redis was certainly away."""
    told = answers(truth, random, lambda gone: word if gone else Kind.OK)
    history = [*operations(truth, random), *told]
    found = degraded_while_away(history, truth.moments, redis_optional=True)
    seen_away = bool(away(history, "ping", truth.moments))
    said = any(one.code == word for one in told if one.end >= truth.moments.injected)
    assert (found.verdict is INVALID) == (seen_away and said)


def away_for(words: Sequence[str], *, optional: bool = True, excused: str = "") -> Finding:
    """Redis away from 10 to 13; readiness says one word after the other, every 0.5 s from 10.5 on."""
    said = [Operation("readiness", 10.5 + n / 2, 10.6 + n / 2, Result.FAIL, code=word) for n, word in enumerate(words)]
    history = [*CALM, *every(10, 13, Result.FAIL), *every(13, 15), *said]
    return degraded_while_away(history, MOMENTS, redis_optional=optional, excused=excused)


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ([Kind.DEGRADED], VALID),
        ([Kind.DEGRADED, Kind.OK], INVALID),
        ([Kind.UNREACHABLE], INVALID),
        ([Kind.MALFORMED], INVALID),
        ([], UNKNOWN),
        ([Kind.RATE_LIMITED], UNKNOWN),
        ([Kind.DEGRADED, CARRIER], UNKNOWN),
        ([Kind.DOWN, CARRIER], INVALID),
        ([Kind.DEGRADED, Kind.RATE_LIMITED], VALID),
    ],
)
def test_what_readiness_may_say_of_an_optional_redis(words: list[str], verdict: Verdict) -> None:
    """Only degraded; a question that was never put or was turned away is no answer."""
    assert away_for(words).verdict is verdict


def test_a_redis_that_is_not_optional_may_take_readiness_down() -> None:
    """Nothing was promised."""
    assert away_for([Kind.DOWN], optional=False).verdict is VALID


@pytest.mark.parametrize(("word", "verdict"), [(Kind.UNREACHABLE, VALID), (Kind.HTML, VALID), (Kind.DOWN, INVALID)])
def test_a_backend_that_compose_restarts_may_be_silent(word: str, verdict: Verdict) -> None:
    """But it may not say that all is down."""
    assert away_for([word], excused="Compose restarts it").verdict is verdict


def test_where_redis_was_not_away_there_is_nothing_to_say() -> None:
    """A flush takes nobody away, and the finding says that it rests on nothing."""
    said = [Operation("readiness", 10.5, 10.6, Result.OK, code=Kind.OK)]
    found = degraded_while_away([*CALM, *every(10, 15), *said], MOMENTS, redis_optional=True)
    assert (found.verdict, found.said) == (VALID, "Redis was not away for as long as could be seen")


@pytest.mark.parametrize(
    ("away_s", "verdict", "said"),
    [
        (0.5, VALID, "Redis was away for 0.39 s only, which who asks every 0.25 s may miss"),
        (1.0, UNKNOWN, "readiness gave no answer in the 0.89 s that Redis was away"),
    ],
)
def test_only_an_outage_that_is_too_short_to_be_asked_about_may_be_missed(
    away_s: float, verdict: Verdict, said: str
) -> None:
    """In a longer one somebody should have asked; what readiness says while Redis is away is not known then."""
    asked = [Operation("readiness", at, at + 0.01, Result.OK, code=Kind.OK) for at in (10.0, 12.0)]
    history = [*CALM, *every(10.1, 10.1 + away_s, Result.FAIL), *every(10.1 + away_s, 15), *asked]
    found = degraded_while_away(history, MOMENTS, redis_optional=True)
    assert (found.verdict, found.said) == (verdict, said)


def test_one_question_that_could_not_be_put_excuses_nobody_who_was_away_afterwards() -> None:
    """A hiccup of the connection says nothing; that Redis was seen away later, and never well, says enough."""
    moments = Moments(injected=10.0, recovering=10.0)
    calm = [Operation("ping", start, start + 0.01, Result.OK) for start in (9.0, 9.5)]
    blind = Operation("ping", 11.0, 11.1, Result.UNKNOWN, code=CARRIER)
    away = [Operation("ping", start, start + 0.1, Result.FAIL) for start in (10.5, 12.0, 14.6)]
    seen = recover([*calm, blind, *away], "ping", moments, hold_s=2.0)
    assert recovered_within_window([seen], {"ping": 5.0}).verdict is Verdict.INVALID
