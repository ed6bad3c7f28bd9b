"""What is asked while a fault is played: at which pace, over which connections, and what is made of the answers."""

from __future__ import annotations

import os
import signal
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from plugins.history import Result
from plugins.traffic import CannotSample
from tests_plugins.playing import ALL, SERVICE, on, pid_of

if TYPE_CHECKING:
    from twin.handle import Twin


def test_everybody_is_well_on_a_healthy_host(twin: Twin) -> None:
    """All five vantage points are asked, and say so."""
    with on(twin) as playing:
        for vantage in ALL:
            playing.asked(vantage, 2)
        assert playing.traffic.vantages == ALL
    bad = [one for one in playing.history.all() if not one.good]
    assert not bad


def test_wire_questions_keep_their_pace(twin: Twin) -> None:
    """One every 20 ms, of each kind."""
    with on(twin) as playing:
        for vantage in ("ping", "write"):
            begun = time.monotonic()
            starts = [one.start for one in playing.asked(vantage, 100, begun)]
            gaps = sorted(later - one for one, later in pairwise(starts))
            assert gaps[len(gaps) // 2] == pytest.approx(0.02, abs=0.005)


def test_gentle_questions_keep_to_the_contract_s_rates(twin: Twin) -> None:
    """The backend at most once a second, readiness four times, the container ten times when it matters, else twice."""
    with on(twin) as playing:
        playing.asked("exec_ping", 3)
        calm = playing.operations("exec_ping")
        playing.traffic.hot(on=True)
        since = time.monotonic()
        hot = playing.asked("exec_ping", 6, since)
        playing.asked("backend", 3)
        playing.asked("readiness", 8)
    least = {"calm": calm, "hot": hot, **{one: playing.operations(one) for one in ("backend", "readiness")}}
    gaps = {name: min(later.start - one.start for one, later in pairwise(found)) for name, found in least.items()}
    assert gaps["calm"] >= 0.5
    assert 0.1 <= gaps["hot"] < 0.4
    assert gaps["backend"] >= 1
    assert gaps["readiness"] >= 0.25


def test_asking_often_makes_redis_describe_nothing(twin: Twin) -> None:
    """A redis-cli that reads its input has the server list all its commands, which costs more than the PING."""
    twin.redis("CONFIG", "RESETSTAT")
    with on(twin, backend_service=None, readiness_url=None) as playing:
        playing.asked("exec_ping", 3)
        counted = twin.redis("INFO", "commandstats")
    assert isinstance(counted, bytes)
    assert b"cmdstat_ping" in counted
    assert b"cmdstat_command" not in counted


def test_idle_connections_are_used_again_and_bear_the_suite_s_name(twin: Twin) -> None:
    """In the steady state each vantage point has hardly more than one, and nobody takes them for a stranger's."""
    before = clients_made(twin)
    with on(twin, backend_service=None, readiness_url=None) as playing:
        playing.asked("write", 100)
        playing.asked("ping", 100)
        names = twin.redis("CLIENT", "LIST")
        assert isinstance(names, bytes)
        assert b"name=runbook-suite" in names
    execs = len(playing.operations("exec_ping"))
    assert clients_made(twin) - before < 30 + 2 * execs  # of more than 200 questions; the rest is this test's own


def clients_made(twin: Twin) -> int:
    """How many connections Redis has taken."""
    info = twin.redis("INFO", "stats")
    assert isinstance(info, bytes)
    (line,) = [line for line in info.split(b"\r\n") if line.startswith(b"total_connections_received:")]
    return int(line.partition(b":")[2])


def test_a_killed_redis_is_away_until_it_is_started(twin: Twin) -> None:
    """Every vantage point sees it go and come back; nobody connects while its container does not run."""
    with on(twin) as playing:
        for vantage in ALL:
            playing.asked(vantage, 1)
        twin.kill(SERVICE)
        killed = time.monotonic()
        for vantage in ("exec_ping", "backend", "readiness"):
            playing.last(vantage, Result.FAIL, killed)
        away = playing.asked("ping", 10, killed + 0.2)
        assert {one.detail for one in away} == {"its container has ended (exit code 137)"}
        assert playing.last("readiness", Result.FAIL, killed).code == "degraded"
        twin.start(SERVICE)
        started = time.monotonic()
        for vantage in ALL:
            playing.last(vantage, Result.OK, started)


def test_a_client_kill_does_not_go_unnoticed(twin: Twin) -> None:
    """A connection that Redis ended is met once by each vantage point, and a new one is made."""
    with on(twin) as playing:
        playing.asked("ping", 10)
        playing.asked("write", 10)
        since = time.monotonic()
        twin.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        for vantage in ("ping", "write"):
            lost = [one for one in playing.asked(vantage, 25, since - 0.02) if not one.good]
            assert 1 <= len(lost) <= 3  # as many as were under way


def test_a_hung_redis_stops_nobody(twin: Twin) -> None:
    """Questions go on being put at their pace; they fail by their deadline; and all is well as soon as it thaws."""
    pid = pid_of(twin)
    with on(twin) as playing:
        playing.asked("ping", 10)
        frozen = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            failed = playing.last("ping", Result.FAIL, frozen)
            unknown = playing.last("write", Result.UNKNOWN, frozen)
        finally:
            os.kill(pid, signal.SIGCONT)
        thawed = time.monotonic()
        assert playing.last("ping", Result.OK, thawed).end - thawed < 1
    during = [one for one in playing.operations("ping", frozen) if one.start < thawed]
    assert (failed.code, unknown.code) == ("TIMEOUT", "TIMEOUT")
    assert max(one.end - one.start for one in during) < 1.6
    assert len(during) > 0.5 * (thawed - frozen) / 0.02


def test_a_host_without_backend_and_readiness_is_asked_for_neither(twin: Twin) -> None:
    """What the inventory does not name is no vantage point."""
    with on(twin, backend_service=None, readiness_url=None) as playing:
        playing.asked("exec_ping", 1)
        assert playing.traffic.vantages == ("exec_ping", "ping", "write")


def test_readiness_that_is_limited_is_left_alone(twin: Twin) -> None:
    """For as long as it says; that it was turned away is no verdict."""
    twin.misbehave(readiness="too_many_429")  # Retry-After: 2
    with on(twin) as playing:
        first, second, *_ = playing.asked("readiness", 2)
    assert second.start - first.start >= 2
    assert (first.result, first.code) == (Result.UNKNOWN, "rate limited")


def test_degraded_is_not_well(twin: Twin) -> None:
    """Only ``ok`` is; what else was said is kept, for the checkers to judge."""
    twin.misbehave(readiness="honest_503")
    with on(twin) as playing:
        assert playing.asked("readiness", 1)[0].code == "ok"
        for said, code in (("degraded", "degraded"), ("down_503", "down"), ("html_502", "HTML")):
            twin.misbehave(readiness=said)
            last = playing.last("readiness", Result.FAIL, time.monotonic())
            assert last.code == code


def test_a_backend_without_redis_is_not_well(twin: Twin) -> None:
    """Its own check decides."""
    twin.misbehave(available="false")
    with on(twin) as playing:
        first = playing.asked("backend", 1)[0]
    assert first.result is Result.FAIL
    assert "Redis not available" in first.detail


def test_where_nothing_can_be_watched_nothing_has_begun(twin: Twin) -> None:
    """The error says why, and no thread or connection is left."""
    twin.stop(SERVICE)
    before = threading.active_count()
    with pytest.raises(CannotSample, match="does not run"), on(twin):
        pass
    assert threading.active_count() <= before


def test_nobody_goes_inside_while_that_is_asked_for(twin: Twin) -> None:
    """No command runs in Redis's container then, while the others go on asking; afterwards it is asked again."""
    with on(twin) as play:
        play.asked("exec_ping", 1)
        with play.traffic.nobody_inside():
            begun = time.monotonic()
            play.asked("ping", 30, begun)
            ended = time.monotonic()
        play.asked("exec_ping", 1, ended)
        assert [one for one in play.operations("exec_ping") if one.start < ended and one.end > begun + 0.01] == []
