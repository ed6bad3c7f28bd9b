"""Gathering: at once, in the background, bounded in time; and on a real twin, well and broken."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import twin
from plugins.eventually import eventually
from plugins.facts import causes
from plugins.facts.flow import Flow
from plugins.facts.gather import gather
from plugins.facts.readiness import Kind, read_answer
from plugins.target.model import TargetError
from plugins.target.open import open_target
from plugins.verdict import Blocked, NotApplicable, Unjudged, Unreachable
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.facts import Facts
    from plugins.target.open import Target
    from twin.handle import Twin

REDIS, BACKEND = "redis_staging", "backend_staging"


# --- parts on their way ----------------------------------------------------------------------------------------------


@pytest.fixture
def flow() -> Iterator[Flow]:
    flow = Flow(patience_s=0.2)
    yield flow
    flow.close()


def test_a_part_that_hangs_is_unjudged_by_name(flow: Flow) -> None:
    """Whoever asks for it learns which one it was, in time; the run goes on."""
    part = flow.start("the slow part", lambda: flow.stopped.wait(30))
    begun = time.monotonic()
    with pytest.raises(Unjudged, match=r"the slow part: nothing came back within 0.2 s"):
        part.get()
    assert time.monotonic() - begun < 2


def test_a_signal_is_not_slept_over() -> None:
    """One that another thread was given does not wake the main thread; it is heeded soon nevertheless."""

    class Heard(Exception):
        pass

    def hear(*_: object) -> None:
        raise Heard

    flow = Flow(patience_s=20)

    def tell_this_thread() -> None:
        flow.stopped.wait(0.5)  # the main thread has gone to sleep by now
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        flow.stopped.wait(30)

    before = signal.signal(signal.SIGUSR1, hear)
    begun = time.monotonic()
    try:
        with pytest.raises(Heard):
            flow.start("the slow part", tell_this_thread).get()
    finally:
        signal.signal(signal.SIGUSR1, before)
        flow.close()
    assert time.monotonic() - begun < 10


def test_a_part_that_the_target_failed_is_unjudged(flow: Flow) -> None:
    """An error outside is no verdict."""

    def fail() -> None:
        raise TargetError("connection reset")

    with pytest.raises(Unjudged, match="the part: connection reset"):
        flow.start("the part", fail).get()


def test_a_verdict_is_the_same_for_everybody_who_asks(flow: Flow) -> None:
    """What a part raised, it raises again."""

    def skip() -> None:
        raise NotApplicable("not here")

    part = flow.start("the part", skip)
    for _ in range(2):
        with pytest.raises(NotApplicable, match="not here"):
            part.get()


def test_closing_wakes_and_ends_everybody(flow: Flow) -> None:
    """Nobody waits any longer, and no thread is left."""
    part = flow.start("the part", lambda: flow.stopped.wait(30))
    flow.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("facts: ")]
    assert part.done()


# --- a real twin -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twin_of_all() -> Iterator[Twin]:
    with twin.up(kind="processes") as up:
        yield up


@pytest.fixture
def staging(twin_of_all: Twin) -> Twin:
    """The twin, well: what the test before did to it is over."""
    target = open_target(twin_of_all.host, supervisor=twin_of_all.supervisor, environ=twin_of_all.environ)
    eventually(
        lambda: read_answer(target.readiness()),
        lambda answer: answer.kind is Kind.OK,
        what="a twin that is well",
        within_s=20,
        catch=(TargetError,),
    )
    return twin_of_all


@contextmanager
def looking(staging: Twin, target: Target | None = None, **options: Any) -> Iterator[Facts]:
    """Facts of the twin; no thread of them outlives the block."""
    options = {"since": None, "baseline": lambda _key: None, **options}
    facts = gather(
        target or open_target(staging.host, supervisor=staging.supervisor, environ=staging.environ), **options
    )
    try:
        yield facts
    finally:
        facts.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("facts: ", "steady"))]


def test_a_healthy_twin_is_well_from_every_vantage_point(staging: Twin) -> None:
    """Five answers, one story, and the backend on this Redis."""
    with looking(staging) as facts:
        facts.reach()
        answers = (facts.exec_ping, facts.ping, facts.write, facts.backend, facts.readiness)
        assert [answer.ok for answer in answers] == [True] * 5
        assert facts.agreement.odd == ()
        assert facts.bond.connected is True


def test_gathering_returns_at_once(staging: Twin) -> None:
    """The work is done in the background while pytest collects."""
    begun = time.monotonic()
    with looking(staging) as facts:
        assert time.monotonic() - begun < 0.5
        facts.reach()


def test_the_wire_and_the_container_are_one_server(staging: Twin) -> None:
    """Both PINGs name the same process."""
    with looking(staging) as facts:
        assert facts.exec_ping.run_id == facts.ping.run_id != ""


def test_a_stopped_redis_blocks_what_hangs_on_it(staging: Twin) -> None:
    """One red, named by the rest; readiness says degraded, and is right."""
    staging.stop(REDIS)
    try:
        with looking(staging) as facts:
            assert not facts.redis_standing.runs
            assert facts.readiness.ok
            for name in ("exec_ping", "ping", "write", "backend", "agreement", "bond", "redis", "keyspace"):
                with pytest.raises(Blocked) as blocked:
                    getattr(facts, name)
                assert blocked.value.by == causes.REDIS_RUNS
    finally:
        staging.start(REDIS)


def test_a_stopped_backend_leaves_redis_judged(staging: Twin) -> None:
    """The backend's container is the red one; Redis is well."""
    staging.stop(BACKEND)
    try:
        with looking(staging) as facts:
            assert (facts.ping.ok, facts.backend_standing.runs) == (True, False)
            for name in ("backend", "readiness", "agreement", "bond"):
                with pytest.raises(Blocked) as blocked:
                    getattr(facts, name)
                assert blocked.value.by == causes.BACKEND_RUNS
    finally:
        staging.start(BACKEND)


def test_a_paused_backend_is_not_waited_for(staging: Twin) -> None:
    """It accepts the question and says nothing; that it is paused is known, and whoever closes does not wait either."""
    staging.pause(BACKEND)
    try:
        begun = time.monotonic()
        with looking(staging) as facts:
            for name in ("readiness", "readiness_report", "readiness_body", "agreement"):
                with pytest.raises(Blocked) as blocked:
                    getattr(facts, name)
                assert blocked.value.by == causes.BACKEND_RUNS
        assert time.monotonic() - begun < 4  # of the 5 s that an answer may take
    finally:
        staging.unpause(BACKEND)


def test_a_host_without_a_backend_is_asked_about_redis_only(staging: Twin) -> None:
    """Its checks are skipped."""
    alone = replace(staging, host=replace(staging.host, backend_service=None, readiness_url=None))
    with looking(alone) as facts:
        assert facts.ping.ok
        assert facts.agreement.odd == ()
        for name in ("backend_standing", "backend", "readiness", "bond", "logs"):
            with pytest.raises(NotApplicable):
                getattr(facts, name)


def test_a_service_that_is_not_there_is_a_red_of_its_own(staging: Twin) -> None:
    """A Redis service that Compose does not know: not running, and what was found is named."""
    wrong = replace(staging, host=replace(staging.host, redis_service="cache"))
    with looking(wrong) as facts:
        assert not facts.redis_standing.runs
        assert REDIS in facts.redis_standing.detail
        with pytest.raises(Blocked):
            _ = facts.redis_container


@pytest.mark.parametrize(("write", "canary"), [(False, True), (True, False)])
def test_nothing_is_written_where_nothing_may_be(staging: Twin, write: bool, canary: bool) -> None:
    """Production, or canary = false: not one write reaches Redis."""
    before = staging.redis("INFO", "commandstats")
    host = replace(staging.host, canary=canary)
    with looking(replace(staging, host=host), write=write) as facts:
        with pytest.raises(NotApplicable):
            _ = facts.write
        _ = facts.keyspace
    assert _sets(staging.redis("INFO", "commandstats")) == _sets(before)


def _sets(stats: object) -> list[bytes]:
    assert isinstance(stats, bytes)
    return [
        line.partition(b",")[0] for line in stats.split(b"\r\n") if line.startswith((b"cmdstat_set:", b"cmdstat_del:"))
    ]


def test_a_dead_engine_is_unreachable(staging: Twin) -> None:
    """One clear error, and every fact says the same."""
    gone = replace(staging, supervisor=staging.orders)
    with looking(gone) as facts:
        with pytest.raises(Unreachable):
            facts.reach()
        with pytest.raises(Unreachable):
            _ = facts.ping


def test_waiting_ends_when_all_is_well(staging: Twin) -> None:
    """A steady host is not waited for: the first look is the one that counts."""
    with looking(staging, wait_s=30) as facts:
        assert facts.steadiness.held
        assert facts.steadiness.looks == 1
        with pytest.raises(NotApplicable):
            _ = facts.green_holds


def test_waiting_sees_redis_come_back(staging: Twin) -> None:
    """Facts after a wait are fresh: they are those of the Redis that came back."""
    staging.stop(REDIS)
    back = threading.Timer(0.5, staging.start, [REDIS])
    back.start()
    try:
        with looking(staging, wait_s=30) as facts:
            assert facts.ping.ok
            assert facts.steadiness.looks > 1
    finally:
        back.join()
        staging.start(REDIS)


def test_green_holds_for_as_long_as_was_asked(staging: Twin) -> None:
    """--stable-for looks more than once."""
    with looking(staging, stable_for_s=1.5) as facts:
        assert facts.green_holds.held
        assert facts.green_holds.took_s >= 1.5


def test_green_that_does_not_last_is_red_while_all_is_well_again(staging: Twin) -> None:
    """A blip during the hold is what --stable-for is for."""
    staging.misbehave(readiness="down")
    calm = threading.Timer(1.0, staging.behave)
    calm.start()
    try:
        with looking(staging, stable_for_s=3) as facts:
            assert not facts.green_holds.held
            assert "readiness" in facts.green_holds.describe()
    finally:
        calm.join()
        staging.behave()


def test_a_mistaken_port_is_one_red(staging: Twin) -> None:
    """Nothing listens there, while the backend is well: the inventory is doubted, and nobody is said to lie."""
    mistaken = replace(staging, host=replace(staging.host, redis_port=1))
    with looking(mistaken) as facts:
        assert facts.exec_ping.ok is False
        assert "is redis_port 1 the right one?" in facts.exec_ping.detail
        assert (facts.backend.ok, facts.readiness.ok) == (True, True)
        for name in ("ping", "write", "agreement", "redis", "keyspace", "bond", "published_redis"):
            with pytest.raises(Blocked) as blocked:
                getattr(facts, name)
            assert blocked.value.by == causes.EXEC_PING


def test_the_log_is_read_from_the_instant_that_is_told() -> None:
    """Also inside Redis's restart window, whose end has not come yet; on a twin whose log tells of no trouble."""
    with twin.up(kind="processes") as fresh:
        patient = replace(fresh, host=replace(fresh.host, windows=replace(fresh.host.windows, restart=3600)))
        with looking(patient) as facts:
            assert facts.logs.since == facts.since.instant
            assert "which is not over" in facts.since.because


def test_a_wrong_password_is_told_once() -> None:
    """The suite's credentials were refused, and the backend's were not: no verdict on Redis, and none of the rest."""
    with twin.up(kind="processes", options=Options(password="right")) as up:  # noqa: S106 - of a twin
        environ = {**up.environ, str(up.host.redis_password_env): "wrong"}
        target = open_target(up.host, supervisor=up.supervisor, environ=environ)
        with looking(up, target) as facts:
            with pytest.raises(Unjudged, match=r"^the suite's credentials were refused: .* TWIN_REDIS_PASSWORD$"):
                _ = facts.exec_ping
            for name in ("ping", "write", "redis", "keyspace"):
                with pytest.raises(Blocked) as blocked:
                    getattr(facts, name)
                assert blocked.value.by == causes.EXEC_PING
            assert (facts.backend.ok, facts.readiness.ok) == (True, True)
