"""An engine that fails in the middle of a run: nobody's verdict but its own, and never the steady state."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import twin
from plugins.facts import asking
from plugins.probe import CARRIER, Vantage
from plugins.steady import Pulses, await_steady
from plugins.target.engine_api import EngineApi, EngineError
from plugins.target.local import LocalShell
from plugins.target.model import CarrierFailed, Container, TimedOut, Unix
from plugins.target.open import open_target
from plugins.target.processes import ProcessStack
from plugins.target.roads import Deadline
from tests_plugins import sshds
from tests_plugins.engine_gate import Trouble, engine_gate
from tests_plugins.gate import run_gate
from tests_plugins.staging import BACKEND, NAME, REDIS, need_staging_host
from tests_plugins.staging.host import to_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from plugins.steady import Pulse
    from plugins.target.open import Target
    from plugins.target.roads import Roads
    from tests_plugins.engine_gate import Gate
    from twin.handle import Twin

VERSION = "/version"
ANY_TROUBLE = [Trouble.GOES, Trouble.FAILS, Trouble.HANGS]


@pytest.fixture(scope="module")
def up() -> Iterator[Twin]:
    """A host under Docker Compose."""
    need_staging_host()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_REDIS_IMAGE", REDIS)
        patch.setenv("TWIN_BACKEND_IMAGE", BACKEND)
        with twin.up(kind="compose") as made:
            yield made


@pytest.fixture
def gate() -> Iterator[Gate]:
    """The way to its engine."""
    with engine_gate() as made:
        yield made


@contextmanager
def opened(up: Twin, gate: Gate) -> Iterator[tuple[Target, Container]]:
    """The host through the gate, and its Redis, found while the engine was well."""
    target = open_target(up.host, environ={**up.environ, **gate.environ})
    try:
        target.shell.open()
        (redis,) = target.stack.containers(up.host.redis_service)
        yield target, redis
    finally:
        target.close()


# --- the API --------------------------------------------------------------------------------------------------------


def api_of(shell: Roads, path: Path) -> EngineApi:
    return EngineApi(lambda timeout_s: shell.dial(Unix(str(path)), timeout_s=timeout_s))


@contextmanager
def here() -> Iterator[Roads]:
    yield LocalShell(os.environ)


@contextmanager
def over_ssh() -> Iterator[Roads]:
    with sshds.server() as running, sshds.shell(running) as shell:
        yield shell


@pytest.mark.parametrize("way", [here, over_ssh])
def test_a_socket_that_refuses_is_the_carriers_failure(
    gate: Gate, way: Callable[[], AbstractContextManager[Roads]]
) -> None:
    """On this machine as through a forwarded socket, after it had answered."""
    need_staging_host()
    with way() as shell:
        api = api_of(shell, gate.path)
        assert api.get(VERSION, Deadline(5, "the engine"))["ApiVersion"]
        gate.close()
        with pytest.raises(CarrierFailed):
            api.get(VERSION, Deadline(5, "the engine"))
        api.close()


def test_an_engine_that_says_nothing_is_the_carriers_failure(tmp_path: Path) -> None:
    """It takes the connection and the question, and hangs."""
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "s"))
        mute.listen()
        api = api_of(LocalShell({}), tmp_path / "s")
        with pytest.raises(CarrierFailed, match="the engine does not answer"):
            api.get(VERSION, Deadline(0.3, "the engine"))
        api.close()


def test_what_the_engine_refuses_is_no_failure_of_its_own(gate: Gate) -> None:
    """A container that is not there: the engine has answered."""
    need_staging_host()
    api = api_of(LocalShell({}), gate.path)
    with pytest.raises(EngineError) as caught:
        api.get("/containers/no-such-container/json", Deadline(5, "the engine"))
    assert not isinstance(caught.value, CarrierFailed)
    api.close()


# --- the vantage points ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ANY_TROUBLE)
def test_the_ping_inside_could_not_be_asked(up: Twin, gate: Gate, trouble: Trouble) -> None:
    """The engine fails as a command is to be run: Redis had no chance to answer."""
    with opened(up, gate) as (target, redis):
        gate.trouble = trouble
        answer = asking.exec_ping(target, redis).ask()
    assert gate.struck.is_set()
    assert (answer.ok, answer.code) == (None, CARRIER), answer


def test_the_ping_inside_could_not_be_asked_where_the_engine_refuses(up: Twin, gate: Gate) -> None:
    """It went away just before, and nobody listens there any more."""
    with opened(up, gate) as (target, redis):
        gate.close()
        answer = asking.exec_ping(target, redis).ask()
    assert (answer.ok, answer.code) == (None, CARRIER), answer
    assert "Connection refused" in answer.detail


@pytest.mark.parametrize("trouble", ANY_TROUBLE)
def test_the_backends_check_could_not_be_asked(up: Twin, gate: Gate, trouble: Trouble) -> None:
    """The same of the backend."""
    with opened(up, gate) as (target, _):
        backends = target.stack.containers(str(up.host.backend_service))
        gate.trouble = trouble
        answer = replace(asking.backend(target, backends), timeout_s=2).ask()
    assert (answer.ok, answer.code) == (None, CARRIER), answer


def test_a_command_that_does_not_end_is_not_the_engines_failure(up: Twin, gate: Gate) -> None:
    """It was started: what hangs is in the container."""
    with opened(up, gate) as (target, redis), pytest.raises(TimedOut):
        target.stack.execute(redis, ["sleep", "30"], timeout_s=1)


def test_a_supervisor_that_is_gone_is_the_carriers_failure_too(tmp_path: Path) -> None:
    """The twin without an engine has its own."""
    redis = Container("id", "redis-1", "redis")
    with pytest.raises(CarrierFailed):
        ProcessStack(tmp_path / "gone").execute(redis, ["true"])


# --- the steady state -----------------------------------------------------------------------------------------------


def test_a_host_whose_engine_fails_is_not_steady(up: Twin, gate: Gate) -> None:
    """Though the wire and readiness are well: the in-container PING and the backend gave no word."""
    with opened(up, gate) as (target, _):
        gate.trouble = Trouble.FAILS
        pulse = Pulses(target, write=True)()
    assert [one.vantage for one in pulse.answers if one.ok] == [Vantage.READINESS, Vantage.PING, Vantage.WRITE]
    assert not pulse.well
    assert f"{Vantage.EXEC_PING}: could not be asked" in pulse.describe()


def test_an_engine_that_does_not_list_its_containers_is_not_steady(up: Twin, gate: Gate) -> None:
    """Nothing is said of a container that would not run."""
    with opened(up, gate) as (target, _):
        gate.trouble, gate.asked = Trouble.FAILS, b"GET /containers/"
        pulse = Pulses(target, write=True)()
    assert (pulse.well, pulse.sick) == (False, ())
    assert "in trouble" in pulse.describe()


def test_the_wait_goes_on_until_the_engine_is_well_again(up: Twin, gate: Gate) -> None:
    """It fails for two looks, and then no more."""
    with opened(up, gate) as (target, _):
        gate.trouble = Trouble.FAILS
        pulses = Pulses(target, write=True)

        def look() -> Pulse:
            pulse = pulses()
            if pulses.taken == 2:
                gate.trouble = Trouble.NONE
            return pulse

        steadiness = await_steady(look, wait_s=30, stable_for_s=0, stopped=threading.Event(), every_s=0.05)
    assert (steadiness.held, steadiness.looks) == (True, 3), steadiness


# --- the gate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "arguments"), [(Trouble.GOES, []), (Trouble.HANGS, []), (Trouble.FAILS, ["--stable-for", "2"])]
)
def test_the_gate_is_not_red_for_its_engine(
    up: Twin, gate: Gate, tmp_path: Path, trouble: Trouble, arguments: list[str]
) -> None:
    """Exit 10, and no check is red."""
    entry = {
        "environment": "development",
        "project_dir": up.host.project_dir,
        "compose_project": up.host.compose_project,
        "readiness_url": up.host.readiness_url,
    }
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(to_toml(NAME, entry), encoding="utf-8")
    gate.trouble = trouble
    judged = run_gate(
        *("--host", NAME, "--inventory", str(inventory), *arguments),
        reports=tmp_path / "r",
        environ={**up.environ, **gate.environ},
    )
    assert (judged.exit_code, judged.those("failed")) == (10, frozenset()), judged.output
    assert gate.struck.is_set()
