"""A whole staging host: its user, its sshd, its Compose project, and the inventory entry that describes it."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from plugins.inventory import Host, load
from tests_plugins.staging.account import Account, Login, make_account, own, path_without_docker
from tests_plugins.staging.janitor import Janitor
from tests_plugins.staging.requirements import path_of
from tests_plugins.staging.sshd import ALIAS, Sshd, SshdOptions, sshd
from tests_plugins.staging.stack import Stack
from twin.compose import FILE
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The inventory's name of the host, and where its project is.
NAME = "staging"
FOLDER = "exam-platform-staging"
PASSWORD_VARIABLE = "STAGING_REDIS_PASSWORD"  # noqa: S105 - a variable's name
HEALTHY_S = 60


@dataclass(frozen=True, kw_only=True)
class StagingOptions:
    """How a staging host differs from the stock one. The parts have options of their own."""

    stack: Stack = field(default_factory=Stack)
    login: Login = field(default_factory=Login)
    sshd: SshdOptions = field(default_factory=SshdOptions)
    #: Further keys of the inventory's entry; None leaves a key out.
    inventory: Mapping[str, Any] = field(default_factory=dict)
    #: Where Compose has the project's name from: the inventory says it, the project's .env, or its folder's name.
    named_by: Literal["inventory", "dotenv", "folder"] = "inventory"
    #: The project was started from another folder than the inventory's, as from a CI job's checkout.
    started_elsewhere: bool = False
    up: bool = True  # False: the files are there, the project was never started


@dataclass(frozen=True)
class StagingHost:
    """A staging host that is up."""

    host: Host
    inventory_file: Path  # a hosts.toml with this one entry, ``NAME``
    environ: Mapping[str, str]  # this process's environment, and the password where there is one
    account: Account
    ssh: Sshd
    options: StagingOptions
    project: str
    folder: Path  # where the project was started
    readiness_url: str

    def compose(self, *argv: str, timeout_s: float = 60) -> str:
        """``docker compose`` in the project's folder, by the user where that may; returns its output."""
        command = [path_of("docker"), "compose", "-f", FILE, "-p", self.project, *argv]
        may = bool(self.account.groups)
        return self.account.run(*command, cwd=self.folder, as_root=not may, timeout_s=timeout_s).stdout

    def container(self, service: str) -> str:
        """The id of the service's only container, stopped ones too."""
        (only,) = self.compose("ps", "--all", "--quiet", service).split()
        return only

    def redis_cli(self, *argv: str) -> str:
        """Ask Redis inside its container, without the trailing line end. Raises on an error reply."""
        twin = self.options.stack.twin
        login = ["-e", f"REDISCLI_AUTH={twin.password}"] if twin.password is not None else []
        return self.compose("exec", "-T", *login, twin.redis_service, "redis-cli", "-e", *argv).rstrip("\n")

    def through(self, port: int) -> Host:
        """The same host behind another local port, as a delaying proxy's."""
        return replace(self.host, ssh_config=self.ssh.config_for(port))


@contextmanager
def staging_host(options: StagingOptions | None = None) -> Iterator[StagingHost]:
    """A staging host for the ``with`` block; afterwards, or when this process is killed, nothing of it is left.

    Needs what ``unavailable`` asks for. Raises ``CalledProcessError`` with what Compose said, ``RuntimeError``
    with sshd's log, when a part of it does not come up or get healthy.
    """
    options = options or StagingOptions()
    janitor = Janitor()
    try:
        with _made(options, janitor) as made:
            yield made
    finally:
        janitor.close()


@contextmanager
def _made(options: StagingOptions, janitor: Janitor) -> Iterator[StagingHost]:
    base = Path(tempfile.mkdtemp(prefix="staging-"))
    janitor.remove(base)
    base.chmod(0o755)  # the user's home is below
    account = make_account(base, options.login, janitor)
    project = f"staging-{secrets.token_hex(4)}"
    there = account.home / (project if options.named_by == "folder" else FOLDER)
    started = base / "checkout" if options.started_elsewhere else there
    (port,) = free_ports(1)
    for folder in {there, started}:
        _write_project(folder, options, project, port, account)
    janitor.end_project(project)
    ssh_options = options.sshd
    if options.login.docker == "off-path":
        ssh_options = replace(ssh_options, path=str(path_without_docker(base)))
    with sshd(account.name, base / "ssh", janitor=janitor, options=ssh_options) as server:
        inventory_file, readiness_url = base / "hosts.toml", f"http://127.0.0.1:{port}/api/v1/ready"
        entry = _entry(options, server, there, project, readiness_url)
        inventory_file.write_text(to_toml(NAME, entry), encoding="utf-8")
        environ = dict(os.environ)
        if options.stack.twin.password is not None:
            environ[PASSWORD_VARIABLE] = options.stack.twin.password
        made = StagingHost(
            host=load(inventory_file, NAME, environ),
            inventory_file=inventory_file,
            environ=environ,
            account=account,
            ssh=server,
            options=options,
            project=project,
            folder=started,
            readiness_url=readiness_url,
        )
        if options.up:
            made.compose("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_S), timeout_s=2 * HEALTHY_S)
        yield made


def _write_project(folder: Path, options: StagingOptions, project: str, port: int, account: Account) -> None:
    """Write what a deployment leaves on the host."""
    folder.mkdir(parents=True)
    options.stack.furnish(folder, port)
    if options.named_by == "dotenv":
        with (folder / ".env").open("a", encoding="utf-8") as settings:
            settings.write(f"COMPOSE_PROJECT_NAME={project}\n")
    own(account, folder)


def _entry(options: StagingOptions, server: Sshd, there: Path, project: str, readiness_url: str) -> dict[str, object]:
    """The inventory's entry as plain data."""
    docker = {"sudo": ["sudo", "-n", "docker"], "off-path": [path_of("docker")]}.get(options.login.docker, ["docker"])
    backend = options.stack.twin.backend_service if options.stack.backend else None
    entry: dict[str, object | None] = {
        "environment": "staging",
        "ssh": ALIAS,
        "ssh_config": str(server.client_config),
        "project_dir": f"~/{there.name}",
        "compose_file": FILE,
        "compose_project": project if options.named_by == "inventory" or options.started_elsewhere else None,
        "docker": docker,
        "redis_service": options.stack.twin.redis_service,
        "backend_service": backend,
        "readiness_url": readiness_url if backend and options.stack.replicas == 1 else None,
        "redis_password_env": PASSWORD_VARIABLE if options.stack.twin.password is not None else None,
        **options.inventory,
    }
    return {key: value for key, value in entry.items() if value is not None}


def to_toml(name: str, entry: Mapping[str, object]) -> str:
    """An inventory with one entry, as text; tables become tables, at the end, as TOML wants it."""
    return "\n".join(_table(["hosts", name], entry)) + "\n"


def _table(path: list[str], table: Mapping[str, object]) -> list[str]:
    # JSON's strings, numbers, booleans and lists are TOML's as well.
    plain = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    inner = [_table([*path, key], value) for key, value in table.items() if isinstance(value, dict)]
    header = ".".join(json.dumps(part) for part in path)
    return [f"[{header}]", *plain, *(line for lines in inner for line in lines)]
