"""The whole target on real staging hosts, of every kind that is met out there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.target.model import Container, ReplyError, ServiceMissing, TargetError
from plugins.target.open import Target, open_target
from plugins.verdict import Unreachable
from tests_plugins.sshds import logins
from tests_plugins.staging import (
    REDIS_6_2,
    REDIS_8,
    VALKEY,
    Login,
    SshdOptions,
    Stack,
    StagingHost,
    StagingOptions,
    need_staging_host,
    staging_host,
)
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD = "a pass'word $HOME"

#: Then the engine is reached through sessions, and of these there are few as well.
NO_FORWARDING = SshdOptions(tcp_forwarding="no", stream_local_forwarding="no", max_sessions=4)


@contextmanager
def opened(options: StagingOptions) -> Iterator[tuple[StagingHost, Target]]:
    """A staging host and its target."""
    need_staging_host(options.login.shell)
    with staging_host(options) as staging:
        target = open_target(staging.host, environ=staging.environ)
        try:
            yield staging, target
        finally:
            target.close()


@pytest.fixture(scope="module")
def stock() -> Iterator[tuple[StagingHost, Target]]:
    """A stock host."""
    with opened(StagingOptions()) as made:
        yield made


def redis_of(target: Target) -> Container:
    (only,) = target.stack.containers(target.host.redis_service)
    return only


def everything_works(staging: StagingHost, target: Target) -> str:
    """Ask everything that the suite asks of a target, with no further login; the way to Redis in words."""
    target.shell.open()
    before = logins(staging.ssh)
    redis = redis_of(target)
    (backend,) = target.stack.containers("backend_staging")
    wire = target.wire(redis)
    (pong, size) = wire.ask([("PING",), ("DBSIZE",)])
    assert (pong, isinstance(size, int)) == (b"PONG", True)
    assert target.stack.execute(redis, ["redis-cli", "--version"]).exit_code == 0
    assert target.stack.execute(backend, ["cat"], stdin=b"through").stdout == b"through"
    assert redis.started_at is not None
    # On a busy machine the engine notes the start after the first lines were written.
    assert target.stack.logs(redis, since=redis.started_at - timedelta(minutes=1)).records
    assert target.stack.engine().kind == "docker"
    assert target.shell.run(["id", "-un"]).text.strip() == staging.account.name
    assert logins(staging.ssh) == before
    return wire.via


def test_a_stock_host_works_on_one_connection(stock: tuple[StagingHost, Target]) -> None:
    """The engine, Redis by TCP, commands and logs, over a single login."""
    assert everything_works(*stock).startswith("wire 127.0.0.1:")


LOUD = "echo Welcome\necho careful >&2\n"
#: What hosts differ in, several differences to a host: each must be met whatever the others are.
HOSTS = {
    "fish with a banner, sudo": StagingOptions(
        login=Login(shell="fish", startup=LOUD, docker="sudo"),  # noqa: S604 - a login shell's name
    ),
    "docker off the path, password, 6.2": StagingOptions(
        login=Login(docker="off-path"), stack=Stack(twin=Options(password=WORD), redis_image=REDIS_6_2)
    ),
    "no socket forwarding, no published port, 8.0": StagingOptions(
        sshd=SshdOptions(stream_local_forwarding="no"), stack=Stack(twin=Options(publish=None), redis_image=REDIS_8)
    ),
    "named by its folder, Valkey": StagingOptions(named_by="folder", stack=Stack(redis_image=VALKEY)),
}


@pytest.mark.parametrize("kind", HOSTS)
def test_an_odd_host_works_on_one_connection(kind: str) -> None:
    """The same, whatever is odd about it."""
    with opened(HOSTS[kind]) as (staging, target):
        assert everything_works(staging, target).startswith("wire ")


def test_without_any_forwarding_everything_goes_through_docker() -> None:
    """Slower, and a note says so; a password is used, and seen nowhere on the host."""
    options = StagingOptions(sshd=NO_FORWARDING, stack=Stack(twin=Options(password=WORD)))
    with opened(options) as (staging, target):
        assert everything_works(staging, target) == "redis-cli in the container"
        notes = " ".join(target.notes())
    assert "docker system dial-stdio" in notes
    assert "the SSH server forbids forwarding: Redis is asked by redis-cli" in notes
    assert WORD not in notes


def test_the_project_may_have_been_started_elsewhere() -> None:
    """As by a CI job, in its checkout: the only project with the services is meant."""
    names = Options(redis_service="redis_elsewhere", backend_service="backend_elsewhere")
    with opened(StagingOptions(started_elsewhere=True, stack=Stack(twin=names))) as (staging, target):
        other = open_target(replace(staging.host, compose_project=None), environ=staging.environ)
        try:
            assert redis_of(other) == redis_of(target)
        finally:
            other.close()


def test_an_engine_that_the_user_may_not_ask() -> None:
    """Unreachable, in docker's own words, with what to do."""
    with opened(StagingOptions(login=Login(docker="none"))) as (_, target):
        with pytest.raises(Unreachable, match=r"permission denied.*Put the user in group docker") as caught:
            target.stack.engine()
        with pytest.raises(Unreachable):
            redis_of(target)
        assert "docker system dial-stdio" in str(caught.value)


def test_a_project_that_was_never_started(stock: tuple[StagingHost, Target]) -> None:
    """Its services are missing."""
    staging, _ = stock
    target = open_target(replace(staging.host, compose_project="never"), environ=staging.environ)
    with pytest.raises(ServiceMissing):
        redis_of(target)
    target.close()


def test_an_acl_user(stock: tuple[StagingHost, Target]) -> None:
    """Who is limited to a few keys is who asks."""
    staging, _ = stock
    staging.redis_cli("ACL", "SETUSER", "limited", "on", f">{WORD}", "~cache:*", "+get", "+ping")
    host = replace(staging.host, redis_username_env="WHO", redis_password_env="WORD")  # noqa: S106 - variables' names
    target = open_target(host, environ={**staging.environ, "WHO": "limited", "WORD": WORD})
    replies = target.wire(redis_of(target)).ask([("PING",), ("GET", "cache:1"), ("GET", "session:1")])
    target.close()
    assert replies[:2] == [b"PONG", None]
    assert isinstance(replies[2], ReplyError)
    assert replies[2].code == "NOPERM"


def test_readiness_from_here_and_from_the_host(stock: tuple[StagingHost, Target]) -> None:
    """Both ask the same backend."""
    staging, target = stock
    there = open_target(replace(staging.host, readiness_via="host"), environ=staging.environ)
    assert (target.readiness().status, there.readiness().status) == (200, 200)
    assert b'"redis"' in there.readiness().body
    there.close()


def test_the_machine_is_the_host(stock: tuple[StagingHost, Target]) -> None:
    """Testinfra asks over the same connection."""
    staging, target = stock
    target.shell.open()
    before = logins(staging.ssh)
    machine = target.machine()
    assert machine.user().name == staging.account.name
    assert machine.file("/etc/passwd").exists
    assert machine.run("echo %s", "it's $HOME").stdout == "it's $HOME\n"
    assert machine.run("exit 5").rc == 5
    assert logins(staging.ssh) == before


def test_every_wire_is_a_connection_of_its_own(stock: tuple[StagingHost, Target]) -> None:
    """One that is busy does not hold up another, and both are named as ours."""
    _, target = stock
    redis = redis_of(target)
    one, other = target.wire(redis), target.wire(redis)
    assert one.ask([("CLIENT", "ID")]) != other.ask([("CLIENT", "ID")])
    (clients,) = one.ask([("CLIENT", "LIST")])
    assert isinstance(clients, bytes)
    assert clients.count(b"name=runbook-suite ") >= 2


def test_a_wire_survives_a_restart(stock: tuple[StagingHost, Target]) -> None:
    """Questions meanwhile fail, and later ones are answered by the new server."""
    staging, target = stock
    wire = target.wire(redis_of(target))
    before = wire.ask([("INFO", "server")])
    staging.compose("restart", "redis_staging")
    with pytest.raises(TargetError):
        wire.ask([("PING",)])
    after = eventually(
        lambda: target.wire(redis_of(target)).ask([("INFO", "server")]), what="well", within_s=10, catch=(TargetError,)
    )
    assert before != after
