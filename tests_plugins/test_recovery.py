"""Recovery and outage, worked out from operations."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.figures import figure, unseen
from plugins.history import Operation, Result
from plugins.recovery import CARRIER, PRESUMED, TURNED_AWAY, Moments, Recovery, away, recover
from tests_plugins.hostile import hostile
from tests_plugins.updown import HOLD, Truth, operations, truths

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOSE = 1e-9
MOMENTS = Moments(10.0, 11.0)
randoms = st.builds(Random, st.integers(0, 2**32))


def seen(history: Sequence[Operation], truth: Truth) -> Recovery:
    return recover(history, "ping", truth.moments, hold_s=HOLD)


def assert_within(found: Recovery, truth: Truth) -> None:
    """The truth lies within what was measured, give or take the uncertainty."""
    assert found.recovery_s is not None
    assert found.uncertainty_s is not None
    assert abs(found.recovery_s - truth.recovery_s) <= found.uncertainty_s + CLOSE
    assert abs((found.outage_s or 0.0) - truth.outage_s) <= found.uncertainty_s + CLOSE


@hostile
@given(truths(), randoms, st.booleans())
def test_the_truth_lies_within_the_uncertainty(truth: Truth, random: Random, sequential: bool) -> None:
    """However operations are paced, slow, hung, cut off or out of order, outage and recovery are bounded."""
    found = seen(operations(truth, random, sequential=sequential), truth)
    assert found.settled
    assert_within(found, truth)


@hostile
@given(truths(), randoms)
def test_without_a_calm_before_the_fault_the_bounds_hold_too(truth: Truth, random: Random) -> None:
    """Nothing is presumed of how long an answer takes where too few were seen."""
    assert_within(seen(operations(truth, random, calm=1), truth), truth)


@hostile
@given(truths(), randoms, st.sampled_from([1, 15]), st.booleans())
def test_one_outage_is_never_taken_for_flapping(truth: Truth, random: Random, calm: int, sequential: bool) -> None:
    """Operations that overlap at its edges, or end long after it, are no second outage."""
    found = seen(operations(truth, random, calm=calm, sequential=sequential), truth)
    assert not found.flapped
    assert len(away(operations(truth, random, calm=calm), "ping", truth.moments)) <= 1


@hostile
@given(truths(flapping=True), randoms)
def test_flapping_is_always_found(truth: Truth, random: Random) -> None:
    """A second outage within the hold is told, and recovery counts from its end."""
    found = seen(operations(truth, random), truth)
    assert found.flapped
    assert_within(found, truth)


@hostile
@given(truths(flapping=True), randoms)
def test_the_certain_absences_lie_within_the_true_outages(truth: Truth, random: Random) -> None:
    """Whoever is judged by what was said while Redis was away is judged by what is certain."""
    for first, last in away(operations(truth, random), "ping", truth.moments):
        assert any(began - CLOSE <= first < last <= ended + CLOSE for began, ended in truth.outages)


@hostile
@given(truths(), randoms)
def test_the_order_is_of_no_account(truth: Truth, random: Random) -> None:
    """A history is read as it comes: by its starts, or by its ends."""
    history = operations(truth, random)
    assert seen(history, truth) == seen(sorted(history, key=lambda one: one.end), truth)


@hostile
@given(truths(), randoms, st.floats(0.0, 1.0))
def test_what_settled_does_not_change(truth: Truth, random: Random, part: float) -> None:
    """Once the hold was seen whole, later operations change nothing but those that were in flight."""
    history = sorted(operations(truth, random), key=lambda one: one.end)
    early = history[: int(part * len(history))]
    found = seen(early, truth)
    inflight = [one for one in history[len(early) :] if early and one.start < early[-1].end]
    if found.settled and all(one.good for one in inflight):
        assert seen(history, truth).flapped == found.flapped
        assert seen(history, truth).outage_s == found.outage_s


def ping(start: float, end: float, result: Result = Result.OK, code: str = "") -> Operation:
    return Operation("ping", start, end, result, code=code)


def every(first: float, last: float, result: Result = Result.OK, code: str = "") -> list[Operation]:
    """An operation every 100 ms, each 10 ms long."""
    count = round((last - first) * 10)
    return [ping(first + n / 10, first + n / 10 + 0.01, result, code) for n in range(count)]


def found(*parts: list[Operation], hold_s: float = 2.0) -> Recovery:
    return recover([one for part in parts for one in part], "ping", MOMENTS, hold_s=hold_s)


CALM = every(8, 10)


def test_an_outage_is_measured_as_a_client_saw_it() -> None:
    """From the first bad operation's start to the first good one's end; recovery from the command's return."""
    seen_ = found(CALM, every(10, 11.5, Result.FAIL), every(11.5, 14))
    assert (seen_.outage_s, seen_.recovery_s) == pytest.approx((1.51, 0.51))
    assert seen_.uncertainty_s == pytest.approx(0.12)
    assert not seen_.flapped


def test_who_was_well_when_the_command_returned_recovered_at_once() -> None:
    """Recovery is 0, and the outage is measured all the same."""
    seen_ = found(CALM, every(10, 10.5, Result.FAIL), every(10.5, 14))
    assert (seen_.outage_s, seen_.recovery_s, seen_.settled) == pytest.approx((0.51, 0, True))


def test_who_was_never_away_has_no_outage() -> None:
    """Its uncertainty is the longest outage that could have gone unseen."""
    seen_ = found(CALM, every(10, 14))
    assert (seen_.outage_s, seen_.recovery_s) == (None, 0)
    assert seen_.uncertainty_s == pytest.approx(0.11)


def test_the_hold_counts_from_the_command_where_it_was_well_by_then() -> None:
    """Away again 1.95 s after the command is within a hold of 2 s, though well since long before it."""
    seen_ = found(CALM, every(10, 10.2, Result.FAIL), every(10.2, 12.95), every(12.95, 13.05, Result.FAIL))
    assert (seen_.flapped, seen_.settled) == (True, False)


def test_what_comes_after_the_hold_is_another_matter() -> None:
    """A hold that was kept is not broken by what comes later."""
    seen_ = found(CALM, every(10, 11, Result.FAIL), every(11, 13.2), every(13.2, 14, Result.FAIL))
    assert (seen_.flapped, seen_.settled, seen_.recovery_s) == pytest.approx((False, True, 0.01))


def test_a_timeout_is_bad() -> None:
    """Whether it happened or not, the client had no answer."""
    seen_ = found(CALM, every(10, 11, Result.FAIL), every(11, 12), [ping(12, 13, Result.UNKNOWN)], every(12.1, 15))
    assert (seen_.flapped, seen_.recovery_s) == pytest.approx((True, 1.11))


def test_a_late_end_of_an_early_start_breaks_no_hold() -> None:
    """A connection that hung since the outage gives up in the middle of the hold."""
    seen_ = found(CALM, [ping(10.05, 12.5, Result.UNKNOWN)], every(10.1, 11.2, Result.FAIL), every(11.2, 14))
    assert (seen_.flapped, seen_.recovery_s) == pytest.approx((False, 0.21))


def test_who_asked_before_the_last_failure_opens_no_hold() -> None:
    """An answer that was long in coming may have been given before Redis went away."""
    seen_ = found(CALM, [ping(10.0, 11.12)], every(10.1, 11.2, Result.FAIL), every(11.2, 14))
    assert seen_.recovery_s == pytest.approx(0.21)


def test_an_answer_from_before_the_end_of_the_outage_does_not_end_it() -> None:
    """One operation was cut off by an outage that the neighbours leave room for until the next answer."""
    seen_ = found(CALM, [ping(10.0, 10.015, Result.FAIL), ping(10.005, 10.006)], every(10.1, 14))
    assert seen_.outage_s == pytest.approx(0.006)
    assert (seen_.uncertainty_s or 0.0) >= 10.11 - 10.006


def test_until_the_hold_is_over_there_is_no_recovery() -> None:
    """It may yet be broken; since when all is well is said."""
    seen_ = found(CALM, every(10, 11.5, Result.FAIL), every(11.5, 12))
    assert (seen_.recovery_s, seen_.settled, seen_.well_s) == pytest.approx((None, False, 0.51))
    assert seen_.waits(5.0, 1.0) == "ping is well since 0.51 s: the hold of 2 s is not over"


def test_who_never_comes_back_is_waited_for_until_the_window_is_over() -> None:
    """Then it fell behind, and its outage counts as far as it was seen."""
    seen_ = found(CALM, every(10, 17, Result.FAIL))
    assert (seen_.recovery_s, seen_.outage_s) == pytest.approx((None, 6.91))
    assert seen_.waits(5.0, 4.9) == "ping is not well yet"
    assert seen_.waits(5.0, 5.1) == ""
    assert "still away 5.90 s after" in seen_.fell_behind(5.0)


def test_who_could_not_ask_any_more_says_nothing_of_the_outage() -> None:
    """Redis may have been well for long while the tunnel was gone."""
    seen_ = found(CALM, every(10, 11.5, Result.FAIL), every(11.5, 17, Result.FAIL, code=CARRIER))
    assert seen_.unasked
    assert "not seen well for 6.91 s" in seen_.describe(5.0)


def test_what_the_engine_said_may_be_out_of_date() -> None:
    """Nobody asked: until shortly before, Redis was away for certain."""
    presumed = every(10, 12, Result.FAIL, code=PRESUMED)
    (span,) = away([*CALM, *presumed, *every(12, 14)], "ping", MOMENTS)
    assert span == pytest.approx((10.01, 11.6))
    (span,) = away([*CALM, *every(10, 12, Result.FAIL), *every(12, 14)], "ping", MOMENTS)
    assert span == pytest.approx((10.01, 11.9))


def test_until_the_hold_is_over_nothing_bounds_the_outage() -> None:
    """It may yet be away again."""
    assert found(CALM, every(10, 11.5, Result.FAIL), every(11.5, 12)).uncertainty_s is None


def test_nothing_bounds_an_outage_whose_end_nobody_saw() -> None:
    """It lasted so long at least, and nobody knows how much longer."""
    seen_ = found(CALM, every(10, 17, Result.FAIL))
    assert seen_.uncertainty_s is None
    assert "outage at least 6.91 s" in seen_.describe(5.0)


def test_a_dead_tunnel_is_counted_apart() -> None:
    """It is bad, but no evidence that Redis was away, so no flapping."""
    seen_ = found(
        CALM, every(10, 11, Result.FAIL), every(11, 12), every(12, 12.2, Result.UNKNOWN, CARRIER), every(12.2, 15)
    )
    assert (seen_.flapped, seen_.blind, seen_.recovery_s) == pytest.approx((False, 2, 1.21))
    assert away([*every(10, 11, Result.UNKNOWN, CARRIER)], "ping", MOMENTS) == ()


def test_a_question_that_was_turned_away_is_none() -> None:
    """A backend that limits the rate of questions (429) says nothing of Redis."""
    assert found(CALM, every(10, 14), every(12, 12.2, Result.UNKNOWN, TURNED_AWAY)).outage_s is None


def test_a_gentle_sampler_knows_that_it_knows_little() -> None:
    """Once a second: an outage between two good operations leaves a second of doubt."""
    seen_ = found([ping(n, n + 0.05) for n in range(8, 16)])
    assert (seen_.outage_s, seen_.recovery_s, seen_.settled) == (None, 0, True)
    assert seen_.uncertainty_s == pytest.approx(1.05)


def test_an_answer_from_before_the_fault_is_no_recovery() -> None:
    """Who asks more seldom than the hold is long, and hears nothing good since, has seen nobody recover."""
    away_ = [ping(start, start + 0.3, Result.FAIL) for start in (11.6, 12.6, 13.6, 14.6)]
    seen_ = found([ping(9.5, 9.8)], away_, hold_s=0.5)
    assert (seen_.recovery_s, seen_.settled, seen_.outage_s) == pytest.approx((None, False, 3.3))
    assert seen_.fell_behind(3.0)


def test_nothing_asked_is_nothing_known() -> None:
    """An empty history recovers nobody."""
    assert (found().operations, found().recovery_s, found().settled) == (0, None, False)
    assert found().describe(5) == "ping: nothing was asked"


def test_other_vantage_points_are_others() -> None:
    """Only its own operations count."""
    assert recover(CALM, "write", MOMENTS, hold_s=2).operations == 0


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            (CALM, every(10, 11.5, Result.FAIL), every(11.5, 14)),
            "ping well again 0.51 s ± 0.12 after the command returned (window 5 s), outage 1.51 s",
        ),
        ((CALM, every(10, 14)), "ping well when the command returned (window 5 s), no outage seen (± 0.11 s)"),
        ((CALM, every(10, 12, Result.FAIL)), "ping not well again (window 5 s), outage at least 1.91 s"),
        (
            (CALM, every(10, 17, Result.FAIL), every(17, 20)),
            "ping well again too late: 6.01 s ± 0.12 after the command returned (window 5 s), outage 7.01 s",
        ),
    ],
)
def test_a_person_is_told(parts: tuple[list[Operation], ...], said: str) -> None:
    """In one line: when, within which window, and for how long it was away."""
    assert found(*parts).describe(5) == said


@pytest.mark.parametrize(
    ("recovery_s", "uncertainty_s", "words"),
    [
        (1.84, 0.02, "1.84 s ± 0.02"),
        (2.32, 5.12, "by 2.32 s"),
        (0.0, 1.99, "0.00 s ± 1.99"),
        (0.4, None, "0.40 s"),
    ],
)
def test_a_figure_claims_no_more_than_is_known(recovery_s: float, uncertainty_s: float | None, words: str) -> None:
    """Where it may have been no time at all, it is an upper bound: the first good answer is one."""
    assert figure(recovery_s, uncertainty_s) == words


def test_who_asks_seldom_cannot_say_that_it_never_was_away() -> None:
    """An outage fits between two of its questions."""
    assert [unseen(margin) for margin in (0.03, 1.99, None)] == [
        "never away",
        "not seen away (± 1.99 s)",
        "not seen away",
    ]
