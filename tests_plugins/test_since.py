"""Since when: what may be asked for, and what the host's clock makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.since import SAME, Clocks, Since, SinceRequest, parse_since, resolve
from tests_plugins.hostile import any_text, hostile

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def settled(
    request: SinceRequest, *, started: datetime | None = None, window_s: float = 5.0, clocks: Clocks = SAME
) -> Since:
    return resolve(request, host_now=NOW, redis_started_at=started, restart_window_s=window_s, clocks=clocks)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_a_span_is_so_long_ago(text: str, span: timedelta) -> None:
    """In seconds, minutes, hours or days."""
    assert parse_since(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T11:00:00Z",
        "2026-01-02t11:00:00z",
        "2026-01-02 11:00:00Z",
        "2026-01-02T12:30:00+01:30",
        "2026-01-02T11:00:00.000000000Z",
    ],
)
def test_an_instant_is_read_as_rfc_3339_has_it(text: str) -> None:
    """With its offset, whatever that is."""
    assert parse_since(text) == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither a span nor an instant; write 90s, 5m, 2h or 1d"),
        ("5", "neither a span nor an instant"),
        ("5 m", "neither a span nor an instant"),
        ("-5m", "neither a span nor an instant"),
        ("1h30m", "neither a span nor an instant"),
        ("٣m", "neither a span nor an instant"),
        ("5m\n", "neither a span nor an instant"),
        ("yesterday", "neither a span nor an instant"),
        ("0s", "nothing lies in no time at all"),
        ("3651d", "longer ago than ten years"),
        ("999999999d", "longer ago than ten years"),
        ("2026-01-02T11:00:00", r"no offset from UTC; write 2026-01-02T11:00:00Z, .* 2026-01-02T11:00:00\+01:00"),
        ("2026-13-02T11:00:00Z", "is no instant: month must be in 1..12"),
        ("0001-01-01T00:00:00+23:59", "is no instant"),
    ],
)
def test_anything_else_is_told_what_to_write(text: str, words: str) -> None:
    """A naive instant could be meant by any clock, so it is refused too."""
    with pytest.raises(ValueError, match=words):
        parse_since(text)


@hostile
@given(text=st.one_of(any_text, st.from_regex(r"[0-9]{1,12}[smhd]|[0-9T:Z+. -]{20,30}", fullmatch=True)))
def test_no_text_crashes_the_parser(text: str) -> None:
    """A request that can be settled, or a ``ValueError`` in words."""
    try:
        request = parse_since(text)
        since = settled(request)
    except ValueError as error:
        assert "; " in str(error) or "ten years" in str(error)  # noqa: PT017 - either outcome is fine, a crash is not
    else:
        assert since.instant <= NOW


def test_the_default_is_five_minutes_by_the_hosts_clock() -> None:
    """As in the runbook."""
    assert settled(None) == Since(
        NOW - timedelta(minutes=5), "5m before 2026-01-02T12:00:00Z by the host's clock (the default)"
    )


def test_a_redis_that_has_long_been_up_changes_nothing() -> None:
    """The default holds until a start is more recent."""
    assert settled(None, started=NOW - timedelta(minutes=6)).instant == NOW - timedelta(minutes=5)


def test_after_a_restart_the_window_is_left_out() -> None:
    """What a backend logs while Redis is away on purpose is no failure."""
    since = settled(None, started=NOW - timedelta(seconds=60), window_s=7)
    assert since.instant == NOW - timedelta(seconds=53)
    assert since.because.startswith("Redis started at 2026-01-02T11:59:00Z and has a window of 7 s")


def test_a_window_that_ends_later_than_five_minutes_ago_counts() -> None:
    """Though the start itself is longer ago."""
    assert settled(None, started=NOW - timedelta(seconds=302)).instant == NOW - timedelta(seconds=297)


def test_inside_the_window_the_default_holds_and_the_window_is_told() -> None:
    """Its end has not come yet, so it can be nothing to count from; one instant, said once."""
    since = settled(None, started=NOW - timedelta(seconds=2))
    assert since.instant == NOW - timedelta(minutes=5)
    assert since.because.endswith("Redis started at 2026-01-02T11:59:58Z and has a window of 5 s, which is not over")


def test_what_was_asked_for_counts_even_after_a_restart() -> None:
    """A person who says two hours means two hours."""
    since = settled(timedelta(hours=2), started=NOW - timedelta(seconds=60))
    assert since == Since(NOW - timedelta(hours=2), "2h before 2026-01-02T12:00:00Z by the host's clock (--since 2h)")


def test_an_instant_is_taken_as_it_is() -> None:
    """In UTC in the report."""
    instant = datetime(2026, 1, 2, 12, 30, tzinfo=timezone(timedelta(hours=1)))
    assert settled(instant) == Since(instant, "--since 2026-01-02T11:30:00Z, by the host's clock")


def test_an_instant_that_has_not_come_is_refused_with_both_clocks() -> None:
    """Its log would be empty, and an empty log is green."""
    with pytest.raises(ValueError, match="12:00:01Z lies 1 s in the future: the host's clock says 2026-01-02T12:00:0"):
        settled(NOW + timedelta(seconds=1))


def test_an_instant_far_ahead_is_told_in_days() -> None:
    """A person who mistyped the year sees it at once."""
    with pytest.raises(ValueError, match="--since 2030-01-02T12:00:00Z lies 1461 days in the future"):
        settled(datetime(2030, 1, 2, 12, tzinfo=UTC))


def test_an_instant_ahead_by_no_more_than_the_clocks_is_forgiven() -> None:
    """A pipeline that takes its own time just before it deploys is right as far as it can know."""
    since = settled(NOW + timedelta(seconds=1), clocks=Clocks(runner_ahead_s=0.0, tolerance_s=2.0))
    assert since.instant == NOW
    assert since.because == (
        "--since 2026-01-02T12:00:01Z lies 1 s in the future by the host's clock, no more than clocks may differ:"
        " taken as 2026-01-02T12:00:00Z"
    )


def test_an_instant_of_a_runner_whose_clock_is_ahead_is_taken_as_of_its_clock() -> None:
    """Else nothing of what happened since would be looked at."""
    since = settled(NOW + timedelta(seconds=20), clocks=Clocks(runner_ahead_s=30.0, tolerance_s=2.0))
    assert since.instant == NOW - timedelta(seconds=10)


def test_a_runner_that_is_behind_widens_nothing() -> None:
    """Its own instants are never in the host's future."""
    with pytest.raises(ValueError, match="in the future"):
        settled(NOW + timedelta(seconds=3), clocks=Clocks(runner_ahead_s=-30.0, tolerance_s=2.0))


@hostile
@given(
    seconds=st.integers(1, 3650 * 86_400),
    started=st.none() | st.datetimes(timezones=st.just(UTC)),
    window_s=st.floats(0.001, 86_400),
)
def test_since_is_never_in_the_future(seconds: int, started: datetime | None, window_s: float) -> None:
    """And the default never looks further back than five minutes."""
    assert settled(timedelta(seconds=seconds), started=started, window_s=window_s).instant < NOW
    assert NOW - timedelta(minutes=5) <= settled(None, started=started, window_s=window_s).instant <= NOW
