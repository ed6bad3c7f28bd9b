"""Figures and foreign text as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.units import instant, parse_size, plural, shown, size, span
from plugins.verdict import Unjudged
from tests_plugins.hostile import any_text, hostile


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (268_435_456, "256.0 MiB"), (1 << 50, "1024.0 TiB")],
)
def test_sizes_carry_their_unit(count: int, text: str) -> None:
    """Bytes are shown in binary units."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [("256mb", 256 << 20), ("256m", 256_000_000), ("1GB", 1 << 30), ("1k", 1000), ("0", 0), ("-1", -1), ("50%", None)],
)
def test_sizes_are_read_as_redis_reads_them(text: str, count: int | None) -> None:
    """The suffix mb is binary and m is decimal, in either case."""
    assert parse_size(text) == count


@pytest.mark.parametrize(("seconds", "text"), [(0.83, "0.83 s"), (90, "90 s"), (600, "10 min"), (7200, "2.0 h")])
def test_spans_carry_their_unit(seconds: float, text: str) -> None:
    """Times are shown in the unit that a person would use."""
    assert span(seconds) == text


def test_one_is_not_many() -> None:
    """Counts agree with their noun."""
    assert (plural(1, "key"), plural(0, "entry", "entries")) == ("1 key", "0 entries")


@hostile
@given(st.one_of(any_text, st.binary(max_size=200)))
def test_foreign_text_is_one_printable_line_of_bounded_length(raw: bytes | str) -> None:
    """No key can forge a line of a report, move a cursor, or fill a screen."""
    text = shown(raw, limit=50)
    assert text.isprintable()
    assert len(text) <= 50 * len("\\U0010ffff") + 2


@pytest.mark.parametrize("seconds", [1e20, -1e20, float("nan")])
def test_a_time_beyond_all_calendars_is_unjudged(seconds: float) -> None:
    """A broken clock is no crash."""
    with pytest.raises(Unjudged):
        instant(seconds, "TIME")
