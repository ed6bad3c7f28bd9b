"""Where Redis is: its address and whether it runs, on the process twin, on Docker, and through SSH."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.target.model import Tcp
from plugins.target.open import open_target
from plugins.target.whereabouts import CannotSample, Place, Whereabouts
from tests_plugins.staging import (
    REDIS,
    SshdOptions,
    Stack,
    StagingHost,
    StagingOptions,
    need_staging_host,
    staging_host,
)
from tests_plugins.staging.janitor import descendants
from tests_plugins.staging.requirements import path_of
from twin import up
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.inventory import Host
    from plugins.target.model import Container
    from plugins.target.open import Target
    from twin.handle import Twin

SERVICE = "redis_staging"
#: Redis alone, on the engine's network only.
INNER = Stack(twin=Options(publish=None), backend=False)
#: How long an event may take to be heard here, and the look that follows it. Seconds.
HEARD_S = 10.0
PONG = "PONG"


@pytest.fixture(scope="module")
def running() -> Iterator[Twin]:
    with up(kind="processes") as made:
        yield made


@pytest.fixture
def twin(running: Twin) -> Twin:
    """The module's twin; Redis answers."""
    eventually(lambda: running.redis("PING"), what="Redis answers", within_s=HEARD_S, catch=(OSError,))
    return running


@pytest.fixture(scope="module")
def host_up() -> Iterator[StagingHost]:
    need_staging_host()
    with staging_host(StagingOptions(stack=INNER)) as made:
        yield made


@pytest.fixture
def staging(host_up: StagingHost) -> StagingHost:
    """The module's host; Redis answers."""
    eventually(
        lambda: host_up.redis_cli("PING"),
        lambda said: said == PONG,
        what="Redis answers",
        within_s=HEARD_S,
        catch=(subprocess.CalledProcessError,),
    )
    return host_up


def docker(*argv: str) -> str:
    done = subprocess.run([path_of("docker"), *argv], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@contextmanager
def watched(host: Host, supervisor: Path | None = None) -> Iterator[tuple[Whereabouts, list[Place]]]:
    """The whereabouts of the host's Redis, and every place that it was told to have moved to."""
    target = open_target(host, supervisor=supervisor, environ=os.environ)
    moves: list[Place] = []
    whereabouts = Whereabouts(target, redis_of(target), moved=moves.append)
    try:
        whereabouts.start()
        yield whereabouts, moves
    finally:
        whereabouts.stop()
        target.close()


def redis_of(target: Target) -> Container:
    (redis,) = target.stack.containers(SERVICE)
    return redis


def becomes(whereabouts: Whereabouts, why: str) -> None:
    """Wait until Redis is nowhere, for this reason."""
    eventually(whereabouts.now, lambda place: place.endpoint is None and why in place.why, what=why, within_s=HEARD_S)


def found(whereabouts: Whereabouts) -> Tcp:
    """Wait until Redis is somewhere."""
    place = eventually(whereabouts.now, lambda place: place.endpoint is not None, what="a place", within_s=HEARD_S)
    assert isinstance(place.endpoint, Tcp)
    return place.endpoint


def actions(whereabouts: Whereabouts) -> list[str]:
    return [event.action for event in whereabouts.events]


def test_a_stopped_process_is_nowhere_until_it_is_started(twin: Twin) -> None:
    """The process twin's supervisor tells as an engine would."""
    with watched(twin.host, twin.supervisor) as (whereabouts, moves):
        before = found(whereabouts)
        twin.kill(SERVICE)
        becomes(whereabouts, "exit code 137")
        twin.start(SERVICE)
        assert found(whereabouts) == before == Tcp(*twin.actions.redis_address())
        assert [place.endpoint for place in moves] == [before, None, before]
        assert actions(whereabouts) == ["kill", "die", "start"]
        assert whereabouts.events[0].attributes == {"signal": "9"}


def test_a_paused_process_is_nowhere(twin: Twin) -> None:
    """It could not answer, and connections to it would pile up."""
    with watched(twin.host, twin.supervisor) as (whereabouts, _):
        twin.pause(SERVICE)
        becomes(whereabouts, "paused")
        twin.unpause(SERVICE)
        found(whereabouts)


def test_a_redis_that_does_not_run_cannot_be_watched(twin: Twin) -> None:
    """There is no way to choose; that is no verdict about Redis."""
    twin.stop(SERVICE)
    try:
        with pytest.raises(CannotSample, match="does not run"), watched(twin.host, twin.supervisor):
            pass
    finally:
        twin.start(SERVICE)


def test_a_restart_is_told_event_by_event(staging: StagingHost) -> None:
    """The engine's own words, in order, by the host's clock and by ours."""
    with watched(staging.host) as (whereabouts, _):
        staging.compose("restart", "--timeout", "5", SERVICE)
        eventually(lambda: actions(whereabouts), lambda told: "restart" in told, what="a restart", within_s=HEARD_S)
        told = [event for event in whereabouts.events if event.action in {"kill", "die", "start", "restart"}]
        assert [event.action for event in told] == ["kill", "die", "start", "restart"]
        assert told[0].attributes == {"signal": "15"}
        assert told[1].attributes == {"exitCode": "0"}
        assert sorted(told, key=lambda event: event.at) == told
        assert sorted(told, key=lambda event: event.received) == told
        found(whereabouts)


def test_another_address_after_a_start_is_found(staging: StagingHost) -> None:
    """What took the old address is a stranger, and is never taken for Redis."""
    network = f"{staging.project}_default"
    with watched(staging.host) as (whereabouts, _):
        before = found(whereabouts)
        staging.compose("stop", SERVICE)
        becomes(whereabouts, "exit code 0")
        stranger = docker("run", "--rm", "--detach", "--network", network, "--entrypoint", "sleep", REDIS, "60")
        try:
            taken = docker(
                "inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}', stranger
            )
            staging.compose("start", SERVICE)
            after = found(whereabouts)
        finally:
            docker("kill", stranger)
        assert taken == before.host
        assert after.host != before.host


def test_a_redis_off_its_network_is_nowhere(staging: StagingHost) -> None:
    """It runs, and nobody could connect to it."""
    network, container = f"{staging.project}_default", staging.container(SERVICE)
    with watched(staging.host) as (whereabouts, _):
        docker("network", "disconnect", network, container)
        becomes(whereabouts, "on no network")
        docker("network", "connect", "--alias", SERVICE, network, container)
        found(whereabouts)


def test_other_containers_events_are_not_heard(staging: StagingHost) -> None:
    """Only what happens to this very container counts."""
    with watched(staging.host) as (whereabouts, moves):
        docker("run", "--rm", "--network", f"{staging.project}_default", "--entrypoint", "true", REDIS)
        docker("pause", staging.container(SERVICE))
        becomes(whereabouts, "paused")
        docker("unpause", staging.container(SERVICE))
        found(whereabouts)
        assert actions(whereabouts) == ["pause", "unpause"]
        assert len(moves) == 3


def test_an_engine_that_is_not_heard_any_more_is_listened_to_again(staging: StagingHost) -> None:
    """What happened meanwhile is seen by looking; that something may have been missed is kept."""
    docker_command = (path_of("docker"), "--host", "unix:///var/run/docker.sock")
    host = replace(staging.host, ssh=None, ssh_config=None, docker=docker_command, project_dir=str(staging.folder))
    with watched(host) as (whereabouts, _):
        for pid in descendants(os.getpid()):
            if b"dial-stdio" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: whereabouts.gaps, what="a gap", within_s=HEARD_S)
        eventually(whereabouts.now, lambda place: place.known, what="the engine is heard again", within_s=HEARD_S)
        docker("pause", staging.container(SERVICE))
        becomes(whereabouts, "paused")
        docker("unpause", staging.container(SERVICE))
        found(whereabouts)
        assert len(whereabouts.gaps) == 1


def test_a_dead_tunnel_says_nothing_of_redis(staging: StagingHost) -> None:
    """The last address stays, and that nothing is known any more is said."""
    with watched(staging.host) as (whereabouts, _):
        before = found(whereabouts)
        staging.ssh.drop_connections()
        # The stream may end before ssh has said why.
        place = eventually(whereabouts.now, lambda place: "SSH" in place.why, what="silence", within_s=HEARD_S)
        assert (place.endpoint, place.known) == (before, False)


def test_where_forwarding_is_forbidden_nothing_can_be_watched() -> None:
    """The only way left would die with the container: said in words, with what to change."""
    need_staging_host()
    options = StagingOptions(stack=INNER, sshd=SshdOptions(tcp_forwarding="no"))
    with (
        staging_host(options) as forbidden,
        pytest.raises(CannotSample, match=r"forbids forwarding.*AllowTcpForwarding local"),
        watched(forbidden.host),
    ):
        pass
