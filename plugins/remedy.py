"""The corrected runbook step for a failure: a template of the check, filled in for the host, ready to paste.

A template is text for a POSIX shell with fields in braces, as ``{redis_cli} INFO memory``. A field stands where a
word or a command may stand, never inside quotes: its value is quoted already. Other braces are left alone, so that
``docker info -f '{{.ID}}'``, ``${NAME}`` and ``%{http_code}`` need no escaping.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from plugins.inventory import Host

if TYPE_CHECKING:
    from collections.abc import Callable

_FIELD = re.compile(r"(?<![{$%])\{([a-z_]+)\}(?!\})")
_HOME = re.compile(r"~(?:[A-Za-z_][A-Za-z0-9._-]*)?(?:/|\Z)")  # the slash too, or no shell expands it
_NO_BACKEND = "BACKEND_SERVICE"  # a check of the backend is skipped where none is declared


@dataclass(frozen=True, kw_only=True)
class Started(Host):
    """A host whose project was started by other files than the inventory's."""

    compose_files: tuple[str, ...]


class Field(NamedTuple):
    """One field of the templates."""

    meaning: str
    value: Callable[[Host], str]  # quoted for a shell
    in_project: bool = False  # it only works in the project's folder
    asks_redis: bool = False  # it may need Redis's password


def render(template: str, host: Host) -> str:
    """The template for ``host``, after the lines it needs: the project's folder, the password's variable.

    The password itself is never in it. Raises ``ValueError`` for a field that does not exist, naming those that do.
    """
    if unknown := unknown_fields(template):
        raise ValueError(f"no field {', '.join(unknown)} in {template!r}; there are {', '.join(FIELDS)}")
    used = [FIELDS[name] for name in _FIELD.findall(template)]
    body = _FIELD.sub(lambda match: FIELDS[match[1]].value(host), template)
    before = []
    if any(field.in_project for field in used) and host.project_dir != ".":
        before.append(f"cd {_path(host.project_dir)}")
    if any(field.asks_redis for field in used) and host.redis_password_env:
        before.append(f"export REDISCLI_AUTH={_variable(host.redis_password_env)}")
    return "\n".join([*before, *(line for line in body.split("\n") if line.strip())])


def unknown_fields(template: str) -> list[str]:
    """The fields of a template that do not exist."""
    return [name for name in dict.fromkeys(_FIELD.findall(template)) if name not in FIELDS]


def _path(path: str) -> str:
    """A folder, quoted; its leading ``~`` left for the shell of the host."""
    if home := _HOME.match(path):
        return home[0] + (shlex.quote(path[home.end() :]) if home.end() < len(path) else "")
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _variable(name: str) -> str:
    """A variable's value, or the shell's own complaint that it is not set."""
    return f'"${{{name}:?is not set}}"'


def _service(name: str) -> str:
    """A service's name as an operand; ``--`` before one that looks like an option."""
    return f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)


def _docker(host: Host) -> str:
    return shlex.join(host.docker)


def _compose(host: Host) -> str:
    return _compose_of(host, host.docker)


def _compose_of(host: Host, docker: tuple[str, ...]) -> str:
    project = ["-p", host.compose_project] if host.compose_project else []
    files = host.compose_files if isinstance(host, Started) else (host.compose_file,)
    return shlex.join([*docker, "compose", *(word for file in files for word in ("-f", file)), *project])


def _with_password_kept(host: Host) -> tuple[str, ...]:
    """The docker client; sudo would drop the password's variable."""
    if host.redis_password_env and PurePosixPath(host.docker[0]).name == "sudo":
        return (host.docker[0], "--preserve-env=REDISCLI_AUTH", *host.docker[1:])
    return host.docker


def _redis_cli(host: Host) -> str:
    """Without a TTY, which would change the replies; ``-e`` because an error reply exits 0 otherwise."""
    password = " -e REDISCLI_AUTH" if host.redis_password_env else ""
    command = (
        f"{_compose_of(host, _with_password_kept(host))} exec -T{password} {_service(host.redis_service)} redis-cli -e"
    )
    if host.redis_username_env:
        command += f" --user {_variable(host.redis_username_env)}"
    for option, value, usual in (("-p", host.redis_port, 6379), ("-n", host.redis_db, 0)):
        command += f" {option} {value}" if value != usual else ""
    return command


def _backend_exec(host: Host) -> str:
    return f"{_compose(host)} exec -T {_backend_service(host)}"


def _backend_service(host: Host) -> str:
    return _service(host.backend_service or _NO_BACKEND)


def _readiness(host: Host) -> str:
    """Body and status: a 503 with a body says more than curl's own failure would, and ``-s`` alone hides a 500."""
    argv = ["curl", "-sS", "--max-time", "5", "-w", r"\n%{http_code}\n"]
    address = host.readiness_url or "READINESS_URL"
    if host.readiness_via == "host" and host.ssh is not None:
        # The CA's file is on this machine, so it goes along as standard input.
        remote = [*argv, *(["--cacert", "/dev/stdin"] if host.ca_file else []), address]
        return f"{_ssh(host)} {shlex.quote(shlex.join(remote))}" + (f" < {_local(host)}" if host.ca_file else "")
    return shlex.join(argv) + (f" --cacert {_local(host)}" if host.ca_file else "") + f" {shlex.quote(address)}"


def _local(host: Host) -> str:
    return shlex.quote(str(host.ca_file))


def _ssh(host: Host) -> str:
    if host.ssh is None:
        return ""
    config = f"-F {shlex.quote(str(host.ssh_config))} " if host.ssh_config else ""
    return f"ssh {config}{shlex.quote(host.ssh)}"


#: Every field of the templates, by name.
FIELDS = {
    "compose": Field("docker compose with the project's file, and its name where declared", _compose, in_project=True),
    "redis_cli": Field(
        "redis-cli inside Redis's container, with the password, user, port and database that are declared",
        _redis_cli,
        in_project=True,
        asks_redis=True,
    ),
    "backend_exec": Field("what goes before a command inside the backend's container", _backend_exec, in_project=True),
    "backend_check": Field(
        "the backend's own check, in its container",
        lambda host: f"{_backend_exec(host)} {shlex.join(host.backend_check)}",
        in_project=True,
    ),
    "readiness": Field("curl of the readiness address, body and status, from where it is asked", _readiness),
    "redis_port": Field("Redis's port inside its container", lambda host: str(host.redis_port)),
    "redis_service": Field("Redis's service", lambda host: _service(host.redis_service)),
    "backend_service": Field("the backend's service", _backend_service),
    "policy": Field("the declared maxmemory-policy", lambda host: shlex.quote(host.policy or "POLICY")),
    "docker": Field("the docker client", _docker),
    "ssh": Field("ssh to the host; nothing where the host is this machine", _ssh),
}
