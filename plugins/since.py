"""Since when the logs and the counters are looked at: asked for as ``--since``, settled by the host's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

#: What ``--since`` asked for: so long ago, at this instant, or nothing in particular.
SinceRequest = timedelta | datetime | None

DEFAULT = timedelta(minutes=5)  # as the runbook's own log command has it

_LONGEST = timedelta(days=3650)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,9})([smhd])\Z")
_INSTANT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]"
    r"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)
_LEGAL = "write 90s, 5m, 2h or 1d for so long ago, or an instant as 2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Since:
    """The settled instant, always by the host's clock, and how it came about, for the report."""

    instant: datetime
    because: str


class Clocks(NamedTuple):
    """How far the host's clock and others may differ, in seconds."""

    runner_ahead_s: float = 0.0  # measured: the runner's minus the host's
    tolerance_s: float = 0.0  # what is forgiven beyond that


SAME = Clocks()


def parse_since(text: str) -> SinceRequest:
    """A span (``90s``, ``5m``, ``2h``, ``1d``) or an RFC 3339 instant with its offset.

    Raises ``ValueError`` that says what to write instead. Whether an instant has come can only be said by the host's
    clock: see ``resolve``.
    """
    if span := _SPAN.match(text):
        return _span(int(span[1]) * _SECONDS[span[2]])
    if instant := _INSTANT.match(text):
        return _instant(instant)
    raise ValueError(f"{text!r} is neither a span nor an instant; {_LEGAL}")


def _span(seconds: int) -> timedelta:
    """So many seconds, when there are any and not too many."""
    if seconds == 0:
        raise ValueError(f"nothing lies in no time at all; {_LEGAL}")
    if seconds > _LONGEST.total_seconds():
        raise ValueError("that is longer ago than ten years, which no log keeps")
    return timedelta(seconds=seconds)


def _instant(match: re.Match[str]) -> datetime:
    """The instant that was written, in UTC."""
    text = f"{match['day']}T{match['time']}"
    if match["offset"] is None:
        raise ValueError(f"{match[0]!r} has no offset from UTC; write {text}Z, or with the offset as {text}+01:00")
    try:
        return datetime.fromisoformat(text + match["offset"].upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{match[0]!r} is no instant: {error}; {_LEGAL}") from None


def resolve(
    request: SinceRequest,
    *,
    host_now: datetime,
    redis_started_at: datetime | None,
    restart_window_s: float,
    clocks: Clocks = SAME,
) -> Since:
    """Settle what was asked for by the host's clock (``host_now``, with its offset).

    By default five minutes ago; or, where Redis started later than that, the end of its restart window, since what
    a backend logs while Redis is away on purpose is no failure. Raises ``ValueError`` for an instant further in the
    future than the ``clocks`` may differ.
    """
    if isinstance(request, timedelta):
        return _ago(request, host_now, f"--since {_words(request)}")
    if isinstance(request, datetime):
        return _since(request, host_now, clocks)
    default = _ago(DEFAULT, host_now, "the default")
    window = timedelta(seconds=restart_window_s)
    if redis_started_at is None or redis_started_at <= default.instant - window:
        return default
    started = f"Redis started at {rfc_3339(redis_started_at)} and has a window of {restart_window_s:g} s"
    if redis_started_at + window > host_now:
        return Since(default.instant, f"{default.because}; {started}, which is not over")
    return Since(
        redis_started_at + window,
        f"{started}, which ended later than the default of {_words(DEFAULT)} ago, by the host's clock",
    )


def _since(request: datetime, host_now: datetime, clocks: Clocks) -> Since:
    """The instant that was asked for. One that has not come yet by the host's clock is taken as of the runner's."""
    if request <= host_now:
        return Since(request, f"--since {rfc_3339(request)}, by the host's clock")
    ahead_s, runner_s = (request - host_now).total_seconds(), max(0.0, clocks.runner_ahead_s)
    if ahead_s > clocks.tolerance_s + runner_s:
        raise ValueError(
            f"--since {rfc_3339(request)} lies {_distance(ahead_s)} in the future: the host's clock says"
            f" {rfc_3339(host_now)}; give an instant of the host's clock, or a span as 5m"
        )
    settled = min(host_now, request - timedelta(seconds=runner_s))
    return Since(
        settled,
        f"--since {rfc_3339(request)} lies {_distance(ahead_s)} in the future by the host's clock, no more than clocks"
        f" may differ: taken as {rfc_3339(settled)}",
    )


def _distance(seconds: float) -> str:
    """``3 days``, in the largest unit of which there are two at least."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.3g} s"


def _ago(span: timedelta, host_now: datetime, why: str) -> Since:
    """The instant so long before the host's now; the beginning of time where it lies before that."""
    try:
        instant = host_now - span
    except OverflowError:
        instant = datetime.min.replace(tzinfo=UTC)
    return Since(instant, f"{_words(span)} before {rfc_3339(host_now)} by the host's clock ({why})")


def rfc_3339(instant: datetime) -> str:
    """UTC to the second, with milliseconds where there are any."""
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def _words(span: timedelta) -> str:
    """``5m`` rather than ``300s``: the largest unit that divides the span."""
    seconds = int(span.total_seconds())
    unit = next(unit for unit in reversed(_SECONDS) if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
