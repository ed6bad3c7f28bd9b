"""The polling loop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

import pytest

from plugins.eventually import NotInTime, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


def saying(*values: T) -> Callable[[], T]:
    """An observation that shows each value in turn, then the last one for ever."""
    rest: Iterator[T] = iter(values)

    def observe() -> T:
        return next(rest, values[-1])

    return observe


def test_returns_what_satisfied() -> None:
    """The observation that satisfied is the result."""
    found = eventually(saying(1, 2, 3), lambda n: n > 2, what="three", within_s=5, every_s=0)
    assert found == 3


def test_looks_once_even_without_any_time() -> None:
    """A deadline of zero still looks once."""
    assert eventually(saying("well"), what="well", within_s=0) == "well"


def test_error_names_the_promise_and_the_last_observations() -> None:
    """Equal observations are counted, differing ones are listed."""
    with pytest.raises(NotInTime) as caught:
        eventually(saying("", "", ""), what="Redis answers", within_s=0.05, every_s=0.01)
    assert "Redis answers: not within 0.05 s" in str(caught.value)
    assert "times): ''" in str(caught.value)
    assert len(caught.value.observations) == 1


def test_only_the_last_differing_observations_are_quoted() -> None:
    """A long wait does not make a long error."""
    numbers = iter(range(1000))
    with pytest.raises(NotInTime) as caught:
        eventually(lambda: next(numbers), lambda _: False, what="never", within_s=0.05, every_s=0.001)
    assert len(caught.value.observations) == 5


def test_named_exceptions_mean_not_yet() -> None:
    """An exception in `catch` is an observation."""

    def refuse() -> bool:
        raise ConnectionRefusedError("nobody there")

    with pytest.raises(NotInTime, match="ConnectionRefusedError: nobody there"):
        eventually(refuse, what="connects", within_s=0, catch=(OSError,))


def test_other_exceptions_end_the_loop() -> None:
    """What is not expected is not swallowed."""

    def fail() -> bool:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        eventually(fail, what="works", within_s=5, catch=(OSError,))


def test_hold_starts_anew_after_a_bad_look() -> None:
    """Flapping is not steadiness: the hold counts from the last change to good."""
    observe = saying("well", "well", "", "well")
    begun = time.monotonic()
    assert eventually(observe, what="steady", within_s=5, every_s=0.02, hold_s=0.1)
    assert time.monotonic() - begun >= 0.02 * 3 + 0.1 - 0.02


def test_hold_longer_than_the_time_is_not_in_time() -> None:
    """Good for a shorter time than asked is not good."""
    with pytest.raises(NotInTime):
        eventually(saying("well"), what="steady", within_s=0.05, every_s=0.01, hold_s=1)


def test_pause_can_be_woken() -> None:
    """With an event's wait for pause, a long pause ends when the event is set."""
    event = threading.Event()
    threading.Timer(0.05, event.set).start()
    begun = time.monotonic()
    assert eventually(event.is_set, what="woken", within_s=10, every_s=9, pause=event.wait)
    assert time.monotonic() - begun < 5
