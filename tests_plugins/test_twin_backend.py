"""The twin's backend: honest by itself, and wrong in each way that it can be told."""

from __future__ import annotations

import json
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from plugins.eventually import eventually
from plugins.target.model import TimedOut
from plugins.target.processes import ProcessStack
from twin import up
from twin.misbehaviour import READINESS, Misbehaviour
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Completed
    from twin.handle import Twin

REDIS, BACKEND, SPARE = "redis_staging", "backend_staging", "redis_spare"


@pytest.fixture(scope="module")
def shared() -> Iterator[Twin]:
    with up(kind="processes") as made:
        yield made


@pytest.fixture
def twin(shared: Twin) -> Iterator[Twin]:
    """The module's twin; it behaves again afterwards, and its Redis runs."""
    yield shared
    shared.behave()
    shared.stop(SPARE)
    shared.start(REDIS)
    eventually(lambda: checked(shared), lambda said: said == {"status": "ok"}, what="a mended twin", within_s=5)


def ask(twin: Twin) -> tuple[int, str, bytes]:
    """Readiness: status, content type and body."""
    where = urlsplit(str(twin.host.readiness_url))
    connection = HTTPConnection(str(where.hostname), where.port, timeout=5)
    try:
        connection.request("GET", where.path)
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read()
    finally:
        connection.close()


def checked(twin: Twin) -> Any:
    """What readiness says of Redis."""
    return json.loads(ask(twin)[2])["checks"]["redis"]


def check(twin: Twin, timeout_s: float = 10.0) -> Completed:
    """The backend's own check, run in its surroundings."""
    assert twin.supervisor is not None
    stack = ProcessStack(twin.supervisor)
    (container,) = stack.containers(BACKEND)
    return stack.execute(container, twin.host.backend_check, timeout_s=timeout_s)


def peers(twin: Twin) -> list[str]:
    """The names of Redis's clients."""
    listed = twin.redis("CLIENT", "LIST")
    assert isinstance(listed, bytes)
    return [word.removeprefix("name=") for word in listed.decode().split() if word.startswith("name=")]


def test_an_honest_backend_is_ready(twin: Twin) -> None:
    """With Redis well readiness says so, as JSON, with 200."""
    status, kind, body = ask(twin)
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {"status": "ready", "checks": {"redis": {"status": "ok"}}}


def test_an_honest_backend_degrades_without_redis_and_says_so_in_its_log(twin: Twin) -> None:
    """Redis away: degraded with a message, and a traceback in the log."""
    twin.stop(REDIS)
    said = checked(twin)
    assert said["status"] == "degraded"
    assert "refused" in said["message"]
    log = twin.actions.log(BACKEND)
    assert "Traceback (most recent call last):" in log
    assert "redis.exceptions.ConnectionError" in log


def test_the_backend_check_fails_without_redis(twin: Twin) -> None:
    """is_redis_available says no, soon, and the check's own assertion is what fails."""
    twin.stop(REDIS)
    done = check(twin)
    assert done.exit_code == 1
    assert done.errors.rstrip().endswith("AssertionError: Redis not available")


def test_a_hanging_redis_is_away_for_the_backend_within_seconds(twin: Twin) -> None:
    """A Redis that is paused does not hang the backend."""
    twin.pause(REDIS)
    try:
        begun = time.monotonic()
        assert checked(twin)["status"] == "degraded"
        assert time.monotonic() - begun < 3
    finally:
        twin.unpause(REDIS)


def test_the_backend_keeps_a_named_connection_to_redis(twin: Twin) -> None:
    """CLIENT LIST shows the backend, also some time after it lost that connection."""
    assert "backend" in peers(twin)
    twin.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    eventually(lambda: peers(twin), lambda names: "backend" in names, what="the backend is back", within_s=5)


def test_a_stock_backend_makes_redis_count_no_error(twin: Twin) -> None:
    """Neither the long-lived connection nor the check leaves a failed call in Redis's statistics."""
    twin.redis("CONFIG", "RESETSTAT")
    twin.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert check(twin).exit_code == 0
    statistics = twin.redis("INFO", "commandstats")
    assert isinstance(statistics, bytes)
    assert b"cmdstat_client" in statistics  # Redis 6.2 counts no subcommands
    assert not [
        line for line in statistics.splitlines() if b"calls=0,failed_calls=0" not in line and b"cmdstat" in line
    ]


@pytest.mark.parametrize(
    ("readiness", "status", "kind", "words"),
    [
        ("down", 200, "application/json", b'"status": "down"'),
        ("down_503", 503, "application/json", b'"status": "down"'),
        ("honest_503", 503, "application/json", b'"status": "ok"'),
        ("degraded", 200, "application/json", b'"status": "degraded"'),
        ("error_500", 500, "text/plain", b"Internal Server Error"),
        ("too_many_429", 429, "application/json", b"slow down"),
        ("html_200", 200, "text/html", b"<h1>Sign in</h1>"),
        ("html_502", 502, "text/html", b"Bad Gateway"),
        ("no_redis", 200, "application/json", b"database"),
        ("no_checks", 200, "application/json", b'{"status": "ready"}'),
        ("redis_is_a_string", 200, "application/json", b'{"redis": "ok"}'),
        ("status_is_a_bool", 200, "application/json", b'{"status": true}'),
        ("half_json", 200, "application/json", b'"sta'),
        ("hostile", 200, "application/json", b"<script>"),
    ],
)
def test_readiness_answers_as_it_is_told(twin: Twin, readiness: str, status: int, kind: str, words: bytes) -> None:
    """The orders are followed from the next request on."""
    twin.misbehave(readiness=readiness)
    answered = ask(twin)
    assert answered[:2] == (status, kind)
    assert words in answered[2]


@pytest.mark.parametrize("readiness", READINESS)
def test_every_readiness_there_is_can_be_given_and_withdrawn(twin: Twin, readiness: str) -> None:
    """No order breaks the backend, and afterwards it is honest again."""
    twin.misbehave(readiness=readiness)
    ask(twin)
    twin.behave()
    assert checked(twin) == {"status": "ok"}


def test_readiness_can_lie_while_redis_is_away(twin: Twin) -> None:
    """It says ok although there is no Redis."""
    twin.misbehave(readiness="ok")
    twin.stop(REDIS)
    assert checked(twin) == {"status": "ok"}


def test_readiness_can_be_slow(twin: Twin) -> None:
    """The answer comes after the delay that was ordered."""
    twin.misbehave(delay_s=0.4)
    begun = time.monotonic()
    assert checked(twin) == {"status": "ok"}
    assert 0.4 <= time.monotonic() - begun < 2


def test_readiness_can_fail_only_while_redis_is_away(twin: Twin) -> None:
    """It answers 500 from when Redis stops until it is back."""
    twin.misbehave(readiness="error_500_while_away")
    assert ask(twin)[0] == 200
    twin.stop(REDIS)
    assert ask(twin)[0] == 500
    twin.start(REDIS)
    eventually(lambda: ask(twin)[0], lambda status: status == 200, what="readiness is well", within_s=5)


def test_readiness_can_hang_only_while_redis_is_away(twin: Twin) -> None:
    """What was asked meanwhile is never answered; what is asked afterwards is."""
    twin.misbehave(readiness="hangs_while_away")
    twin.stop(REDIS)
    where = urlsplit(str(twin.host.readiness_url))
    connection = HTTPConnection(str(where.hostname), where.port, timeout=1.5)
    with closing(connection):
        connection.request("GET", where.path)
        with pytest.raises(TimeoutError):
            connection.getresponse()
    twin.start(REDIS)
    eventually(lambda: ask(twin)[0], lambda status: status == 200, what="it answers", within_s=20, catch=(OSError,))


def test_the_backend_can_stay_away_from_redis_once_it_has_lost_it(twin: Twin) -> None:
    """A restart of Redis is enough for that, and only a restart of the backend mends it."""
    twin.misbehave(reconnects=False)
    assert checked(twin) == {"status": "ok"}
    twin.restart(REDIS)
    eventually(lambda: checked(twin)["status"], lambda said: said == "degraded", what="it is lost", within_s=5)
    assert "the connection to Redis was lost" in checked(twin)["message"]
    twin.kill(BACKEND)
    twin.start(BACKEND)
    eventually(
        lambda: checked(twin), lambda said: said == {"status": "ok"}, what="it is back", within_s=10, catch=(OSError,)
    )


@pytest.mark.parametrize(("available", "words"), [("false", "Redis not available"), ("raises", "is not configured")])
def test_the_backend_check_fails_as_it_is_told(twin: Twin, available: str, words: str) -> None:
    """is_redis_available answers no or raises, with Redis well."""
    twin.misbehave(available=available)
    done = check(twin)
    assert done.exit_code == 1
    assert words in done.errors


def test_the_backend_check_can_hang(twin: Twin) -> None:
    """is_redis_available does not answer."""
    twin.misbehave(available="hangs")
    with pytest.raises(TimedOut, match=r"no end after 1\.5 s"):
        check(twin, timeout_s=1.5)


def test_the_backend_can_use_another_redis(twin: Twin) -> None:
    """It leaves this Redis for the spare one, and says that all is well."""
    twin.start(SPARE)
    twin.misbehave(redis_url=twin.spare_url)
    eventually(lambda: checked(twin), lambda said: said == {"status": "ok"}, what="the spare Redis serves", within_s=5)
    assert "backend" not in peers(twin)
    twin.behave()
    assert "backend" in peers(twin)


def test_orders_can_be_given_before_the_start_and_while_it_is_down() -> None:
    """A twin can be born misbehaving, and obeys what it was told while it did not run."""
    with up(kind="processes", options=Options(misbehaviour=Misbehaviour(readiness="down"))) as twin:
        assert checked(twin)["status"] == "down"
        twin.stop(BACKEND)
        twin.misbehave(readiness="degraded")
        twin.start(BACKEND)
        said = eventually(lambda: checked(twin), what="it answers", within_s=10, catch=(OSError,))
        assert said["status"] == "degraded"


def test_an_unknown_order_names_the_known_ones() -> None:
    """A word that nobody knows is refused when it is said."""
    with pytest.raises(ValueError, match="readiness 'tired' is none of honest, ok"):
        Misbehaviour(readiness="tired")
