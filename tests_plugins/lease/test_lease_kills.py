"""Whoever kills the runner, or cuts its connection: the host is well again within the lease and 5 s. The real thing."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import twin
from plugins.eventually import eventually
from plugins.fault import Verb
from plugins.target.means import ProcessMeans
from plugins.target.processes import ProcessStack
from tests_plugins.leases import HEALED_S, LEASE_S, Plan, gone, runner, shared_folder
from tests_plugins.staging import REDIS_6_2, Stack, StagingHost, StagingOptions, need_staging_host, staging_host
from tests_plugins.staging.janitor import end
from twin import resp
from twin.options import Options
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests_plugins.leases import Runner
    from twin.handle import Twin

#: What a stop takes that is still at work when the lease fires, in seconds.
SLOW_S = 4.5


@dataclass(frozen=True)
class Case:
    """How one runner comes to its end."""

    until: str
    how: Callable[[Runner], object] = lambda killed: killed.kill()
    owed: bool = True
    within_s: float = HEALED_S


def cut_here(killed: Runner) -> None:
    """Kill its ssh; the runner itself lives on."""
    end(killed.ssh())


def cut_there(killed: Runner) -> None:
    """Kill the host's own end of its connection."""
    end(killed.sshd())


#: Every case has a Redis of its own, and so many of them happen at once.
AT_ONCE = 4
CASES = {
    "armed": Case("armed", owed=False),
    "undo-written": Case("written"),
    "while-stopping": Case("acting", within_s=SLOW_S + HEALED_S - LEASE_S),  # a start before the stop's end is none
    "stopped": Case("broken"),
    "mended": Case("mended"),
    "all-over": Case("cleared", owed=False),
    "cut-here": Case("broken", cut_here),
    "cut-there": Case("broken", cut_there),
}


@dataclass(frozen=True)
class Fate:
    """What became of the host, in seconds from the runner's end."""

    answers_s: float  # Redis, from then on
    gone_s: float  # the watcher
    owed: int
    told: tuple[str, ...]
    fired: str  # what the runner itself learnt, where it lives


@pytest.fixture(scope="module")
def fates() -> Iterator[Mapping[str, Fate]]:
    """Each case, carried out over SSH on a real staging host."""
    need_staging_host()
    ports = dict(zip(CASES, free_ports(len(CASES)), strict=True))
    services = {name: service(name, port) for name, port in ports.items()}
    stack = Stack(twin=Options(redis_service="armed"), backend=False, text=json.dumps({"services": services}))
    with (
        shared_folder() as base,
        staging_host(StagingOptions(stack=stack)) as staging,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        cases = {name: pool.submit(carry_out, name, base, staging, port) for name, port in ports.items()}
        yield {name: case.result() for name, case in cases.items()}


def service(name: str, port: int) -> dict[str, object]:
    """A Redis, as Compose writes it."""
    redis = ["redis-server", "--save", "", "--protected-mode", "no"]
    slow = ["sh", "-c", f"trap 'sleep {SLOW_S}; exit 0' TERM; \"$@\" & wait".replace("$", "$$"), "sh", *redis]
    argv = slow if name == "while-stopping" else redis
    return {"image": REDIS_6_2, "entrypoint": argv, "ports": [f"127.0.0.1:{port}:6379"]}


def carry_out(name: str, base: str, staging: StagingHost, port: int) -> Fate:
    """One runner, its end, and what follows."""
    case, container = CASES[name], staging.container(name)
    running = ("sh", "-c", '[ "$(docker inspect -f {{.State.Status}} "$1")" = running ]', "sh", container)
    fault = ("docker", "stop", "-t", "10", container)
    plan = Plan(
        base, name, case.until, (("docker", "start", container),), running, fault, str(staging.ssh.client_config)
    )
    with runner(plan) as killed:
        case.how(killed)
        answers_s, gone_s = healing(lambda: answers(port), plan.ledger().folder)
        fired = killed.ask() if killed.lives else ""
    left = plan.ledger()
    return Fate(answers_s, gone_s, len(left.owed()), tuple(map(str, left.reports())), fired)


def healing(well: Callable[[], bool], folder: str) -> tuple[float, float]:
    """Seconds until Redis answered for good, and until no watcher was left."""
    start = last_bad = time.monotonic()
    ends: list[float] = []

    def look() -> bool:
        nonlocal last_bad
        if not ends and gone(folder):
            ends.append(time.monotonic())
        if answered := well():
            return bool(ends)
        last_bad = time.monotonic()
        return answered

    eventually(look, what="Redis answers and the watcher is gone", within_s=30, every_s=0.2)
    return last_bad - start, ends[0] - start


def answers(port: int) -> bool:
    """Whether Redis says PONG there. Over the wire: to ask inside the containers would keep the engine busy."""
    try:
        return resp.ask(("127.0.0.1", port), ("PING",), timeout_s=1) == [b"PONG"]
    except OSError:
        return False


@pytest.mark.parametrize("name", CASES)
def test_the_host_heals_itself(fates: Mapping[str, Fate], name: str) -> None:
    """However and whenever the runner ends: Redis answers in time, no watcher is left, and nothing is owed."""
    fate = fates[name]
    assert (fate.answers_s < CASES[name].within_s, fate.gone_s < CASES[name].within_s, fate.owed) == (True, True, 0), (
        fate
    )


@pytest.mark.parametrize("name", CASES)
def test_the_next_run_is_told(fates: Mapping[str, Fate], name: str) -> None:
    """What the lease undid, and why; or that nothing was owed."""
    silence = "no sign of life"
    said = f"undoing: {name}; its lease did: {silence}" if CASES[name].owed else f"giving the lock back: {silence}"
    assert [f"left without {said}" in one for one in fates[name].told] == [True], fates[name].told


@pytest.mark.parametrize("name", ["cut-here", "cut-there"])
def test_a_runner_that_lost_its_connection_knows(fates: Mapping[str, Fate], name: str) -> None:
    """Its experiment is an error, whatever it measured."""
    assert "cannot be renewed any more" in fates[name].fired


def test_the_process_twin_heals_itself() -> None:
    """The same on this machine, without SSH and without an engine."""
    with shared_folder() as base, twin.up(kind="processes") as made:
        assert made.supervisor is not None
        (redis,) = ProcessStack(made.supervisor).containers(made.host.redis_service)
        means = ProcessMeans(made.supervisor, made.host.redis_service)
        undo = (means.undoing(Verb.START, redis),)
        with runner(Plan(base, "twin", "broken", undo, means.proof(redis), means.intervention(Verb.STOP))) as killed:
            assert not pong(made)
            killed.kill()
            assert max(healing(lambda: pong(made), base)) < HEALED_S


def pong(made: Twin) -> bool:
    try:
        return bool(made.redis("PING") == b"PONG")
    except OSError:
        return False
