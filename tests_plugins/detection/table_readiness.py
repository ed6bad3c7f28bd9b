"""Rows: readiness is not what it should be, and what may be mistaken for that."""

from __future__ import annotations

from tests_plugins.detection.breaks import Act, Declared, Orders
from tests_plugins.detection.row import Row

_READINESS, _AGREE = "checklist/readiness_includes_redis", "health/vantage_points_agree"
_ODD = "the odd one out: readiness"


def _mute(readiness: str, words: str) -> Row:
    """Readiness answers something in which the backend's own word for Redis is not to be found."""
    return Row(f"readiness: {readiness}", (Orders(readiness=readiness),), failed={_READINESS: words})


ROWS = (
    _mute("error_500", "HTTP 500 without the documented body"),
    _mute("error_500_json", "HTTP 500 without the documented body: the body has no 'checks'"),
    _mute("redirect_302", "a redirect (302)"),
    _mute("html_200", "HTML instead of JSON: a proxy or another site answered: Sign in"),
    _mute("html_502", "HTML instead of JSON: a proxy or another site answered: 502 Bad Gateway"),
    _mute("no_checks", "the body has no 'checks'; it has: status"),
    _mute("no_redis", "checks has no 'redis'; it has: database"),
    _mute("status_is_a_bool", "checks.redis.status is true, not a string"),
    Row(
        "readiness: down",
        (Orders(readiness="down"),),
        failed={_READINESS: "'down'", _AGREE: _ODD},
    ),
    Row(
        "readiness: honest_503",
        (Orders(readiness="honest_503"),),
        warned={"health/readiness_http_status": "HTTP 503"},
    ),
    Row(
        "readiness says degraded without a message",
        (Orders(readiness="degraded_silently"),),
        failed={"health/readiness_schema": "without a message", _AGREE: _ODD},
    ),
    Row("readiness is slow", (Orders(delay_s=2.2),), failed={"health/readiness_time_s": "'ok'"}),
    Row("readiness times out", (Orders(delay_s=6.0),), failed={_READINESS: "no answer in time"}),
    Row("readiness: degraded", (Orders(readiness="degraded"),), failed={_AGREE: _ODD}),
    Row(
        "readiness: degraded, and Redis is required",
        (Orders(readiness="degraded"), Declared({"redis_optional": False})),
        failed={_READINESS: "'degraded'", _AGREE: _ODD},
    ),
    Row(
        "readiness says ok while Redis is down",
        (Orders(readiness="ok"), Act("stop")),
        failed={"container/redis_is_running": "is exited", _READINESS: "while Redis is away"},
    ),
)
