"""Waiting for the steady state: how long, how gently, and what is said when it does not come."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from plugins.facts.causes import Chain, judge_green
from plugins.facts.container import stand_alone, stand_together
from plugins.probe import CARRIER, READONLY, Answer, Vantage, well
from plugins.steady import Pulse, Steadiness, WhenFree, await_steady, fallen, silence
from plugins.target.model import Container
from plugins.verdict import Unjudged, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

WELL = Pulse((Answer(ok=True, detail="PONG", took_s=0.0, vantage=Vantage.PING),))
UNWELL = Pulse((Answer(ok=False, detail="refused", took_s=0.0, vantage=Vantage.PING),))
UNHEARD = Pulse((*WELL.answers, silence("exec_ping", "could not be asked")))
REDIS = Container(id="r", name="redis-1", service="redis")


def waited(look: Callable[[], Pulse], *, wait_s: float = 0.0, stable_for_s: float = 0.0) -> Steadiness:
    return await_steady(look, wait_s=wait_s, stable_for_s=stable_for_s, stopped=threading.Event(), every_s=0.01)


def after(seconds: float, then: Pulse, before: Pulse) -> Callable[[], Pulse]:
    """One pulse until so many seconds from now, another from then on."""
    change = time.monotonic() + seconds
    return lambda: then if time.monotonic() >= change else before


def test_green_at_once_needs_one_look() -> None:
    """Who asks only to wait does not wait for what is there."""
    steadiness = waited(lambda: WELL, wait_s=30)
    assert (steadiness.held, steadiness.looks) == (True, 1)


def test_it_waits_for_green() -> None:
    """Red at first is looked at again until it is green."""
    assert waited(after(0.1, WELL, UNWELL), wait_s=30).held


def test_green_must_hold() -> None:
    """Green that lasts as long as was asked."""
    steadiness = waited(lambda: WELL, stable_for_s=0.2)
    assert steadiness.held
    assert steadiness.took_s >= 0.2


def test_green_that_is_lost_does_not_hold() -> None:
    """Lost half-way, and no time left to begin anew: it ends there, not at the end of the hold."""
    steadiness = waited(after(0.1, UNWELL, WELL), stable_for_s=20)
    assert not steadiness.held
    assert steadiness.took_s < 5
    assert "ping: refused" in steadiness.describe()


def test_a_hold_that_began_in_time_may_end_later() -> None:
    """--wait bounds when green must begin, not when it has lasted long enough."""
    assert waited(after(0.1, WELL, UNWELL), wait_s=0.5, stable_for_s=0.6).held


def test_an_expired_wait_says_what_stood_in_the_way() -> None:
    """The last look is quoted."""
    steadiness = waited(lambda: UNWELL, wait_s=0.1)
    assert steadiness.describe().startswith("not steady within 0.1 s")
    assert steadiness.describe().endswith("ping: refused")


def test_an_engine_that_is_gone_ends_the_wait() -> None:
    """Unreachable is unreachable, however long somebody would wait."""

    def gone() -> Pulse:
        raise Unreachable("the engine does not answer")

    with pytest.raises(Unreachable):
        waited(gone, wait_s=30)


def test_a_run_that_ends_does_not_wait_on() -> None:
    """Ctrl-C in the middle of a wait."""
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Unjudged):
        await_steady(lambda: UNWELL, wait_s=30, stable_for_s=0, stopped=stopped)


@pytest.mark.parametrize(
    ("verdicts", "down", "well"),
    [
        ((True, True), (), True),
        ((True, None), (), True),
        ((True, False), (), False),
        ((None, None), (), False),
        ((), (), False),
        ((True, True), ("backend-1 is exited",), False),
    ],
)
def test_when_all_is_well(verdicts: tuple[bool | None, ...], down: tuple[str, ...], well: bool) -> None:
    """All that can be asked are well, somebody was asked, and nothing is down."""
    answers = tuple(Answer(ok=ok, detail="", took_s=0.0, vantage=Vantage.PING) for ok in verdicts)
    assert Pulse(answers, down).well is well


@pytest.mark.parametrize(("code", "well"), [("", True), ("NOPERM", True), (READONLY, True), (CARRIER, False)])
def test_who_was_only_not_heard_this_time_is_waited_for(code: str, well: bool) -> None:
    """Who may not be asked on this host is left out; who could not be reached has to be heard first."""
    silent = Answer(ok=None, detail="could not be asked", took_s=0.0, vantage=Vantage.EXEC_PING, code=code)
    pulse = Pulse((*WELL.answers, silent))
    assert (pulse.well, pulse.describe()) == (well, "all well" if well else "exec_ping: could not be asked")


@pytest.mark.parametrize(("last", "judged"), [(UNHEARD, False), (UNWELL, True)], ids=["not heard", "unwell"])
def test_green_that_ended_in_silence_is_no_verdict(last: Pulse, judged: bool) -> None:
    """Somebody unwell is red; somebody who was not heard is neither red nor green."""
    steadiness = waited(after(0.1, last, WELL), stable_for_s=20)
    assert (steadiness.held, steadiness.judged) == (False, judged)


@pytest.mark.parametrize(("judged", "verdict"), [(False, Unjudged), (True, None)])
def test_what_a_lost_green_comes_to(judged: bool, verdict: type[Exception] | None) -> None:
    """The check is red only for what was seen."""
    lost = Steadiness(
        held=False, wait_s=0, stable_for_s=1, took_s=1, looks=2, said="exec_ping: could not be asked", judged=judged
    )
    with pytest.raises(verdict) if verdict else nullcontext():
        assert judge_green(Chain(stand_alone([REDIS], None)), lost) is lost


@pytest.mark.parametrize(("health", "told"), [("healthy", 0), ("starting", 1), ("unhealthy", 1), (None, 0)], ids=str)
def test_a_redis_that_is_still_starting_is_waited_for(health: str | None, told: int) -> None:
    """The engine's own health check has its say in the steady state."""
    redis = stand_alone([Container(id="r", name="redis-1", service="redis", health=health)], None)
    assert len(fallen(redis, None)) == told


@pytest.mark.parametrize(("health", "told"), [("healthy", 0), ("starting", 1), ("unhealthy", 1), (None, 0)], ids=str)
def test_a_backend_that_the_engine_finds_unhealthy_is_not_steady(health: str | None, told: int) -> None:
    """Likewise of every replica."""
    replicas = [
        Container(id=name, name=name, service="b", health=state) for name, state in (("a", "healthy"), ("b", health))
    ]
    assert len(fallen(stand_alone([REDIS], None), stand_together(replicas, None))) == told


def test_a_fallen_backend_is_not_steady() -> None:
    """What does not run is told by name."""
    backend = stand_together([Container(id="b", name="backend-1", service="b", state="exited")], None)
    assert fallen(stand_alone([REDIS], None), backend) == (backend.detail,)


def test_nobody_is_asked_while_a_run_of_chaos_holds_the_host() -> None:
    """The look waits for its turn; once the host is free, it is not asked about again."""
    holders = iter(["run 20260102-staging-chaos-0000 holds the lock", ""])
    looks: list[Pulse] = []

    def look() -> Pulse:
        looks.append(Pulse((well(Vantage.PING, "PONG"),)))
        return looks[-1]

    free = WhenFree(look, lambda: next(holders))
    held = free()
    assert (held.well, "holds the lock" in held.describe(), looks) == (False, True, [])
    assert [free().well, free().well] == [True, True]
