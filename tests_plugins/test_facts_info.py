"""INFO's text, read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.info import figures, parse_info
from plugins.facts.units import text_of
from plugins.verdict import NotApplicable, NotJudged, Unjudged
from tests_plugins.hostile import NASTY, any_text, hostile

SAMPLE = (
    b"# Server\r\nredis_version:7.0.15\r\nexecutable:/data/a:b\r\n\r\n"
    b"# Memory\r\nused_memory:1024\r\nallocator_frag_ratio:1.08\r\n\r\n# Keyspace\r\n"
)


def test_a_field_is_found_whatever_its_section() -> None:
    """Field names are unique in INFO, so a section need not be named."""
    assert parse_info(SAMPLE).number("used_memory") == 1024


def test_a_value_keeps_its_colons_and_loses_its_carriage_return() -> None:
    """Only the first colon parts name and value, and lines end in CRLF."""
    assert parse_info(SAMPLE).text("executable") == "/data/a:b"


def test_an_empty_section_is_there() -> None:
    """A server without keys has a keyspace section without lines."""
    assert parse_info(SAMPLE).section("keyspace") == {}


@pytest.mark.parametrize("ask", ["number", "ratio", "text", "section"])
def test_what_a_version_lacks_is_not_applicable(ask: str) -> None:
    """An unknown field is the version's affair, and the reason names that version."""
    with pytest.raises(NotApplicable, match=r"Redis 7\.0\.15"):
        getattr(parse_info(SAMPLE), ask)("nosuch")


@pytest.mark.parametrize("value", ["", "1.5", "12abc", "0x10", "1_000", "٣", "9" * 5000, *NASTY])
def test_what_is_no_whole_number_is_unjudged(value: str) -> None:
    """A figure that cannot be read is never taken for one."""
    with pytest.raises(Unjudged):
        parse_info(f"# A\r\nfield:{value}\r\n".encode()).number("field")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e5", "1.2.3", ""])
def test_what_is_no_decimal_number_is_unjudged(value: str) -> None:
    """Neither infinity nor no number at all may reach a comparison."""
    with pytest.raises(Unjudged):
        parse_info(f"# A\r\nfield:{value}\r\n".encode()).ratio("field")


def test_huge_counters_stay_exact() -> None:
    """A counter beyond 64 bits is still a whole number."""
    assert parse_info(b"# A\r\nfield:18446744073709551617\r\n").number("field") == 18446744073709551617


def test_the_first_of_two_equal_names_counts() -> None:
    """A value that smuggled in a line cannot overwrite what came before it."""
    assert parse_info(b"# A\r\nrole:master\r\nrole:slave\r\n").text("role") == "master"


def test_valkey_is_called_by_its_own_name_and_version() -> None:
    """Valkey reports the Redis version that it is compatible with beside its own."""
    info = parse_info(b"# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n")
    assert (info.product, info.compatibility) == ("Valkey 9.1.2", (7, 2, 4))


@hostile
@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Whatever comes is read, or says that it could not be."""
    info = parse_info(raw)
    for name in ("redis_version", "used_memory"):
        try:
            info.number(name)
        except NotJudged:
            continue


@hostile
@given(st.dictionaries(st.from_regex(r"\A[a-z_]{1,12}\Z"), st.binary(max_size=40).filter(lambda raw: b"\n" not in raw)))
def test_every_value_comes_through_verbatim(fields: dict[str, bytes]) -> None:
    """Values are kept as they are, but for bytes that are no UTF-8, which are shown."""
    raw = b"# Section\r\n" + b"".join(name.encode() + b":" + value + b"\r\n" for name, value in fields.items())
    assert parse_info(raw).section("section") == {name: text_of(value) for name, value in fields.items()}


def test_figures_leave_out_decimals() -> None:
    """usec_per_call is no counter."""
    assert figures("calls=3,usec=12,usec_per_call=4.00", "x") == {"calls": 3, "usec": 12}


@hostile
@given(any_text)
def test_figures_of_anything_else_are_unjudged_or_numbers(text: str) -> None:
    """A line that another program wrote does not pass for counters."""
    try:
        found = figures(text, "x")
    except Unjudged:
        return
    assert all(isinstance(value, int) for value in found.values())
