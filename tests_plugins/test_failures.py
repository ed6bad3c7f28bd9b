"""Whose failure a log record tells: Redis's, another service's, or nobody's."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from plugins.facts.addressee import Addressee
from plugins.facts.failures import is_failure
from plugins.facts.levels import level_of
from plugins.facts.records import join
from plugins.target.model import LogRecord

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REDIS = Addressee(6379, frozenset({"redis_staging", "172.18.0.2"}))
MIDDLEWARE = "/usr/lib/python3/dist-packages/starlette_redis_session/mw.py"
CLIENT = "/usr/lib/python3/dist-packages/redis/client.py"
HTTPX = "/usr/lib/python3/dist-packages/httpx/_transports/default.py"
SOCKETS = "/usr/lib/python3/dist-packages/uvicorn/protocols/websockets/websockets_impl.py"


def fails(text: str, redis: Addressee = REDIS) -> bool:
    [record] = join(LogRecord(NOW, "stderr", line) for line in text.split("\n"))
    return is_failure(record, redis)


def traceback(exception: str, *files: str, announced: str = "ERROR:    Exception in ASGI application") -> str:
    frames = [f'  File "{file}", line 42, in call\n    await self.app(scope)' for file in files]
    return "\n".join((announced, "Traceback (most recent call last):", *frames, exception))


QUIET = [
    # a logger that is called after errors
    "2026-01-02 03:04:05 - app.errors - INFO - redis connected",
    "[2026-01-02 03:04:05 +0000] [gunicorn.error] [INFO] redis session store ready",
    "2026-01-02 uvicorn.error INFO redis lifespan startup complete",
    "2026-01-02 03:04:05,678 app.api.exceptions INFO redis session store ready",
    "uvicorn.error: redis session store ready",
    "app.errors.handlers - redis session store ready",
    "WARNING:app.errors:redis session store is nearly full",
    '{"logger":"uvicorn.error","message":"redis ready"}',
    '{"name":"gunicorn.error","msg":"connected to redis","level":20}',
    '{"level":30,"time":1767323045000,"pid":7,"hostname":"a","msg":"redis error budget 3, timeout 5"}',
    # another's address
    "connect ECONNREFUSED 172.18.0.9:9200",
    "Error: connect ECONNREFUSED ::1:9200",
    "minio:9000 connection refused",
    "Timeout reading from 172.18.0.9:8080",
    'connection to server at "db" (172.18.0.4), port 5432 failed: Connection refused',
    '{"code":"ECONNREFUSED","address":"172.18.0.9","port":9200}',
    "statsd: [Errno 111] Connection refused",
    "failed to export to otel:4317: transport: error while dialing: connection refused",
    "Cannot connect to host api:8080 ssl:default [Connection refused]",
    # a client of the backend's that left
    "websocket handler failed: ConnectionResetError: [Errno 104]",
    "Ignoring connection reset by peer",
    "10.0.0.7:51234 - ConnectionResetError: [Errno 104] Connection reset by peer",
    # counters at zero
    "redis failures=0 refused=0",
    "redis errors 0",
    "redis error count 0",
    "redis failed commands: 0",
    "redis 0 failed",
    "redis: 12 ok, 0 failed",
    "redis errors(0)",
    "redis errors=0ms",
    "redis unavailable=false",
    "redis errors since start: 0",
    "errors: redis=0",
    "errors: postgres=3, redis=0",
    '{"errors": {"redis": 0}}',
    "# HELP redis_errors_total errors of redis",
    "# TYPE redis_errors_total counter",
    "redis last_error=none hits=3",
    # settings
    "redis client ready retry_on_error=[ConnectionError]",
    "redis client ready retry_on_error: (ConnectionError, TimeoutError)",
    "Registered exception handler for redis.exceptions.ConnectionError",
    "Registered exception handler for redis.exceptions.ConnectionError, redis.exceptions.TimeoutError",
    "redis circuit breaker closed, failure threshold 5",
    "Loading Redis configuration from /etc/app",
    "INFO redis retry policy: ConnectionRefusedError, ECONNRESET",
    "INFO redis: will retry on ECONNREFUSED, ETIMEDOUT",
    # not of the connection
    "WARNING redis rate limiter: request denied for 1.2.3.4",
    "WARNING redis lock lost for job 5",
    '10.0.0.7 - - [02/Jan/2026:03:04:05 +0000] "GET /x HTTP/1.1" 500 71 "https://host/redis/error" "curl/8.0"',
    '10.0.0.7 - - [02/Jan/2026:03:04:05 +0000] "GET /redis/error HTTP/1.1" 500 71 "-" "curl/8.0"',
    # quiet, and of nothing that failed, or of what is over, or of another
    "INFO redis errors=0",
    "INFO redis retrying policy: 3 times",
    "INFO reconnected to redis after connection refused",
    "INFO redis is back after Error 111 connecting to redis_staging:6379. Connection refused.",
    "INFO redis errors are counted",
    "INFO redis session store: postgres connection refused, will be retried",
    "INFO redis ready; exporter at 172.18.0.9:4318: connection refused",
    'INFO:     10.0.0.7:51234 - "GET /redis?why=connection+refused HTTP/1.1" 503 Service Unavailable',
    "INFO Connection refused",
]

FAILURES = [
    # at a quiet level
    "INFO app.core.redis_client: Redis unavailable: Error 111 connecting to redis_staging:6379. Connection refused.",
    '{"levelname":"INFO","message":"redis: ConnectionError: Error 111 connecting to redis_staging:6379"}',
    '{"levelname":"INFO","message":"redis: ConnectionError: Error 111"}',
    "DEBUG redis connection error: Connection refused",
    "NOTICE: redis error: MISCONF Redis is configured to save RDB snapshots",
    'level=info msg="redis ping failed" error="connection refused"',
    "INFO session store at 172.18.0.2: connection refused",
    "INFO dial tcp: lookup redis_staging on 127.0.0.11:53: no such host",
    "INFO redis: falling back to postgres: Error 111 connecting to redis_staging:6379. Connection refused.",
    "INFO not reconnected to redis after connection refused",
    "INFO redis retrying on connection refused",
    '{"name":"app","level":20,"msg":"Error 111 connecting to redis_staging:6379. Connection refused."}',
    # what a logger, a counter, a setting or an address resembles
    "WARNING app.errors: could not connect to redis",
    "redis.exceptions.ResponseError: unknown command",
    "event=redis.error attempt=3",
    '{"event":"redis.error"}',
    '{"level":30,"logger":"app","msg":"redis timeout"}',
    '{"level":40,"time":1767323045000,"pid":7,"hostname":"a","msg":"redis timeout"}',
    "could not use redis://redis_staging:6379/0 failed",
    "redis db 0 failed to load",
    "redis database 0 connection error",
    "Redis connection failed, attempt: 0",
    "redis error: no route to host",
    "redis error: null pointer",
    "errors: postgres=0, redis=3",
    "redis failed commands: 3",
    "redis circuit breaker open: failure threshold reached",
    "redis circuit breaker open: failure threshold of 5 exceeded",
    "Error handler for redis failed: timed out",
    "WARNING redis connection lost",
    "WARNING lost the redis connection",
    "WARNING redis: permission denied",
    "connect ECONNREFUSED 172.18.0.2:6379",
    'connection to server at "cache" (172.18.0.2), port 6379 failed: Connection refused',
    "cache.py:1234 - ConnectionRefusedError: [Errno 111] Connection refused",
    "app.core.cache:91 - ConnectionRefusedError: [Errno 111] Connection refused",
    "cache get session:123456 - ConnectionRefusedError: [Errno 111] Connection refused",
    "2026-01-02T03:04:05 ConnectionRefusedError: [Errno 111] Connection refused",
    "redis: ConnectionResetError: [Errno 104] Connection reset by peer",
    "172.18.0.2 closed: Connection reset by peer",
    'ERROR redis failed while serving "GET /x HTTP/1.1" 500',
]


@pytest.mark.parametrize("line", QUIET)
def test_nothing_of_redis_failed(line: str) -> None:
    """None of these tells that Redis could not be used."""
    assert not fails(line)


@pytest.mark.parametrize("line", FAILURES)
def test_redis_failed(line: str) -> None:
    """Each of these does."""
    assert fails(line)


@pytest.mark.parametrize(
    ("exception", "files", "failed"),
    [
        ("ZeroDivisionError: division by zero", [MIDDLEWARE], False),
        ("ValueError: invalid literal for int()", [CLIENT], False),
        ("ConnectionRefusedError: [Errno 111] Connect call failed ('172.18.0.4', 5432)", [MIDDLEWARE], False),
        ("TimeoutError", [MIDDLEWARE, HTTPX], False),
        ("ConnectionRefusedError: [Errno 111] Connection refused", [MIDDLEWARE, HTTPX], False),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", [MIDDLEWARE, SOCKETS], False),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", ["/app/app/main.py"], False),
        ("TimeoutError", [HTTPX, CLIENT], True),
        ("ConnectionRefusedError: [Errno 111] Connection refused", [HTTPX, CLIENT], True),
        ("ConnectionRefusedError: [Errno 111] Connection refused", ["/app/app/main.py"], True),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", [CLIENT], True),
        ("redis.exceptions.ResponseError: unknown command", ["/app/app/main.py"], True),
        ("redis.exceptions.ConnectionError: Connection closed by server.", [MIDDLEWARE, HTTPX], True),
    ],
)
@pytest.mark.parametrize("form", ["plain", "group", "json"])
def test_frames_count_only_for_connections(exception: str, files: list[str], failed: bool, form: str) -> None:
    """Redis on the stack makes no Redis failure of an exception; of a connection the innermost frame decides."""
    told = traceback(exception, *files)
    if form == "group":
        announced, *rest = told.split("\n")
        told = "\n".join(
            (announced, "  + Exception Group Traceback (most recent call last):", *(f"    | {o}" for o in rest))
        )
    if form == "json":
        told = json.dumps({"level": "error", "exc_info": told})
    assert fails(told) is failed


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
def test_a_traceback_that_redis_announces_is_redis(level: str) -> None:
    """Whatever its exception: the record itself says whose it is."""
    assert fails(traceback("ValueError: x", CLIENT, announced=f"{level} Exception while talking to redis"))


@pytest.mark.parametrize(
    ("entry", "level"),
    [
        ({"level": 10}, "debug"),
        ({"level": 20}, "info"),
        ({"level": 25}, "info"),
        ({"level": 30}, "warning"),
        ({"levelno": 40}, "error"),
        ({"level": 50}, "critical"),
        ({"level": 30, "pid": 7, "hostname": "a"}, "info"),
        ({"level": 30, "pid": 7}, "warning"),
        ({"level": 30, "time": 1767323045000}, "info"),
        ({"level": 30, "time": 1767323045}, "warning"),
        ({"level": 40, "time": 1767323045000}, "warn"),
        ({"level": 60, "time": 1767323045000}, "fatal"),
        ({"level": 20, "levelname": "ERROR"}, "error"),
        ({"level": 3}, None),
        ({"level": True}, None),
    ],
)
def test_a_level_may_be_a_number(entry: dict[str, object], level: str | None) -> None:
    """Python's, or pino's and bunyan's where the record looks like theirs; in doubt the louder."""
    assert level_of(json.dumps(entry)) == level


@pytest.mark.parametrize(
    "line", ["2026-01-02 - app.errors - INFO - redis", "app.errors INFO redis", "[gunicorn.error] [INFO] redis"]
)
def test_a_loggers_name_hides_no_level(line: str) -> None:
    """Errors before a level are told of, unless a logger is called so."""
    assert level_of(line) == "info"


@pytest.mark.parametrize(
    "repeated",
    [
        *(
            "redis reconnected after ",
            "INFO redis connection refused:1",
            "a.errors",
            "a.errors.b ",
            "x.y-",
            "host:1024",
        ),
        *("Connection", "redis Connection", "error for AError, ", "errors: a=1, ", "errors:{redis", "error total "),
        *("https://", "retry on ", "redis 0 ", "failure threshold ", "connection lost ", "redis::1:", "| File "),
    ],
)
@pytest.mark.parametrize("head", ["", "INFO redis connection refused ", "redis Traceback (most recent call last): "])
def test_no_line_takes_long(repeated: str, head: str) -> None:
    """What a hostile line repeats is read at once."""
    line = head + repeated * (65_536 // len(repeated))
    start = time.process_time()
    fails(line)
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    "said",
    [
        *(
            "MISCONF Redis is configured",
            "OOM command not allowed",
            "READONLY You can't write",
            "NOAUTH Authentication",
        ),
        *("WRONGPASS invalid", "LOADING Redis is loading", "NOPERM this user", "BUSY Redis is busy", "MASTERDOWN Link"),
        *("CLUSTERDOWN The cluster", "NOREPLICAS Not enough", "max number of clients reached", "ECONNREFUSED", "EPIPE"),
        *(
            "MaxRetriesPerRequestError",
            "cache unavailable",
            "cache is down",
            "cache connection lost",
            "cache unreachable",
        ),
        *("Connection refused", "Connect call failed", "No route to host", "EHOSTUNREACH", "Broken pipe", "ENOTFOUND"),
        *("Error -2 connecting to x", "Connection closed by server", "Timeout reading from socket", "ECONNRESET"),
        *("Connection reset by peer", "ETIMEDOUT", "ENETUNREACH", "EAI_AGAIN", "i/o timeout", "no such host"),
        *("Name or service not known", "Temporary failure in name resolution", "Network is unreachable"),
        *("ConnectionError: Oops", "socket.gaierror: [Errno -2]", "TimeoutException: Oops"),
    ],
)
def test_redis_named_every_failure_counts_at_a_quiet_level(said: str) -> None:
    """What the quick look at a quiet record passes over is nothing that a close one would find."""
    assert fails(f"INFO valkey: {said}", Addressee())
