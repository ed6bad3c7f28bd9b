"""What the pictures of an experiment show, and its figures in words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.history import Operation, Result
from plugins.probe import Vantage
from plugins.recovery import TURNED_AWAY, Moments
from plugins.report.drawing import MOST_BARS, MOST_MARKS, State, draw, intervals, state_of
from plugins.report.recounting import headroom, in_words, stages, tightest
from plugins.report.story import Played
from plugins.verdict import Outcome
from tests_plugins.hostile import hostile

ZERO = 100.0


def op(vantage: str, start: float, end: float, result: str = "ok", code: str = "") -> Operation:
    """An operation, in seconds after zero."""
    return Operation(vantage, ZERO + start, ZERO + end, Result(result), code=code)


def restarted(*operations: Operation, **changes: object) -> Played:
    """An experiment whose fault took 0.3 s."""
    by_start = tuple(sorted(operations, key=lambda one: one.start))
    given = {"moments": Moments(ZERO - 0.3, ZERO), "operations": by_start, "window_s": {"ping": 5.0}, **changes}
    return Played("restart", **given)  # type: ignore[arg-type]  # names of its own fields


HISTORIES = st.lists(
    st.builds(
        lambda vantage, start, span, result, code: op(vantage, start, start + span, result, code),
        st.sampled_from([*Vantage, "elsewhere"]),
        st.floats(-5, 500),
        st.floats(0, 10),
        st.sampled_from(["ok", "fail", "unknown"]),
        st.sampled_from(["", "degraded", "LOADING", "carrier"]),
    ),
    max_size=25,
)


@hostile
@given(HISTORIES)
def test_intervals_do_not_overlap_and_every_operation_starts_in_one_of_its_own_state(history: list[Operation]) -> None:
    """Whatever was asked, and however long it hung: a lane says one thing at a time, and leaves no operation out."""
    for vantage in {one.vantage for one in history}:
        mine = [one for one in history if one.vantage == vantage]
        found = intervals(mine)
        assert all(one.start <= one.end for one in found)
        assert all(one.end <= other.start for one, other in pairwise(found))
        assert all(one.state is not other.state for one, other in pairwise(found))
        for one in mine:
            assert any(it.start <= one.start <= it.end and it.state is state_of(one) for it in found)
        assert found[0].start == min(one.start for one in mine)
        assert max(it.end for it in found) <= max(one.end for one in mine)


@hostile
@given(HISTORIES)
def test_every_operation_has_its_spot(history: list[Operation]) -> None:
    """The picture is as wide as the history, and each lane and state that occurred is marked in it."""
    drawing = draw(restarted(*history))
    assert (drawing is None) == (not history)
    if drawing is not None:
        assert drawing.operations == len(history)
        marked = {(drawing.lanes[mark.lane].vantage, mark.state) for mark in drawing.marks}
        assert marked == {(one.vantage, state_of(one)) for one in history}
        assert all(drawing.begin <= mark.at <= drawing.end for mark in drawing.marks)


def test_a_gap_between_two_states_stays_a_gap() -> None:
    """Nobody knows when it changed between two questions."""
    found = intervals([op("ping", 0, 0.1), op("ping", 1, 1.1), op("ping", 2, 2.2, "fail")], ZERO)
    assert [(one.state, round(one.start, 3), round(one.end, 3)) for one in found] == [
        ("ok", 0, 1.1),
        ("failed", 2, 2.2),
    ]


def test_a_question_that_was_turned_away_is_on_no_lane() -> None:
    """A backend that limits the rate says nothing of Redis."""
    found = intervals(
        [op("readiness", 0, 0.1), op("readiness", 1, 1.1, "unknown", TURNED_AWAY), op("readiness", 2, 2.1)]
    )
    assert [one.state for one in found] == [State.OK]


def test_degraded_is_what_readiness_says_of_itself() -> None:
    """It is no failure there, and means nothing anywhere else."""
    assert state_of(op("readiness", 0, 1, "fail", "degraded")) is State.DEGRADED
    assert state_of(op("readiness", 0, 1, "fail", "down")) is State.FAILED
    assert state_of(op("backend", 0, 1, "fail", "degraded")) is State.FAILED


def test_a_great_history_is_drawn_in_few_marks() -> None:
    """Ten thousand operations that flap all the time fit into a picture, and their number is kept."""
    flapping = [
        op("ping", n / 100, n / 100 + 0.001 * (n % 50), ("ok", "fail", "unknown")[n % 3]) for n in range(10_000)
    ]
    drawing = draw(restarted(*flapping))
    assert drawing is not None
    assert drawing.operations == 10_000
    assert 100 < len(drawing.marks) <= MOST_MARKS
    assert 100 < len(drawing.bars) <= MOST_BARS


def test_more_vantage_points_than_a_picture_has_marks_for_are_drawn_all_the_same() -> None:
    """A journal that somebody else has written does not hang the report."""
    drawing = draw(restarted(*(op(f"v{n}", n / 1000, n / 1000) for n in range(MOST_MARKS + 10))))
    assert drawing is not None
    assert len(drawing.marks) == MOST_MARKS + 10


def test_the_window_is_in_the_picture_where_that_leaves_room_for_what_was_seen() -> None:
    """A window of an hour would make a second invisible."""
    seen = [op("ping", 0, 3)]
    near, far = (draw(restarted(*seen, recovery_s={"ping": 3.0}, window_s={"ping": span})) for span in (5.0, 3600.0))
    assert near is not None
    assert far is not None
    assert near.end > 5
    assert far.end == pytest.approx(3)


def test_a_lane_claims_no_more_than_was_seen() -> None:
    """Who was not seen away is not well again at zero; an upper bound is one."""
    seen = restarted(
        op("backend", -1, -0.9),
        op("backend", 1, 1.1),
        op("ping", 0, 2.32),
        recovery_s={"backend": 0.0, "ping": 2.32},
        outage_s={"backend": None, "ping": 2.5},
        uncertainty_s={"backend": 1.67, "ping": 5.12},
    )
    drawing = draw(seen)
    assert drawing is not None
    assert [(lane.vantage, lane.told, lane.recovery_s) for lane in drawing.lanes] == [
        ("ping", "▲ by 2.32 s", 2.32),
        ("backend", "not seen away (± 1.67 s)", None),
    ]


def test_without_a_fault_time_begins_with_the_first_question() -> None:
    """A run that was killed during the warm-up has a picture too."""
    drawing = draw(restarted(op("ping", 1, 1.1), op("ping", 2, 2.1), moments=None))
    assert drawing is not None
    assert (drawing.begin, drawing.injected, drawing.lanes[0].told) == (0, None, "")


@pytest.mark.parametrize(
    ("recovery", "margin", "window", "said"),
    [
        (1.84, 0.02, 5.0, "1.84 s ± 0.02 of 5 s, 63 % left"),
        (7.1, 0.02, 5.0, "7.10 s ± 0.02 of 5 s, 2.1 s over"),
        (0.0, None, 5.0, "0.00 s of 5 s, 100 % left"),
        (5.0, 0.1, 5.0, "5.00 s ± 0.10 of 5 s, 0 % left"),
        (None, None, 5.0, "not well again (window 5 s)"),
        (1.0, 0.1, None, "1.00 s ± 0.10"),
        (2.32, 5.12, 5.0, "by 2.32 s of 5 s, 54 % left"),
    ],
)
def test_headroom_in_words(recovery: float | None, margin: float | None, window: float | None, said: str) -> None:
    """What is left of the window, or how far beyond it."""
    assert in_words(recovery, margin, window) == said


def test_the_least_headroom_is_said_in_one_sentence() -> None:
    """By the share of its own window that a vantage point left, not by seconds."""
    near = Played("kill", window_s={"ping": 1.0, "backend": 10.0}, recovery_s={"ping": 0.9, "backend": 5.0})
    assert tightest(near) == "wire PING: 0.90 s of 1 s, 10 % left"
    assert tightest(Played("kill")) == ""


def test_headroom_has_a_row_for_each_vantage_point_that_was_judged() -> None:
    """One that never was well again has none left."""
    [first, second] = headroom(
        Played(
            "kill",
            outcome=Outcome.FAILED,
            window_s={"ping": 5.0, "write": 5.0, "backend": 5.0},
            recovery_s={"write": None, "ping": 1.0},
            outage_s={"ping": None, "write": 9.0},
            uncertainty_s={"ping": 0.1},
        )
    )
    assert (first.words, first.recovery, first.left, first.outage, first.outcome) == (
        "wire PING",
        "1.00 s ± 0.10",
        "80 % left",
        "never away",
        "passed",
    )
    assert (second.words, second.recovery, second.left, second.outcome) == (
        "write round trip",
        "not well again",
        "none left",
        "failed",
    )


def test_what_nobody_judged_is_not_told_as_a_failure() -> None:
    """A run that is interrupted in the hold has seen Redis well, and no recovery."""
    asked = [op("ping", -1, -0.9), op("ping", 1, 1.1)]
    figures = {"recovery_s": {"ping": None}, "outage_s": {"ping": None}, "uncertainty_s": {"ping": 0.0}}
    cut = restarted(*asked, **figures, outcome=Outcome.ERROR)
    [row] = headroom(cut)
    assert (row.recovery, row.left, row.outage, row.outcome) == ("not judged", "", "not seen away", "error")
    back = stages(cut)
    assert back is not None
    assert back.missing == ("PONG: not seen away",)
    drawing = draw(cut)
    assert drawing is not None
    assert drawing.lanes[0].told == "not judged"
    assert tightest(cut) == ""


def test_the_way_back_goes_from_refused_by_loading_to_readiness() -> None:
    """Each stage begins where the one before it ended; what never happened is said."""
    back = stages(
        restarted(
            op("ping", -0.1, -0.1, "fail"),
            op("ping", 0.1, 0.1, "fail"),
            op("ping", 0.5, 0.5, "fail", "LOADING"),
            op("ping", 0.9, 1.0),
            op("write", 0.2, 0.2, "fail"),
            op("write", 1.1, 1.2),
            op("exec_ping", -1, -0.9),
            op("exec_ping", 2, 2.1),
            op("readiness", 0.3, 0.4, "fail", "degraded"),
            op("readiness", 1.5, 1.6),
            op("backend", 0, 1, "fail"),
        )
    )
    assert back is not None
    assert [(one.name, round(one.start, 2), round(one.end, 2)) for one in back.stages] == [
        ("refused", 0, 0.5),
        ("loading", 0.5, 1.0),
        ("PONG", 1.0, 1.0),
        ("first write", 1.0, 1.2),
        ("readiness", 1.2, 1.6),
    ]
    assert back.missing == ("PONG in the container: not seen away", "backend: not well again")


def test_a_way_back_that_nobody_had_to_go_is_said() -> None:
    """Clients that were cut off and connected again at once have no stages."""
    back = stages(
        restarted(op("ping", -1, -0.9), op("ping", 1, 1.1), uncertainty_s={"ping": 0.02}, outcome=Outcome.PASSED)
    )
    assert back is not None
    assert back.stages == ()
    assert back.missing == ("PONG: never away",)
    seldom = stages(
        restarted(op("backend", -1, -0.9), op("backend", 1, 1.1), uncertainty_s={"backend": 1.99}, outcome="passed")
    )
    assert seldom is not None
    assert seldom.missing == ("PONG: not asked", "backend: not seen away (± 1.99 s)")


@hostile
@given(HISTORIES)
def test_stages_follow_each_other(history: list[Operation]) -> None:
    """Whatever was seen: none of them overlaps another, none is negative, and every vantage point is accounted for."""
    played = restarted(*history)
    back = stages(played)
    assert back is not None
    assert all(one.span_s >= 0 for one in back.stages)
    assert all(one.end <= other.start + 0.01 for one, other in pairwise(back.stages))
    assert len(back.stages) + len(back.missing) >= len(played.vantages)
