"""The recording client: what it knows of its writes, and what it finds of them afterwards."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from plugins.eventually import eventually
from plugins.history import Result
from plugins.inventory import Environment
from plugins.traffic import may_write
from tests_plugins.playing import SERVICE, SOON_S, on, pid_of, play
from twin import up
from twin.options import Options

if TYPE_CHECKING:
    from twin.handle import Twin


def test_acknowledged_writes_are_found_again(twin: Twin) -> None:
    """Each has its own key and value, each will expire, and afterwards none is left."""
    with on(twin) as playing:
        playing.asked("write", 50)
        playing.traffic.stop()
        found = playing.traffic.read_back()
        written = playing.traffic.written
        assert found is not None
        assert written.attempted == len(playing.operations("write"))
        assert found.present == written.acknowledged.keys() == set(range(written.attempted))
        assert (found.lost(written), found.altered, found.strangers, found.unsearched) == ((), {}, (), "")
        keys = twin.redis("KEYS", "runbook-suite:chaos:*")
        assert isinstance(keys, list)
        assert len(keys) == written.attempted
        lives = [twin.redis("PTTL", key) for key in keys if isinstance(key, bytes)]
        assert all(isinstance(life, int) and 0 < life <= 600_000 for life in lives)
    assert twin.redis("KEYS", "runbook-suite:*") == []


def test_what_was_lost_altered_or_never_written_is_told(twin: Twin) -> None:
    """The read-back compares with what is there, under the client's own keys only."""
    with on(twin, namespace="odd*[a]?\\:") as playing:
        playing.asked("write", 20)
        playing.traffic.stop()
        keys = twin.redis("KEYS", "*chaos:*")
        assert isinstance(keys, list)
        by_number = {int(bytes(key).rpartition(b":")[2]): bytes(key) for key in keys if isinstance(key, bytes)}
        prefix = by_number[0].removesuffix(b"0")
        twin.redis("DEL", by_number[3])
        twin.redis("SET", by_number[4], "else")
        twin.redis("SET", prefix + b"999999", "never written")
        twin.redis("SET", "oddXa?:chaos:another's", "1")
        found = playing.traffic.read_back()
        assert found is not None
        assert found.lost(playing.traffic.written) == (3, 4)
        assert found.altered == {4: "else"}
        assert found.strangers == (prefix + b"999999",)
        playing.traffic.cleanup(found)
        assert twin.redis("KEYS", "*") == [b"oddXa?:chaos:another's"]


def test_a_refused_write_was_not_written(twin: Twin) -> None:
    """An error reply is a failure with the error's own word, and nothing is expected of it."""
    with on(twin) as playing:
        playing.asked("write", 5)
        twin.redis("CONFIG", "SET", "min-replicas-to-write", "1")
        try:
            refused = playing.last("write", Result.FAIL, time.monotonic())
        finally:
            twin.redis("CONFIG", "SET", "min-replicas-to-write", "0")
        playing.traffic.stop()
        found = playing.traffic.read_back()
        assert found is not None
        assert refused.code == "NOREPLICAS"
        assert refused.value not in playing.traffic.written.acknowledged
        assert found.lost(playing.traffic.written) == ()


def test_a_write_that_may_have_happened_is_unknown() -> None:
    """Redis carried it out and died before it could say so: nobody knows, so nothing is claimed of it."""
    with up(kind="processes") as own:
        pid = pid_of(own)
        with on(own) as playing:
            playing.asked("write", 5)
            frozen = time.monotonic()
            os.kill(pid, signal.SIGSTOP)
            before = playing.traffic.written.attempted
            eventually(lambda: playing.traffic.written.attempted > before + 3, what="pending writes", within_s=SOON_S)
            own.kill(SERVICE)
            pending = playing.last("write", Result.UNKNOWN, frozen)
            own.start(SERVICE)
            playing.last("write", Result.OK, time.monotonic())
            assert pending.value not in playing.traffic.written.acknowledged


@pytest.mark.parametrize(
    "changes", [{"canary": False}, {"environment": Environment.PRODUCTION}, {"role": "replica"}], ids=str
)
def test_where_nothing_may_be_written_nothing_is(twin: Twin, changes: dict[str, Any]) -> None:
    """The write vantage point does not exist then."""
    assert not may_write(replace(twin.host, **changes))
    with on(twin, **changes) as playing:
        playing.asked("ping", 20)
        assert "write" not in playing.traffic.vantages
        assert playing.traffic.read_back() is None
        assert twin.redis("DBSIZE") == 0
    assert not playing.operations("write")


def test_a_redis_with_users_and_databases_is_entered_as_the_inventory_says() -> None:
    """A password, an ACL user and another database, on every vantage point of the suite's own."""
    with up(kind="processes", options=Options(password="an odd one'")) as locked:  # noqa: S106 - a test's
        locked.redis("ACL", "SETUSER", "limited", "on", ">pass", "~runbook-suite:*", "+@all", "-@dangerous")
        environ = {**os.environ, "THE_USER": "limited", "THE_PASSWORD": "pass"}
        word = "THE_PASSWORD"
        host = replace(locked.host, redis_username_env="THE_USER", redis_password_env=word, redis_db=3)
        with play(host, environ, locked.supervisor) as playing:
            for vantage in ("exec_ping", "ping", "write"):
                assert all(one.good for one in playing.asked(vantage, 3))
            keyspace = locked.redis("INFO", "keyspace")
            assert isinstance(keyspace, bytes)
            assert b"db3:" in keyspace
            assert b"db0:" not in keyspace
