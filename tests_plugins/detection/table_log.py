"""Rows: what the backend's log tells, and what only looks as if it did."""

from __future__ import annotations

from tests_plugins.detection.breaks import Logged
from tests_plugins.detection.row import Row

_LOG = "checklist/no_connection_errors_in_logs"
_REFUSED = """2026-01-02 03:04:05,678 ERROR app.sessions: cannot load the session
Traceback (most recent call last):
  File "/app/app/sessions.py", line 41, in load
    raw = client.get(key)
  File "/usr/lib/python3.11/socket.py", line 836, in create_connection
    raise err
ConnectionRefusedError: [Errno 111] Connection refused
"""
_NAMED = _REFUSED.replace(
    "ConnectionRefusedError: [Errno 111] Connection refused",
    "redis.exceptions.ConnectionError: Error 111 connecting to redis_staging:6379. Connection refused.",
)
_FINE = """INFO app.metrics: redis errors=0 redis_timeouts=0 hits=91
INFO: 172.18.0.1:40422 - "GET /api/v1/errors/redis HTTP/1.1" 200 OK
INFO app.redis: reconnected to redis after 0 failures
"""
_OTHERS = """ERROR app.mail: ConnectionRefusedError: [Errno 111] connecting to smtp.staging:25
Traceback (most recent call last):
  File "/app/app/mail.py", line 12, in send
    smtplib.SMTP(host)
ConnectionRefusedError: [Errno 111] Connection refused
"""
_START_UP = """Connecting to redis://redis_staging:6379/0 (timeout=5)
redis pool ready: socket_timeout=5 max_connections=50
Sentry integration: redis; capturing exceptions
"""
_TOLD = {
    "asyncio": (
        "ERROR app.cache: OSError: [Errno 113] Connect call failed ('172.18.0.2', REDIS_PORT)",
        "call failed (",
    ),
    "a client in Go": ("dial tcp 172.18.0.2:REDIS_PORT: i/o timeout", "i/o timeout"),
    "one whose command looks like a level": ("Redis INFO failed: Error 111 connecting to cache.", "INFO failed"),
}

ROWS = (
    Row("a traceback without the word redis", (Logged(_REFUSED),), failed={_LOG: "ConnectionRefusedError"}),
    Row("a traceback with the word redis", (Logged(_NAMED),), failed={_LOG: "redis.exceptions.ConnectionError"}),
    *(
        Row(f"a failed connection as told by {whom}", (Logged(f"{line}\n"),), failed={_LOG: words})
        for whom, (line, words) in _TOLD.items()
    ),
    Row("a log that only mentions redis and errors, and errors of others", (Logged(_FINE), Logged(_OTHERS))),
    Row("what an application says of Redis as it starts", (Logged(_START_UP),)),
)
