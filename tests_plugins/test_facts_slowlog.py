"""The slow log, read and judged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.slowlog import SlowLog, parse_slowlog
from plugins.target.model import Reply
from plugins.verdict import NotApplicable, Unjudged
from tests_plugins.hostile import hostile

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())


def entry(at: int = SECONDS, duration: int = 20_000, name: bytes = b"", *args: bytes) -> list[Reply]:
    """One entry as SLOWLOG GET gives it."""
    return [1, at, duration, list(args or (b"GET", b"k")), b"172.18.0.3:5", name]


def log(*entries: Reply, recorded_from_us: int = 10_000) -> SlowLog:
    """A slow log of these entries."""
    return SlowLog(parse_slowlog(entries), recorded_from_us)


def test_a_slow_command_is_named_with_duration_and_instant() -> None:
    """Who asked what, when, and how long it took."""
    (told,) = log(entry()).slower(10_000, NOON).offenders
    assert told == '20.0 ms at 2026-01-02T12:00:00Z: "GET" "k" from "172.18.0.3:5"'


@pytest.mark.parametrize(
    "found",
    [
        entry(at=SECONDS - 1),
        entry(duration=9_999),
        entry(name=b"runbook-suite"),
        entry(SECONDS, 20_000, b"", b"COMMAND", b"DOCS"),
    ],
)
def test_what_is_older_or_faster_or_our_own_is_not_blamed(found: Reply) -> None:
    """Only what the host's clients did since the intervention counts; redis-cli asks for COMMAND when it starts."""
    assert log(found).slower(10_000, NOON).offenders == ()


def test_an_entry_of_the_same_second_counts() -> None:
    """Redis stamps whole seconds, so one that began with the window may be in it."""
    assert log(entry()).slower(10_000, NOON.replace(microsecond=900_000)).offenders


@pytest.mark.parametrize("recorded_from_us", [-1, 50_000])
def test_a_slow_log_that_does_not_record_proves_nothing(recorded_from_us: int) -> None:
    """Off, or with a higher threshold: no entry is no proof."""
    with pytest.raises(NotApplicable):
        log(recorded_from_us=recorded_from_us).slower(10_000, NOON).offenders  # noqa: B018 - the property raises


def test_a_slower_command_counts_even_where_the_log_is_half_blind() -> None:
    """What it did record is an offender all the same."""
    assert log(entry(duration=60_000), recorded_from_us=50_000).slower(10_000, NOON).offenders


@pytest.mark.parametrize(
    ("args", "shown", "hidden"),
    [
        ((b"SET", b"key", b"secret-value"), '"SET" "key"', "secret-value"),
        ((b"EVAL", b"return secret-script", b"0"), '"EVAL"', "secret-script"),
        ((b"auth", b"secret-password"), '"AUTH"', "secret-password"),
        ((b"config", b"set", b"requirepass", b"secret"), '"CONFIG" "SET"', "secret"),
        ((b"GET", b"a\xff\r\nb<script>"), '"GET" "a\\xff\\r\\nb<script>"', "\r\n"),
    ],
)
def test_of_a_command_only_its_name_and_key_are_shown(args: tuple[bytes, ...], shown: str, hidden: str) -> None:
    """Values, scripts and passwords never reach a report; a key stays on one line."""
    (told,) = log(entry(SECONDS, 20_000, b"", *args)).slower(10_000, NOON).offenders
    assert shown in told
    assert hidden not in told


@pytest.mark.parametrize("broken", [None, b"", 7, [], [1, 2, 3], [1, 10**30, 3, [b"GET"]], [1, 2, 3, [4]]])
def test_what_is_no_entry_is_unjudged(broken: Reply) -> None:
    """Another form is never taken for an empty log."""
    with pytest.raises(Unjudged):
        log(broken)


@hostile
@given(st.lists(st.binary(max_size=60), max_size=4), st.binary(max_size=30))
def test_any_argument_is_told_on_one_line(args: list[bytes], name: bytes) -> None:
    """Arguments and names of clients are bytes from anywhere."""
    (found,) = parse_slowlog([[1, SECONDS, 1, list[Reply](args), b"", name]])
    assert found.describe().isprintable()
