"""The history of an experiment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from plugins.history import History, Operation, Result
from tests_plugins.hostile import hostile

operations = st.lists(
    st.builds(
        lambda vantage, start, length, result: Operation(vantage, start, start + length, result),
        st.sampled_from(["ping", "write"]),
        st.floats(0, 100),
        st.floats(0, 5),
        st.sampled_from(Result),
    )
)


@hostile
@given(operations)
def test_it_is_told_by_start(made: list[Operation]) -> None:
    """Whatever the order in which operations ended."""
    assert list(History(made).all()) == sorted(made, key=lambda one: one.start)


@hostile
@given(operations)
def test_a_vantage_point_has_its_own(made: list[Operation]) -> None:
    """By start, as all together."""
    history = History(made)
    for vantage in ("ping", "write"):
        assert list(history.of(vantage)) == [one for one in history.all() if one.vantage == vantage]


@hostile
@given(operations, operations)
def test_draining_gives_each_operation_once(first: list[Operation], later: list[Operation]) -> None:
    """As it ended, for the journal; nothing is taken away from the history."""
    history = History(first)
    assert list(history.drain()) == first
    for one in later:
        history.add(one)
    assert list(history.drain()) == later
    assert history.drain() == ()
    assert len(history.all()) == len(first) + len(later)


def test_it_may_be_added_to_from_everywhere() -> None:
    """No operation is lost between threads, nor while somebody reads."""
    history = History()

    def add(worker: int) -> int:
        for number in range(250):
            history.add(Operation("ping", worker, number, Result.OK))
        return len(history.drain()) + 0 * len(history.all())

    with ThreadPoolExecutor(4) as pool:
        drained = sum(pool.map(add, range(4)))
    assert drained + len(history.drain()) == len(history.all()) == 1000


def test_only_ok_is_good() -> None:
    """What may have happened counts as bad."""
    assert [Operation("ping", 0, 1, result).good for result in Result] == [True, False, False]
