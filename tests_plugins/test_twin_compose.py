"""The twin under Docker Compose: a stock staging host on this machine's own engine, and nothing left of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from plugins.eventually import eventually
from tests_plugins.staging import BACKEND as BACKEND_IMAGE
from tests_plugins.staging import REDIS as REDIS_IMAGE
from tests_plugins.staging import need_staging_host
from twin import engine, up
from twin.compose import PROJECT, ComposeActions
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.handle import Twin

ROOT = Path(__file__).resolve().parents[1]
REDIS, BACKEND, SPARE = "redis_staging", "backend_staging", "redis_spare"
IMAGES = {"TWIN_REDIS_IMAGE": REDIS_IMAGE, "TWIN_BACKEND_IMAGE": BACKEND_IMAGE}
#: Brings a twin up, and waits for its end.
OWNER = """
import time
from twin import up
with up(kind="compose"):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module", autouse=True)
def images() -> Iterator[None]:
    """Docker is there, and its images are the local ones."""
    need_staging_host()
    with pytest.MonkeyPatch.context() as patch:
        for name, image in IMAGES.items():
            patch.setenv(name, image)
        yield


@pytest.fixture(scope="module")
def shared() -> Iterator[Twin]:
    with up(kind="compose") as made:
        yield made


@pytest.fixture
def twin(shared: Twin) -> Iterator[Twin]:
    """The module's twin; it behaves and runs again afterwards."""
    yield shared
    for service in (REDIS, BACKEND):
        if not actions(shared).inspect(service)["State"]["Running"]:
            shared.start(service)
    shared.behave()
    eventually(
        lambda: checked(shared),
        lambda said: said == {"status": "ok"},
        what="a mended twin",
        within_s=15,
        catch=(OSError, ValueError),
    )


def actions(twin: Twin) -> ComposeActions:
    """What a Compose twin can be asked beyond any twin."""
    assert isinstance(twin.actions, ComposeActions)
    return twin.actions


def checked(twin: Twin) -> Any:
    """What readiness says of Redis."""
    where = urlsplit(str(twin.host.readiness_url))
    connection = HTTPConnection(str(where.hostname), where.port, timeout=5)
    try:
        connection.request("GET", where.path)
        return json.loads(connection.getresponse().read())["checks"]["redis"]
    finally:
        connection.close()


def left_of(project: str) -> list[str]:
    """What the engine still has of a project: containers, networks, volumes."""
    found: list[str] = []
    for kind in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
        argv = ["docker", *kind, "--quiet", "--filter", f"label={PROJECT}={project}"]
        found += subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout.split()
    return found


def volumes(twin: Twin) -> set[str]:
    """The volumes of the twin's containers; they are anonymous."""
    mounts = [mount for service in (REDIS, BACKEND) for mount in actions(twin).inspect(service)["Mounts"]]
    return {mount["Name"] for mount in mounts if mount["Type"] == "volume"}


def all_volumes() -> set[str]:
    """All volumes of the engine."""
    argv = ["docker", "volume", "ls", "--quiet"]
    return set(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout.split())


def project_in(folder: Path) -> tuple[str, Path]:
    """The project whose folder was made in ``folder``, and that folder."""
    errand = eventually(
        lambda: next((path for path in folder.glob("twin-*/errand.json") if path.stat().st_size), None),
        what="the keeper's errand",
        within_s=10,
    )
    assert errand is not None
    up_argv = json.loads(errand.read_text(encoding="utf-8"))["up"]
    return up_argv[up_argv.index("-p") + 1], errand.parent


def test_a_stock_twin_is_healthy(twin: Twin) -> None:
    """Both containers run and are healthy, and readiness says ok."""
    eventually(
        lambda: [actions(twin).inspect(service)["State"]["Health"]["Status"] for service in (REDIS, BACKEND)],
        lambda health: health == ["healthy", "healthy"],
        what="both are healthy",
        within_s=10,
    )
    assert checked(twin) == {"status": "ok"}


def test_the_entry_names_the_engine_and_the_project(twin: Twin) -> None:
    """Chaos may run on this engine only, and Compose finds the project from its folder."""
    with engine.found(os.environ) as local:
        assert twin.host.chaos.engine_id == local.id
    named = ["-p", str(twin.host.compose_project), "-f", twin.host.compose_file]
    argv = ["docker", "compose", *named, "ps", "--services"]
    folder = twin.host.project_dir
    listed = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    assert set(listed.stdout.split()) == {REDIS, BACKEND}


def test_ports_are_published_on_loopback_only(twin: Twin) -> None:
    """No port can be reached from another machine."""
    for service, port in ((REDIS, "6379/tcp"), (BACKEND, "8000/tcp")):
        published = actions(twin).inspect(service)["NetworkSettings"]["Ports"][port]
        assert [binding["HostIp"] for binding in published] == ["127.0.0.1"]


def test_the_memory_limit_leaves_room_for_a_fork(twin: Twin) -> None:
    """The container may use twice what Redis may."""
    assert actions(twin).inspect(REDIS)["HostConfig"]["Memory"] == 512 * 1024**2
    assert twin.redis("CONFIG", "GET", "maxmemory") == [b"maxmemory", str(256 * 1024**2).encode()]


def test_a_crash_is_followed_by_a_restart(twin: Twin) -> None:
    """A kill from nowhere: the restart policy brings Redis back and counts it."""
    before = actions(twin).inspect(REDIS)["RestartCount"]
    twin.crash(REDIS)
    eventually(
        lambda: actions(twin).inspect(REDIS),
        lambda found: found["State"]["Running"] and found["RestartCount"] == before + 1,
        what="Redis is back",
        within_s=10,
    )


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_what_a_person_ends_stays_down(twin: Twin, verb: str) -> None:
    """Stop and kill count as manual."""
    getattr(twin, verb)(REDIS)
    assert actions(twin).inspect(REDIS)["State"]["Status"] == "exited"
    assert checked(twin)["status"] == "degraded"


def test_redis_is_found_again_after_a_start(twin: Twin) -> None:
    """The published port may be another one; the twin looks it up."""
    twin.stop(REDIS)
    twin.start(REDIS)
    answer = eventually(lambda: twin.redis("PING"), what="Redis answers", within_s=10, catch=(OSError,))
    assert answer == b"PONG"


def test_the_backend_is_reached_again_after_a_restart(twin: Twin) -> None:
    """Its port is fixed, so the inventory entry stays true."""
    twin.restart(BACKEND)
    said = eventually(lambda: checked(twin), what="it answers", within_s=15, catch=(OSError, ValueError))
    assert said == {"status": "ok"}


def test_orders_and_log_lines_reach_the_container(twin: Twin) -> None:
    """The same misbehaviour as of processes."""
    twin.misbehave(readiness="degraded", log="Traceback (most recent call last):\n  lost Redis")
    assert checked(twin)["status"] == "degraded"
    assert "  lost Redis\n" in actions(twin).log(BACKEND)


def test_the_backend_can_use_another_redis(twin: Twin) -> None:
    """The spare Redis is a container of the project that starts when it is named."""
    twin.start(SPARE)
    twin.misbehave(redis_url=twin.spare_url)
    eventually(lambda: checked(twin), lambda said: said == {"status": "ok"}, what="the spare serves", within_s=10)
    clients = twin.redis("CLIENT", "LIST")
    assert isinstance(clients, bytes)
    assert b"name=backend" not in clients
    twin.stop(SPARE)


def test_leaving_the_block_leaves_nothing() -> None:
    """Containers, network, volumes and folder are gone; the options were heeded; no port was published."""
    odd = "s3cret 'and\" $spaced\\"
    with up(kind="compose", options=Options(password=odd, publish=None, restart="no", policy="noeviction")) as twin:
        assert twin.redis("PING") == b"PONG"
        assert twin.redis("CONFIG", "GET", "requirepass") == [b"requirepass", odd.encode()]
        found = actions(twin).inspect(REDIS)
        assert found["HostConfig"]["RestartPolicy"]["Name"] == "no"
        assert not found["HostConfig"]["PortBindings"]
        assert checked(twin) == {"status": "ok"}
        made = volumes(twin)
        project, folder = str(twin.host.compose_project), Path(twin.host.project_dir)
    assert left_of(project) == []
    assert made
    assert not made & all_volumes()
    assert not folder.exists()


@pytest.mark.parametrize("when", ["on its way up", "up"])
def test_nothing_is_left_when_the_owner_is_killed(when: str, tmp_path: Path) -> None:
    """The keeper takes the twin down, also one that was only half up."""
    argv, environ = [sys.executable, "-c", OWNER], {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as owner:
        assert owner.stdout is not None
        if when == "up":
            assert owner.stdout.readline() == b"up\n"
        project, folder = project_in(tmp_path)
        eventually(lambda: left_of(project), what="something is there", within_s=10, every_s=0.02)
        owner.kill()
        eventually(
            lambda: [*left_of(project), *([str(folder)] if folder.exists() else [])],
            lambda left: not left,
            what="nothing of the twin is left",
            within_s=30,
        )
