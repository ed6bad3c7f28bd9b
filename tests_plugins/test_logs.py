"""Reading the backend's log: what tells of a Redis that could not be used, and what only looks like it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts import Facts
from plugins.facts.addressee import Addressee
from plugins.facts.container import stand_together
from plugins.facts.failures import is_failure
from plugins.facts.flow import Flow
from plugins.facts.levels import level_of
from plugins.facts.logs import Story, tell
from plugins.facts.records import clean, join
from plugins.target.model import Container, Log, LogRecord
from plugins.verdict import Unjudged
from tests_plugins.hostile import hostile

if TYPE_CHECKING:
    from plugins.facts.look import Look

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

TRACEBACK = """\
2026-01-02 03:04:05,678 ERROR app.redis: Redis is not available
Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/redis/connection.py", line 611, in connect
    sock = self.retry.call_with_retry(
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
ConnectionRefusedError: [Errno 111] Connection refused

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/app/core/redis_client.py", line 91, in is_redis_available
    return bool(client().ping())
redis.exceptions.ConnectionError: Error 111 connecting to redis_staging:6379. Connection refused."""


def lines(*texts: str, at: datetime = NOW, stream: str = "stderr") -> tuple[LogRecord, ...]:
    return tuple(LogRecord(at, stream, line) for text in texts for line in text.split("\n"))


def story(*texts: str, since: datetime = NOW) -> Story:
    return tell([Log(since, lines(*texts))], since)


#: Failures that a search for "redis" and "error" would miss, and some that it would not.
FAILURES = [
    "ConnectionRefusedError: [Errno 111] Connection refused",
    "cache unavailable, falling back to the database",
    "WARNING app.cache: cache is unreachable",
    "redis TimeoutException",
    "Error 111 connecting to redis_staging:6379. Connection refused.",
    "Error -2 connecting to redis_staging:6379. Name or service not known.",
    "Error while reading from redis:6379 : (104, 'Connection reset by peer')",
    "Connection closed by server.",
    "Timeout reading from socket",
    "redis.exceptions.BusyLoadingError: LOADING Redis is loading the dataset in memory",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "READONLY You can't write against a read only replica.",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "max number of clients reached",
    "ERROR app.redis: lost connection to Redis",
    "[2026-01-02 03:04:05 +0000] [7] [ERROR] redis: ping failed",
    "WARN redis timeout, retrying",
    "E, [2026-01-02T03:04:05 #1] ERROR -- : Redis::CannotConnectError",
    "could not connect to redis",
    "redis error_rate=0.25",
    "redis errors=3",
    "Error: Redis connection to redis_staging:6379 failed - connect ECONNREFUSED 172.18.0.2:6379",
    "dial tcp 172.18.0.2:6379: connect: connection refused",
    "\x1b[31mERROR\x1b[0m redis is down",
    '{"level":"error","msg":"cache read failed","error":"dial tcp 10.0.0.2:6379: connect: connection refused"}',
    '{"severity": "WARNING", "message": "redis unavailable"}',
    'time="2026-01-02T03:04:05Z" level=error msg="redis: connection pool timeout"',
    "valkey connection lost",
    "Redis INFO command failed: Error 111 connecting to redis_staging:6379. Connection refused.",
    "Could not run INFO on redis: Connection refused",
    "Redis command INFO failed: Connection refused",
    "ERROR app.cache: [Errno 111] Connect call failed ('172.18.0.2', 6379)",
    "OSError: [Errno 113] Connect call failed ('172.18.0.2', 6379)",
    "TimeoutError: timed out talking to 172.18.0.2:6379",
    "dial tcp 172.18.0.2:6379: i/o timeout",
    '{"level":"error","msg":"dial tcp: lookup redis_staging on 127.0.0.11:53: no such host"}',
    "Error: connect ETIMEDOUT 172.18.0.2:6379",
    "Retrying in 1s: No route to host (redis_staging:6379)",
    "[Errno -2] Name or service not known: redis_staging",
    "Broken pipe while writing to redis_staging",
    "redis: connection pool timeout",
    "NOPERM this user has no permissions to run the 'get' command",
]

#: What only looks like a failure.
HARMLESS = [
    "redis errors=0",
    "redis errors: 0, hits: 12",
    "cache stats: redis_errors=0 redis_timeouts=0 hits=9",
    "redis error_rate=0.0",
    "redis error_rate: 0.00%",
    "redis: no errors",
    "redis check finished without errors",
    "redis check finished with 0 errors",
    "redis last_error=None",
    '{"level":"info","msg":"redis errors","errors":0}',
    '{"level":"info","msg":"redis error budget is fine","error_rate":0.0}',
    '{"level":"INFO","message":"retrying after ConnectionRefusedError of the last minute"}',
    '{"levelname": "DEBUG", "message": "redis exception handler installed"}',
    'INFO:     127.0.0.1:51234 - "GET /api/v1/ready HTTP/1.1" 200 OK',
    '127.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /api/v1/ready HTTP/1.1" 200 71 "-" "curl/8.0"',
    '127.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /redis/errors HTTP/1.1" 404 71',
    "2026-01-02 03:04:05,678 INFO app.redis.errors: connected to redis",
    "INFO redis connection restored after an error",
    "[info] redis error handler ready",
    'time="2026-01-02T03:04:05Z" level=info msg="redis reconnected after connection refused"',
    "DEBUG redis: could not parse CLIENT INFO, skipped",
    "connected to redis_staging:6379",
    "psycopg.OperationalError: connection to server at db:5432 failed: Connection refused",
    "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) Connection refused",
    "ConnectionRefusedError: [Errno 111] Connect call failed ('172.18.0.5', 5432)",
    "httpx.ConnectError: [Errno 111] Connection refused",
    "Connection reset by peer",
    "Application startup complete.",
    "the cache was filled in 12 ms",
    "Connecting to redis://redis_staging:6379/0 (timeout=5)",
    "redis pool ready: socket_timeout=5 max_connections=50",
    "Redis client configured socket_timeout=5 retry_on_timeout=True retry_on_error=[]",
    "Cache backend redis on, on_failure=fallback",
    "Sentry integration: redis; capturing exceptions",
    "Sentry: capturing exceptions; redis integration enabled",
    "Connected to Redis (error handler installed)",
    "Redis max errors: 3",
    "redis: 0 of 5 failed",
    "redis: connection refused count: 0",
    "app.redis INFO reconnected after connection refused",
    "2026-01-02 03:04:05 myapp INFO redis reconnected after connection refused",
    "dial tcp 172.18.0.9:5432: i/o timeout",
    "TimeoutError: timed out talking to 172.18.0.9:8080",
    "",
]


@pytest.mark.parametrize("line", FAILURES)
def test_a_failure_is_found(line: str) -> None:
    """Each of these tells that Redis could not be used."""
    assert len(story(line).failures) == 1


@pytest.mark.parametrize("line", HARMLESS)
def test_what_only_looks_like_a_failure_is_not(line: str) -> None:
    """None of these does."""
    assert story(line).failures == ()


def test_a_traceback_is_one_record() -> None:
    """Announcement, frames, chained exception and all: one failure, told by its first and its last line."""
    told = story("INFO:     started", TRACEBACK, "INFO:     ready")
    assert (told.records, len(told.failures)) == (3, 1)
    assert "Redis is not available … redis.exceptions.ConnectionError: Error 111" in told.describe()


def test_a_traceback_after_a_quiet_line_still_counts() -> None:
    """print_exc writes no level of its own; what happens to stand before it does not make it harmless."""
    assert len(story("INFO:     started", TRACEBACK.partition("\n")[2]).failures) == 1


def test_a_traceback_of_another_service_is_harmless() -> None:
    """A database that is away is not Redis's failure."""
    other = TRACEBACK.replace("redis", "psycopg").replace("Redis", "The database").replace("6379", "5432")
    assert story(other).failures == ()


def test_tracebacks_of_two_streams_do_not_mix() -> None:
    """Each stream is joined by itself, however the engine interleaves them."""
    first, second = TRACEBACK.split("\n"), ["plain one", "plain two"]
    mixed = [record for line in first for record in lines(line)]
    mixed.insert(4, *lines(second[0], stream="stdout"))
    mixed.insert(7, *lines(second[1], stream="stdout"))
    told = tell([Log(NOW, tuple(mixed))], NOW)
    assert (told.records, len(told.failures)) == (3, 1)


def test_two_tracebacks_in_a_row_are_two() -> None:
    """An exception's own line ends its record."""
    bare = TRACEBACK.partition("\n")[2]
    assert len(story(bare, bare).failures) == 2


def test_a_record_counts_by_its_beginning() -> None:
    """A traceback that began before the instant does not count, though its last lines were written after it."""
    earlier = lines(*TRACEBACK.split("\n")[:4], at=NOW - timedelta(seconds=1))
    later = lines(*TRACEBACK.split("\n")[4:], at=NOW + timedelta(seconds=1))
    assert tell([Log(NOW, earlier + later)], NOW).failures == ()


def test_only_what_came_since_counts() -> None:
    """Failures of before the fix are over."""
    old = lines("redis error", at=NOW - timedelta(minutes=1))
    new = lines("redis error", at=NOW)
    assert len(tell([Log(NOW, old + new)], NOW).failures) == 1


def test_the_logs_of_all_replicas_count() -> None:
    """One replica's failure is found among the others, and the newest is told."""
    logs = [Log(NOW, lines("fine")), Log(NOW, lines("redis error")), Log(NOW, lines("fine"))]
    assert (tell(logs, NOW).records, len(tell(logs, NOW).failures)) == (3, 1)


def test_a_long_log_says_that_only_its_end_was_read() -> None:
    """A truncated log is not passed off as whole."""
    assert "only the newest" in tell([Log(NOW, lines("fine"), truncated=True)], NOW).describe()


def test_a_log_of_which_only_the_end_was_read_does_not_pass() -> None:
    """No failure in the newest part says nothing of the rest: unjudged, with what to do; a failure is one anyway."""
    with pytest.raises(Unjudged, match=r"none in 1 records since .*--since"):
        facts_of(tell([Log(NOW, lines("fine"), truncated=True)], NOW)).logs  # noqa: B018 - the attribute is the question
    assert len(tell([Log(NOW, lines("redis error"), truncated=True)], NOW).judged().failures) == 1
    assert facts_of(story("fine")).logs.failures == ()


@pytest.mark.parametrize(("begins", "whole"), [(None, True), (-60, True), (0, True), (5, False)])
def test_a_log_that_was_rotated_since_does_not_pass(begins: int | None, whole: bool) -> None:
    """What is gone may have told of anything: unjudged, with what to do; a failure that is left is one anyway."""
    oldest = NOW + timedelta(seconds=begins) if begins is not None else None
    told = tell([Log(NOW, lines("fine"), begins=oldest)], NOW)
    if whole:
        assert told.judged() is told
        return
    with pytest.raises(Unjudged, match="none is kept from before 03:04:10; the log is rotated"):
        told.judged()
    assert len(tell([Log(NOW, lines("redis error"), begins=oldest)], NOW).judged().failures) == 1


def facts_of(told: Story) -> Facts:
    """Facts of a look of which nothing but the backend and its log is known."""
    flow = Flow(5.0)
    backend = stand_together([Container(id="b", name="backend-1", service="b")], None)
    look = SimpleNamespace(backends=flow.ready("backends", backend), logs=flow.ready("logs", told))
    nobody = cast("Any", None)
    return Facts(nobody, flow, flow.ready("the look", cast("Look", look)), nobody)


def test_passwords_in_addresses_are_not_quoted() -> None:
    """Redis's address in a log may hold its password; the observation does not."""
    told = story("ERROR cannot connect to redis://ops:planted@redis_staging:6379/0")
    assert "planted" not in told.describe()
    assert "redis://***@redis_staging" in told.describe()


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-02 03:04:05,678 WARNING app: text", "warning"),
        ("INFO:     127.0.0.1", "info"),
        ("[error] text", "error"),
        ("<warn> text", "warn"),
        ("level=debug msg=x", "debug"),
        ('{"lvl": "warn"}', "warn"),
        ("could not connect to redis INFO", None),
        ("redis information about errors", None),
        ("plain", None),
        ("Redis INFO command failed", None),
        ("sending the INFO to redis", None),
        ("INFO failed on redis", None),
        ("app.redis INFO connected", "info"),
        ("2026-01-02 03:04:05 myapp INFO redis connected", "info"),
    ],
)
def test_levels(line: str, level: str | None) -> None:
    """The record's own word for its weight; words that only look like one do not count."""
    assert level_of(line) == level


@pytest.mark.parametrize(
    "hostile",
    [
        "redis error " + "x" * 1_000_000,
        "x" * 1_000_000 + " redis error",
        "\x00redis\x00 \x1b[1;31merror\x1b[0m\x00",
        "redis error \\xff\\xfe",
        "redis error \udcff",
        "\x1b]0;title\x07redis error",
    ],
    ids=["long", "long before", "NUL and colours", "escaped bytes", "lone surrogate", "title"],
)
def test_hostile_lines_are_read_and_bounded(hostile: str) -> None:
    """Found all the same, quickly, and told in a few hundred characters without control characters."""
    start = time.monotonic()
    told = story(hostile)
    assert len(told.failures) == 1
    assert len(told.describe()) < 1000
    assert not set(told.describe()) & {"\x00", "\x1b", "\x07"}
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "repeated", ["redis error ", '"', "error=", "errors", "a=0 ", "/a", "GET ", "\x1b[", "no redis ", "[info"]
)
def test_no_line_takes_long(repeated: str) -> None:
    """A megabyte of anything is judged at once: no expression backtracks for ever."""
    start = time.monotonic()
    story(repeated * (1_000_000 // len(repeated)))
    assert time.monotonic() - start < 2


def test_a_record_of_endless_lines_is_bounded() -> None:
    """A runaway traceback keeps its beginning and its end."""
    [record] = join(lines(TRACEBACK.split("\n", maxsplit=1)[0], *["  File x"] * 10_000, "  the end"))
    assert (len(record.lines), record.lines[-1]) == (400, "  the end")


any_text = st.text(st.characters(exclude_categories=()), max_size=200)
harmless_text = st.sampled_from([line for line in HARMLESS if line])
failing_text = st.sampled_from(FAILURES)
pieces = st.one_of(any_text, harmless_text, failing_text, st.sampled_from(TRACEBACK.split("\n")))


@hostile
@given(st.lists(st.tuples(pieces, st.sampled_from(["stdout", "stderr"]))))
def test_any_log_is_read(parts: list[tuple[str, str]]) -> None:
    """Whatever a container writes: every line lands in one record or is blank, and nothing breaks."""
    records = tuple(LogRecord(NOW, stream, text) for text, stream in parts)
    told = tell([Log(NOW, records)], NOW)
    assert len(told.failures) <= told.records <= len(parts)
    assert sum(len(record.lines) for record in join(records)) <= len(parts)
    assert isinstance(told.describe(), str)


@hostile
@given(st.lists(harmless_text), failing_text, st.lists(harmless_text))
def test_a_failure_is_found_among_anything_harmless(before: list[str], failure: str, after: list[str]) -> None:
    """No neighbour hides a failure, and none becomes one."""
    assert len(story(*before, failure, *after).failures) == 1


@hostile
@given(st.lists(harmless_text, min_size=1))
def test_harmless_lines_stay_harmless_together(texts: list[str]) -> None:
    """Joining records makes no failure of what is none."""
    assert story(*texts).failures == ()


@hostile
@given(failing_text, st.sampled_from(["\x1b[31m{}\x1b[0m", "\x00{}", "{}\r", "\x1b[2K{}"]))
def test_colours_do_not_hide_a_failure(failure: str, dress: str) -> None:
    """Escape sequences and control characters change nothing."""
    assert story(dress.format(failure)).failures


@hostile
@given(st.integers(0, 10**6), st.sampled_from(["errors={}", "error_count: {}", '"redis_errors": {}', "failures={}"]))
def test_a_counter_counts_only_above_zero(count: int, form: str) -> None:
    """``errors=0`` is good news and ``errors=1`` is not, if the record names errors at all."""
    line = "redis " + form.format(count)
    assert (story(line).failures != ()) is (count > 0)


@hostile
@given(
    st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4),
    failing_text.filter(lambda text: not Addressee().called_in(text)),
)
def test_an_info_record_in_json_that_names_no_redis_is_never_a_failure(fields: dict[str, str], text: str) -> None:
    """A structured record at level info may quote what it likes of others."""
    entry = {**fields, "msg": text, "level": "info"}
    assert story(json.dumps(entry)).failures == ()


@hostile
@given(any_text)
def test_cleaning_is_bounded_and_final(text: str) -> None:
    """A cleaned line is cleaned for good."""
    once = clean(text)
    assert clean(once) == once
    assert len(once) <= max(len(text), 11_000)


def test_the_port_of_redis_is_redis() -> None:
    """A refused connection to the inventory's own Redis port is Redis's, whatever the number."""
    refused = "ConnectionRefusedError: [Errno 111] Connect call failed ('172.18.0.5', 7000)"
    [record] = join(lines(refused))
    assert (is_failure(record, Addressee(7000)), is_failure(record, Addressee(6379))) == (True, False)


@pytest.mark.parametrize(
    "line",
    [
        "TimeoutError: timed out talking to 172.18.0.2",
        "[Errno -3] Temporary failure in name resolution: cache",
        "dial tcp: lookup cache on 127.0.0.11:53: no such host",
        "OSError: [Errno 101] Network is unreachable (cache-1)",
    ],
)
def test_redis_is_known_by_its_addresses_and_names(line: str) -> None:
    """A record need not say redis: its address, or the name of its service, says as much, and nobody else's does."""
    [record] = join(lines(line))
    known = Addressee(6379, frozenset({"cache", "cache-1", "172.18.0.2"}))
    assert (is_failure(record, known), is_failure(record, Addressee(6379, frozenset({"store"})))) == (True, False)


@pytest.mark.parametrize("line", ["ERROR cache: cannot parse the form", "ERROR 172.18.0.20 failed to log in"])
def test_a_name_that_is_a_common_word_accuses_nobody(line: str) -> None:
    """A service may be called cache: only a connection that failed is then Redis's, and no longer number is it."""
    [record] = join(lines(line))
    assert not is_failure(record, Addressee(6379, frozenset({"cache", "172.18.0.2"})))
