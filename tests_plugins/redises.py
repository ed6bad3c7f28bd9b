"""Real Redis servers on a TCP port, and their containers and clients as the target sees them."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.inventory import Environment, Host
from plugins.target.local import LocalShell
from plugins.target.model import Completed, Container, Engine, Log, Tcp
from plugins.target.redis import Login, WireRedis
from plugins.target.redis_cli import RedisCli
from tests_plugins.servers import Server, running, server_programs
from tests_plugins.staging import skip_or_fail
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

PASSWORD = "a pass'word"  # noqa: S105 - of servers that live for a test
USER = "limited"

#: Where a shell finds programs, as the suite's own process does.
SHELL_ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class HereStack:
    """A "container" that is this machine: commands run here, with the environment that they are given."""

    def __init__(self) -> None:
        self._shell = LocalShell(SHELL_ENVIRON)

    def engine(self) -> Engine:
        """None that anything would have to be thought of for."""
        return Engine("id", "1", "here", "docker", "/")

    def containers(self, service: str) -> tuple[Container, ...]:
        """Nobody asks."""
        raise NotImplementedError

    def addresses(self) -> frozenset[str]:
        """Nobody asks."""
        raise NotImplementedError

    def execute(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Completed:
        """Run it here."""
        assert container.running
        settings = [f"{name}={value}" for name, value in (env or {}).items()]
        return self._shell.run(["env", *settings, *argv], stdin=stdin, timeout_s=timeout_s)

    def logs(self, container: Container, *, since: datetime, max_bytes: int = 0) -> Log:
        """Nobody asks."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Redis:
    """A running server."""

    server: Server
    port: int

    def host(self, *, user: bool = False, password: bool = False, database: int = 0) -> Host:
        """An inventory entry that says how it is entered."""
        return Host(
            name="here",
            environment=Environment.STAGING,
            redis_port=self.port,
            redis_db=database,
            redis_username_env="REDIS_USER" if user else None,
            redis_password_env="REDIS_PASSWORD" if password else None,
        )

    @property
    def container(self) -> Container:
        """As if it ran in a container with the host's network."""
        return Container("id", "redis-1", "redis", network_mode="host")

    @contextmanager
    def wire(self, *, word: str | None = None, user: str | None = None, database: int = 0) -> Iterator[WireRedis]:
        """The way by TCP."""
        host = self.host(user=user is not None, password=word is not None, database=database)
        login = Login(host, environ(word, user))
        shell = LocalShell({})
        made = WireRedis("wire", lambda timeout_s: shell.dial(Tcp("127.0.0.1", self.port), timeout_s=timeout_s), login)
        try:
            yield made
        finally:
            made.close()

    def cli(self, *, word: str | None = None, user: str | None = None, database: int = 0) -> RedisCli:
        """The way by redis-cli."""
        host = self.host(user=user is not None, password=word is not None, database=database)
        return RedisCli(HereStack(), self.container, host, Login(host, environ(word, user)))


def environ(word: str | None, user: str | None) -> dict[str, str]:
    """The variables that the inventory names."""
    found = {"REDIS_PASSWORD": word, "REDIS_USER": user}
    return {name: value for name, value in found.items() if value is not None}


def any_program() -> str:
    """A redis-server or valkey-server of this machine; without one the test is skipped, or fails in CI."""
    programs = server_programs()
    if not programs:
        skip_or_fail("no redis-server, no valkey-server and no wheel with one on this machine")
    return next(iter(programs.values()))


def need_redis_cli() -> None:
    """Go on where redis-cli is on the PATH; else skip, or fail in CI."""
    if shutil.which("redis-cli") is None:
        skip_or_fail("no redis-cli on this machine")


@contextmanager
def redis(program: str | None = None, *flags: str, port: int | None = None) -> Iterator[Redis]:
    """A server, the first one that this machine has unless named, on a port of its own, or on this one."""
    program = program or any_program()
    port = port or free_ports(1)[0]
    with running(program, "--port", str(port), "--bind", "127.0.0.1", *flags) as server:
        yield Redis(server, port)


@contextmanager
def locked(program: str | None = None) -> Iterator[Redis]:
    """A server that wants a password, and has a user who may do little."""
    with redis(program) as made:
        made.server.ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~cache:*", "+get", "+ping", "+echo", "+select")
        made.server.ask("CONFIG", "SET", "requirepass", PASSWORD)
        yield made
