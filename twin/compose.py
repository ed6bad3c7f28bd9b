"""The twin under Docker Compose, on this machine's own engine."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin import engine, keeper, start_delay
from twin.handle import NotUp, Twin, environ_of, host_of, write_orders
from twin.lifeline import let_go
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from twin.options import Options

ROOT = Path(__file__).resolve().parent
FILE = "docker-compose.staging.yml"
LOOPBACK = "127.0.0.1"
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - read, not bound
REDIS_PORT = 6379
SPARE = "redis_spare"
IMAGES = ("TWIN_REDIS_IMAGE", "TWIN_BACKEND_IMAGE", "TWIN_PYTHON_IMAGE")
#: Containers of the stack itself carry these labels, and ``docker compose run`` ones another value of the last.
PROJECT, SERVICE, ONE_OFF = (f"com.docker.compose.{word}" for word in ("project", "service", "oneoff"))
HEALTHY_S = 60
DOWN_S = 200.0
ACT_S = 60.0
#: Kills the process $2 if it belongs to the container $1; run where the host's processes can be seen.
CRASH = 'grep -q "$1" "/proc/$2/cgroup" && kill -9 "$2"'


@dataclass(frozen=True)
class ComposeActions:
    """The interventions: the runbook's own commands, in the project's folder, by service name."""

    engine: engine.LocalEngine
    project: str
    folder: Path
    env: Mapping[str, str]
    redis_service: str

    def act(self, verb: str, service: str) -> None:
        """One intervention. Raises ``RuntimeError`` with Compose's words."""
        if verb == "crash":
            self._crash(service)
        elif verb == "start" and service == SPARE:
            self._run(*self.compose("up", "--detach", service))
        else:
            self._run(*self.compose(verb, service))

    def compose(self, *argv: str) -> list[str]:
        """The argv of a Compose command on this project."""
        return ["docker", "compose", "--ansi", "never", "-p", self.project, "-f", FILE, *argv]

    def log(self, service: str) -> str:
        """Everything the service has logged."""
        # Compose's own command would add escape sequences.
        return "".join(self._run("docker", "logs", container) for container in self.containers(service))

    def redis_address(self) -> tuple[str, int]:
        """Where Redis answers: its published port, which a start may change, or else its own address."""
        described = self.inspect(self.redis_service)
        networks = described["NetworkSettings"]
        if published := networks["Ports"].get(f"{REDIS_PORT}/tcp"):
            bound = published[0]["HostIp"]
            return LOOPBACK if bound in EVERYWHERE else bound, int(published[0]["HostPort"])
        for network in networks["Networks"].values():
            return network["IPAddress"], REDIS_PORT
        raise RuntimeError(f"Redis of the twin {self.project} is on no network")

    def spare_url(self) -> str:
        """The spare Redis, as the backend reaches it."""
        return f"redis://{SPARE}:{REDIS_PORT}/0"

    def containers(self, service: str | None = None) -> list[str]:
        """The ids of the project's containers, stopped ones too."""
        labels = [f"{PROJECT}={self.project}"]
        if service is not None:
            labels += [f"{SERVICE}={service}", f"{ONE_OFF}=False"]
        found = self.engine.api.containers(all=True, filters={"label": labels})
        return [described["Id"] for described in found]

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine says of the service's container. Raises ``RuntimeError`` when there is none."""
        for container in self.containers(service):
            return dict(self.engine.api.inspect_container(container))
        raise RuntimeError(f"the twin {self.project} has no container of {service}")

    def _crash(self, service: str) -> None:
        described = self.inspect(service)
        process = str(described["State"]["Pid"])
        # No root is needed for this, nor any image that is not there.
        run = ["docker", "run", "--rm", "--pid=host", "--network=none", "--entrypoint=sh", described["Image"]]
        self._run(*run, "-c", CRASH, "sh", described["Id"], process)

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            timeout=ACT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{shlex.join(argv)}: {done.stdout.strip() or f'exit code {done.returncode}'}")
        return done.stdout


@contextmanager
def up(options: Options, local: engine.LocalEngine, *, ttl_s: float) -> Iterator[Twin]:
    """A Compose twin for the ``with`` block. Raises ``NotUp`` with Compose's words."""
    project = f"twin-{secrets.token_hex(4)}"
    folder = Path(tempfile.mkdtemp(prefix="twin-"))
    [backend_port] = free_ports(1)
    furnish(folder, options, backend_port)
    actions = ComposeActions(local, project, folder, _environment(), options.redis_service)
    if actions.containers():
        raise NotUp(f"there is a project {project} already")  # never adopted, never removed
    process = _keep(actions, ttl_s)
    try:
        _await(process)
        yield Twin(
            kind="compose",
            host=host_of(
                options,
                project_dir=str(folder),
                compose_project=project,
                redis_port=REDIS_PORT,
                readiness_port=backend_port,
                engine_id=local.id,
            ),
            environ=environ_of(options),
            supervisor=None,
            options=options,
            orders=folder / "control" / "orders.json",
            actions=actions,
        )
    finally:
        let_go(process, DOWN_S)


def furnish(folder: Path, options: Options, backend_port: int) -> None:
    """Write what a deployment leaves in the project's folder, which must exist: the file, its settings, the backend.

    The backend's port on loopback is fixed, Redis's is the engine's choice at each start. The settings name the
    images of ``TWIN_REDIS_IMAGE``, ``TWIN_BACKEND_IMAGE`` and ``TWIN_PYTHON_IMAGE`` (the base of a backend that is
    to be built) where this process's environment has them.
    """
    text = (ROOT / FILE).read_text(encoding="utf-8")
    text = text.replace("redis_staging", options.redis_service).replace("backend_staging", options.backend_service)
    if options.publish is None:
        text = "".join(line for line in text.splitlines(keepends=True) if "TWIN_PUBLISH" not in line)
    if options.start_delay_s is not None:
        text = start_delay.in_compose(text)
    (folder / FILE).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "backend", folder / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    variables = {
        "TWIN_REDIS_ARGS": shlex.join(options.redis_argv()),
        "TWIN_REDIS_LOGIN": options.login,
        "TWIN_REDIS_MEMORY": options.memory_limit or "0",
        "TWIN_RESTART": options.restart,
        "TWIN_PUBLISH": options.publish or "",
        "TWIN_BACKEND_PORT": str(backend_port),
        **{name: os.environ[name] for name in IMAGES if name in os.environ},
    }
    settings = folder / ".env"
    settings.touch(mode=0o600)
    settings.write_text("".join(f"{name}={_quoted(value)}\n" for name, value in variables.items()), encoding="utf-8")
    (folder / "control").mkdir()
    write_orders(folder / "control" / "orders.json", options.misbehaviour)
    if options.start_delay_s is not None:
        start_delay.furnish(folder / "control", options.start_delay_s)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'"{escaped}"'


def _environment() -> dict[str, str]:
    """The environment without what would steer Compose away from the folder's own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "TWIN_"))}


def _keep(actions: ComposeActions, ttl_s: float) -> subprocess.Popen[bytes]:
    label = f"label={PROJECT}={actions.project}"
    errand = keeper.Errand(
        up=actions.compose("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_S), "--quiet-pull"),
        down=actions.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "0"),
        left=["docker", "ps", "--all", "--quiet", "--filter", label],
        env=dict(actions.env),
        folder=str(actions.folder),
    )
    path = actions.folder / "errand.json"
    path.touch(mode=0o600)  # it holds the environment
    path.write_text(keeper.dump(errand), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "twin.keeper", str(path), "--owner", str(os.getpid()), "--ttl", str(ttl_s)],
        cwd=ROOT.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _await(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    line = process.stdout.readline()
    if not line:
        raise NotUp(f"the twin's keeper ended with {process.wait()}")
    answer = json.loads(line)
    if not answer["up"]:
        raise NotUp(f"docker compose up failed:\n{answer['said']}")
