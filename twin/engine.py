"""The container engine of this machine, if there is one: its own socket, never somebody else's engine."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import docker.errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEME = "unix://"
DEFAULT = "unix:///var/run/docker.sock"
ANSWER_S = 3.0


class NoEngine(Exception):
    """No local engine can be used; the message says why."""


@dataclass(frozen=True)
class LocalEngine:
    """An engine that answers on a socket of this machine."""

    api: docker.APIClient
    id: str
    version: str


@contextmanager
def found(environ: Mapping[str, str]) -> Iterator[LocalEngine]:
    """The engine that the docker command of this environment speaks to. Raises ``NoEngine``."""
    _docker(environ)
    address = _address(environ)
    if not address.startswith(SCHEME):
        raise NoEngine(f"the docker command speaks to {address}; a twin lives on this machine's own engine only")
    path = address.removeprefix(SCHEME)
    if not Path(path).is_socket():
        raise NoEngine(f"no engine answers at {path}: there is no socket")
    try:
        api = docker.APIClient(base_url=address, version="auto", timeout=ANSWER_S)
    except docker.errors.DockerException as error:
        raise NoEngine(f"no engine answers at {path}: {error}") from None
    with closing(api):
        info = api.info()
        _require_compose(environ)
        yield LocalEngine(api=api, id=str(info.get("ID", "")), version=str(info.get("ServerVersion", "")))


def _docker(environ: Mapping[str, str]) -> str:
    if (program := shutil.which("docker", path=environ.get("PATH"))) is None:
        raise NoEngine("there is no docker command on the PATH")
    return program


def _address(environ: Mapping[str, str]) -> str:
    if address := environ.get("DOCKER_HOST"):
        return address
    context = environ.get("DOCKER_CONTEXT") or _configured_context(environ)
    if context in {"", "default"}:
        return DEFAULT
    return _run(environ, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", "--", context)


def _configured_context(environ: Mapping[str, str]) -> str:
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker")
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("currentContext", ""))
    except (OSError, ValueError):
        return ""


def _require_compose(environ: Mapping[str, str]) -> None:
    version = _run(environ, "compose", "version", "--short")
    if version.lstrip("v").startswith("1."):
        raise NoEngine(f"Compose {version} is too old: the second version is needed")


def _run(environ: Mapping[str, str], *argv: str) -> str:
    try:
        done = subprocess.run(
            [_docker(environ), *argv], env=dict(environ), capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEngine(f"docker {argv[0]}: {error}") from None
    if done.returncode:
        raise NoEngine(f"docker {argv[0]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout.strip()
