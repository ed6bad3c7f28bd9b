"""Quantities as they are written on a command line."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from plugins.quantity import MOST_KEPT, count, seconds


@pytest.mark.parametrize(
    ("written", "meant"), [("0", 0), ("90", 90), ("0.5s", 0.5), ("5m", 300), ("2h", 7200), ("24h", 86_400)]
)
def test_a_duration_is_seconds_or_has_a_unit(written: str, meant: float) -> None:
    """A plain number is seconds."""
    assert seconds(written) == meant


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", "5 minutes", "5x", "", "25h", "1e300", "m"])
def test_what_is_no_duration_is_told_what_is_one(value: str) -> None:
    """The message names what was given, and what to write."""
    with pytest.raises(ArgumentTypeError, match=r"is no time of 0 to 86400 seconds; write 90, 90s, 5m or 2h") as told:
        seconds(value)
    assert str(told.value).startswith(repr(value))


@pytest.mark.parametrize(("written", "meant"), [("1", 1), ("10000", MOST_KEPT)])
def test_a_number_of_runs(written: str, meant: int) -> None:
    """One at least."""
    assert count(written) == meant


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "10001", "all", "", "1e3", "\u0661"])
def test_what_is_no_number_of_runs_is_told_what_is_one(value: str) -> None:
    """Nothing is removed on a guess."""
    with pytest.raises(ArgumentTypeError, match=r"is no number of runs; write one from 1 to 10000") as told:
        count(value)
    assert str(told.value).startswith(repr(value))
