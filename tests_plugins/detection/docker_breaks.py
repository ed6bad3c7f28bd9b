"""Ways to break a real host: its containers, as the engine and Compose know them."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from plugins.eventually import eventually
from tests_plugins.detection.breaks import BACKEND, REDIS
from tests_plugins.detection.redis_breaks import asked
from tests_plugins.detection.subjects import Staging
from tests_plugins.staging.requirements import path_of
from tests_plugins.staging.stack import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests_plugins.detection.scene import Scene
    from tests_plugins.staging import StagingHost

#: Stands for an address of this machine that is not loopback, and of which no other machine is told.
BRIDGE = "DOCKER_BRIDGE"
_OVERRIDE = "docker-compose.broken.json"
#: A container that is so old (seconds) was there before an intervention of now, and its beginning is over.
OLD_S = 5
#: The memory of a stock container, for ``docker update``.
ROOMY = ("--memory", "512m", "--memory-swap", "1g")


def real(scene: Scene) -> StagingHost:
    """The staging host under the scene."""
    assert isinstance(scene.subject, Staging)
    return scene.subject.host


def docker(*argv: str, may_fail: bool = False) -> str:
    """The engine's own client on this machine. Raises ``CalledProcessError``."""
    done = subprocess.run(
        [path_of("docker"), *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode and not may_fail:
        raise RuntimeError(f"docker {argv}: {done.stderr}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Updated:
    """``docker update``: what can be changed while the container runs."""

    flags: tuple[str, ...]
    undo: tuple[str, ...]

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Change it."""
        container = real(scene).container(REDIS)
        scene.mend(lambda: docker("update", *self.undo, container))
        docker("update", *self.flags, container)


@dataclass(frozen=True)
class Recreated:
    """Somebody deploys another Compose file: a service gets a new container, and its old one back afterwards."""

    changes: Mapping[str, Any]  # to the service; JSON is YAML, too. Lists of ports are replaced by ``!override``
    service: str = REDIS
    health: str = ""  # what the engine's health check must have said before the gate looks

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Deploy it."""
        scene.disrupted = True
        host = real(scene)
        changed = json.dumps({"services": {self.service: self.changes}})
        text = changed.replace('"ports": ', '"ports": !override ').replace(BRIDGE, bridge())
        (host.folder / _OVERRIDE).write_text(text, encoding="utf-8")
        up = ("up", "--detach", "--no-deps", self.service)
        scene.mend(host.compose, *up)
        scene.mend(remove, host, self.service)
        remove(host, self.service)
        host.compose("-f", _OVERRIDE, *up)
        if self.health:
            _await_health(host, self.service, self.health)


def remove(host: StagingHost, service: str) -> None:
    """Remove the service's containers at once, with their data: an older server could not read it, and nobody else may.

    Compose itself would leave behind the nameless volume of each container that it replaces.
    """
    if found := host.compose("ps", "--all", "--quiet", service).split():
        docker("rm", "--force", "--volumes", *found)


def bridge() -> str:
    """The machine's address on the engine's own bridge."""
    return docker("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}")


def _await_health(host: StagingHost, service: str, status: str) -> None:
    eventually(
        lambda: docker("inspect", "-f", "{{.State.Health.Status}}", host.container(service)),
        lambda seen: seen == status,
        what=f"{service} {status}",
        within_s=30,
    )


@dataclass(frozen=True)
class RotatedAway:
    """The backend has logged this since the intervention, and gone on to log until it is not kept any more."""

    line: str

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Write where its first process writes, once the container was there before the intervention."""
        container = real(scene).container(BACKEND)
        made = datetime.fromisoformat(docker("inspect", "-f", "{{.Created}}", container)[:19] + "+00:00")
        eventually(lambda: datetime.now(UTC) - made, lambda age: age.seconds >= OLD_S, what="its age", within_s=20)
        scene.since = datetime.now(UTC)

        def log(line: str, times: int) -> str:
            script = f'for n in $(seq {times}); do echo "$1" >/proc/1/fd/1; done'
            docker("exec", container, "sh", "-c", script, "sh", line)
            return docker("logs", container)

        eventually(lambda: log(self.line, 1), lambda text: self.line in text, what="the line", within_s=20)
        served = "INFO app.main: a request was served"
        eventually(lambda: log(served, 30), lambda text: self.line not in text, what="a log without it", within_s=20)


@dataclass(frozen=True)
class OverAndOver:
    """The engine has started the container again and again, and waits longer and longer before it does."""

    times: int = 7  # it then waits for 6.4 s
    service: str = REDIS

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Wait for that."""
        container = real(scene).container(self.service)
        eventually(
            lambda: docker("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", container),
            lambda seen: seen == f"restarting {self.times}",
            what="a container that is about to be started again",
            within_s=30,
        )


@dataclass(frozen=True)
class Removed:
    """There is no container of Redis at all."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Remove it."""
        scene.disrupted = True
        scene.mend(real(scene).compose, "up", "--detach", "--no-deps", REDIS)
        remove(real(scene), REDIS)


@dataclass(frozen=True)
class OneOff:
    """Somebody's ``docker compose run`` is still there: the same labels, and not the service."""

    service: str = BACKEND

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Run it."""
        name = f"{real(scene).project}-{self.service}-errand"
        scene.mend(lambda: docker("rm", "--force", "--volumes", name))
        argv = ("run", "--detach", "--no-deps", "--name", name, "--entrypoint", "sleep", self.service, "600")
        real(scene).compose(*argv)


@dataclass(frozen=True)
class CutOff:
    """Redis's container has lost its network."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Disconnect it."""
        scene.disrupted = True
        container, network = real(scene).container(REDIS), f"{real(scene).project}_default"
        scene.mend(lambda: docker("network", "connect", "--alias", REDIS, network, container))
        docker("network", "disconnect", network, container)


@dataclass(frozen=True)
class Bound:
    """Redis listens on its container's own loopback only."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Bind it there; only from inside can it be told otherwise."""
        host = real(scene)
        scene.disrupted = True
        old = host.redis_cli("CONFIG", "GET", "bind").partition("\n")[2]
        scene.mend(host.redis_cli, "CONFIG", "SET", "bind", old)
        host.redis_cli("CONFIG", "SET", "bind", "127.0.0.1")


@dataclass(frozen=True)
class NoServer:
    """The SSH server is gone."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Stop it."""
        scene.mend(real(scene).ssh.start)
        real(scene).ssh.stop()


@dataclass(frozen=True)
class Silent:
    """Something accepts connections where the SSH server should be, and never says a word."""

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Listen in its place."""
        listener = scene.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        config = real(scene).ssh.config_for(listener.getsockname()[1])
        scene.changes = merged(scene.changes, {"ssh_config": str(config)})


@dataclass(frozen=True)
class SmallDisk:
    """Redis writes to a disk of its own that is much too small."""

    size: str  # as mount takes it
    flags: tuple[str, ...] = ()  # of redis-server

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Mount it, and deploy."""
        folder = real(scene).folder / "disk"  # where the host's user may look, too
        folder.mkdir()
        scene.mend(folder.rmdir)
        subprocess.run([path_of("mount"), "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", folder], check=True)
        scene.mend(lambda: subprocess.run([path_of("umount"), "--lazy", folder], check=True))
        flags = (
            {"command": ["redis-server", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru", *self.flags]}
            if self.flags
            else {}
        )
        Recreated({"volumes": [f"{folder}:/data"], **flags}).inflict(scene)


@dataclass(frozen=True)
class OutOfDisk:
    """The disk is full, in the middle of writing: strings of so many bytes each, until Redis refuses."""

    size: int = 100_000

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Write until then."""
        value = "x" * self.size
        batch = [("SET", f"disk:{number}", value, "EX", 600) for number in range(10)]
        eventually(
            lambda: str(asked(scene.twin, batch)),
            lambda said: "MISCONF" in said,
            what="an append-only file that cannot be written",
            within_s=20,
            catch=(OSError,),  # it may be starting
        )
