"""The band of a history, and which recoveries are beyond it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.report.past import PastRun, past_run
from plugins.report.strips import strips
from plugins.report.trend import ENOUGH, FLOOR_S, band_of, compare, fault_trends
from tests_plugins.hostile import hostile
from tests_plugins.pasts import document, experiment

seconds = st.floats(0, 100, allow_nan=False)


def runs(*recoveries: float | None, outcome: str = "passed") -> list[PastRun]:
    return [past_run(document(number, experiment(each, outcome=outcome))) for number, each in enumerate(recoveries)]


def beyond(*recoveries: float | None) -> bool:
    """Whether the last of these is beyond the band of the others."""
    *earlier, newest = runs(*recoveries)
    return bool(compare(newest, earlier).beyond)


def test_a_band_is_median_and_mad() -> None:
    """Of 1, 2, 3, 4 and 100 the median is 3, and the median distance from it 1."""
    band = band_of([100.0, 1.0, 2.0, 3.0, 4.0])
    assert band is not None
    assert (band.median_s, band.mad_s, band.high_s()) == (3.0, 1.0, 6.0)


@pytest.mark.parametrize(
    ("recoveries", "is_beyond"),
    [
        ((0.4,) * 5 + (0.54,), False),
        ((0.4,) * 5 + (0.56,), True),
        ((0.4,) * 5 + (0.0,), False),
        ((0.4,) * 4 + (9.9,), False),
        ((0.4,) * 4 + (None, 9.9), False),
        ((0.4,) * 5 + (None,), False),
        ((0.2, 0.3, 0.4, 0.5, 0.6, 0.69), False),
        ((0.2, 0.3, 0.4, 0.5, 0.6, 0.71), True),
    ],
    ids=["noise", "worse", "better", "too-few", "too-few-figures", "never-well", "wide", "wider"],
)
def test_worse_than_its_history_is_beyond(recoveries: tuple[float | None, ...], is_beyond: bool) -> None:
    """Above the median by more than three MADs, of at least five earlier figures; the MAD is 0.05 s at the least."""
    assert beyond(*recoveries) is is_beyond


def test_nobody_gets_used_to_being_late() -> None:
    """What took longer than its window is no history."""
    assert beyond(0.4, 7.0, 0.4, 7.0, 0.4, 7.0, 0.4, 7.0, 0.4, 7.0, 4.0)


def test_who_has_no_history_is_told_even_where_others_have_one() -> None:
    """The wire was late in every earlier run, the backend never was."""
    *earlier, newest = runs(*(7.0,) * 9, 4.0)
    assert compare(newest, earlier).unproven == ("restart (0)",)


def test_what_was_measured_vaguely_is_judged_vaguely() -> None:
    """The backend is asked once a second: half a second more proves nothing."""
    *earlier, newest = (document(number, experiment()) for number in range(6))
    newest["experiments"][0]["recovery_s"]["backend"] = 2.3
    assert not compare(past_run(newest), map(past_run, earlier)).beyond
    newest["experiments"][0]["recovery_s"]["backend"] = 2.5
    (said,) = compare(past_run(newest), map(past_run, earlier)).beyond
    assert said == (
        "restart took longer than it used to: backend 2.50 s ± 0.50, the 5 runs before 0.90 s, at most 2.40 s"
    )


def test_only_its_own_history_counts() -> None:
    """Not that of another host, of verify, or of experiments that nobody could judge."""
    others = [past_run(document(number, experiment(), host="other")) for number in range(9)]
    unjudged = runs(*(0.4,) * 9, outcome="error")
    newest = past_run(document(10, experiment(9.0)))
    assert compare(newest, [*others, *unjudged]).beyond == ()
    assert compare(newest, [*others, *unjudged]).unproven == ("restart (0)",)


def test_a_run_is_judged_by_earlier_runs_alone() -> None:
    """What came later says nothing of what was usual then; and what has become usual, half of the history, is so."""
    (fault,) = fault_trends(runs(*(0.4,) * 5, 2.0, *(2.0,) * 20))
    ping = fault.series[0]
    assert [number for number, point in enumerate(ping.points) if point.is_beyond] == [5, 6, 7, 8, 9]


def test_wire_ping_comes_first_and_then_the_slowest() -> None:
    """As they are shown."""
    content = document(0, experiment())
    content["experiments"][0]["recovery_s"] |= {"write": 0.3, "readiness": 1.4}
    (fault,) = fault_trends([past_run(content)])
    assert [series.vantage for series in fault.series] == ["ping", "readiness", "backend", "write"]


@hostile
@given(st.lists(st.floats(0, 5), min_size=ENOUGH, max_size=40))
def test_no_history_flags_its_own_median(history: list[float]) -> None:
    """Nor anything within the floor of it."""
    band = band_of(history)
    assert band is not None
    assert not beyond(*history, band.median_s + FLOOR_S)


@hostile
@given(st.permutations(range(8)), st.lists(seconds, min_size=8, max_size=8))
def test_the_order_of_reading_does_not_matter(order: list[int], recoveries: list[float]) -> None:
    """Folders come in any order."""
    earlier = runs(*recoveries)
    newest = past_run(document(8, experiment(1.0)))
    assert compare(newest, [earlier[each] for each in order]) == compare(newest, earlier)


def test_a_strip_has_a_cell_for_every_run() -> None:
    """Empty where the check was not in that run; what was amiss comes first."""
    found = strips([{"a": "passed", "b": "failed"}, {"a": "skipped", "c": "passed"}])
    assert [(strip.name, strip.outcomes) for strip in found] == [
        ("b", ("failed", "")),
        ("a", ("passed", "skipped")),
        ("c", ("", "passed")),
    ]
