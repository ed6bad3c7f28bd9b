"""What the twin's backend can be told to do wrong, at run time and without a restart.

The orders are a JSON file that the backend (``backend/app/core/misbehaviour.py``) reads anew for each request. Its
keys: ``body``, ``status``, ``content_type``, ``headers``, ``delay_s`` and ``redis`` (what readiness says of Redis
instead of asking it); ``away`` (further orders, for as long as Redis does not answer); ``available`` (false, raises,
hangs); ``redis_url`` (the Redis that the backend uses); ``reconnects`` (false: who has lost a connection makes none);
``silent`` (true: the application's own records do not reach its log).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"

#: Readiness answers by name, as orders to the backend.
READINESS: Mapping[str, Mapping[str, Any]] = {
    "honest": {},
    "ok": {"redis": {"status": "ok"}},  # a lie while Redis is away
    "degraded": {"redis": {"status": "degraded", "message": "Redis unavailable: told to say so"}},
    "degraded_silently": {"redis": {"status": "degraded"}},
    "down": {"redis": {"status": "down", "message": "told to say so"}},
    "down_503": {"redis": {"status": "down", "message": "told to say so"}, "status": 503},
    "honest_503": {"status": 503},
    "error_500": {"status": 500, "content_type": "text/plain", "body": "Internal Server Error"},
    "error_500_json": {"status": 500, "body": '{"detail": "Internal Server Error"}'},
    "error_500_while_away": {"away": {"status": 500, "content_type": "text/plain", "body": "Internal Server Error"}},
    "hangs_while_away": {"away": {"delay_s": 3600}},  # each question that is put meanwhile
    "too_many_429": {"status": 429, "headers": {"Retry-After": "2"}, "body": '{"detail": "slow down"}'},
    "redirect_302": {"status": 302, "headers": {"Location": "/login"}, "body": ""},
    "html_200": {"content_type": "text/html", "body": PAGE.format("Sign in")},
    "html_502": {"status": 502, "content_type": "text/html", "body": PAGE.format("502 Bad Gateway")},
    "html_503": {"status": 503, "content_type": "text/html", "body": PAGE.format("503 Service Unavailable")},
    "empty": {"body": ""},
    "half_json": {"body": '{"status": "ready", "checks": {"redis": {"sta'},
    "no_checks": {"body": '{"status": "ready"}'},
    "no_redis": {"body": '{"status": "ready", "checks": {"database": {"status": "ok"}}}'},
    "no_status": {"redis": {"latency_ms": 1}},
    "checks_is_a_list": {"body": '{"status": "ready", "checks": ["redis"]}'},
    "redis_is_a_string": {"redis": "ok"},
    "status_is_a_bool": {"redis": {"status": True}},
    "unknown_status": {"redis": {"status": "fine"}},
    "json_is_a_list": {"body": '["ok"]'},
    "hostile": {"redis": {"status": "<script>alert(1)</script>", "message": "\"'`\r\n\x00<img src=x>"}},
    "huge": {"body": '{"status": "ready", "checks": {"redis": {"status": "ok"}}, "padding": "' + "x" * 200_000 + '"}'},
}


@dataclass(frozen=True, kw_only=True)
class Misbehaviour:
    """The orders to a backend; by default there are none. ``readiness`` names one of ``READINESS``."""

    readiness: str = "honest"
    delay_s: float = 0.0  # before readiness answers
    available: Literal["honest", "false", "raises", "hangs"] = "honest"  # what is_redis_available does
    redis_url: str | None = None  # None: the twin's own Redis
    reconnects: bool = True  # False: a process that has lost a connection to Redis never makes one again
    silent: bool = False  # whatever happens, the application logs nothing

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a readiness that nobody knows."""
        if self.readiness not in READINESS:
            raise ValueError(f"readiness {self.readiness!r} is none of {', '.join(READINESS)}")

    def orders(self) -> dict[str, Any]:
        """The JSON object that the backend reads."""
        orders: dict[str, Any] = dict(READINESS[self.readiness])
        if self.delay_s:
            orders["delay_s"] = self.delay_s
        if self.available != "honest":
            orders["available"] = self.available
        if self.redis_url:
            orders["redis_url"] = self.redis_url
        if not self.reconnects:
            orders["reconnects"] = False
        if self.silent:
            orders["silent"] = True
        return orders
