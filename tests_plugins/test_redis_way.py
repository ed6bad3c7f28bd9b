"""Which way Redis is asked where addresses answer, refuse, hang or take their time, and what a PING is then worth."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.facts.asking import off_the_network
from plugins.probe import CARRIER, DETOUR, Answer, Vantage, WirePing
from plugins.target.local import LocalShell
from plugins.target.model import (
    CarrierFailed,
    Container,
    ForwardingRefused,
    NoRoute,
    PortBinding,
    TargetError,
    Tcp,
    TimedOut,
)
from plugins.target.redis import Login
from plugins.target.redis_way import ChosenWire
from tests_plugins import sshds
from tests_plugins.redises import HereStack, Redis, need_redis_cli, redis
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Engine


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    """A stock server."""
    with redis() as made:
        yield made


class RootlessStack(HereStack):
    """Its engine is the user's own: the host does not route to its containers."""

    def engine(self) -> Engine:
        """As it would say of itself."""
        return replace(super().engine(), rootless=True)


class Asked:
    """A wire to a container, and the notes that it made."""

    def __init__(self, server: Redis, container: Container, stack: HereStack | None = None) -> None:
        self.notes: list[str] = []
        self.container = container
        self.stack = stack or HereStack()
        host = server.host()
        self.wire = ChosenWire(
            LocalShell(os.environ), self.stack, container, host, Login(host, {}), note=self.notes.append
        )

    def ping(self) -> str:
        """Ask; which way it went."""
        assert self.wire.ask([("PING",)]) == [b"PONG"]
        self.wire.close()
        return self.wire.via

    def judged(self) -> Answer:
        """What the wire PING comes to."""
        answer = off_the_network(WirePing(self.wire).ask(), self.wire.detour, self.container, self.stack.engine)
        self.wire.close()
        return answer


@contextmanager
def filtered(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that never answers anybody, as behind a firewall that drops."""
    with socket.socket() as full:
        full.bind((address, port))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # the backlog is full: the next one waits for ever
            yield full.getsockname()[1]


@contextmanager
def busy(for_s: float) -> Iterator[Redis]:
    """A Redis that takes no connection for so many seconds, counted from the start of the block."""
    with redis(None, "--tcp-backlog", "1") as made, ExitStack() as waiting:
        process = _process(made)
        waiting.callback(os.kill, process, signal.SIGCONT)
        os.kill(process, signal.SIGSTOP)
        while (one := _queued(made.port)) is not None:
            waiting.enter_context(one)
        relieved = threading.Timer(for_s, os.kill, [process, signal.SIGCONT])
        relieved.start()
        waiting.callback(relieved.join)
        yield made


def _process(made: Redis) -> int:
    info = made.server.ask("INFO", "server")
    assert isinstance(info, bytes)
    return int(info.partition(b"process_id:")[2].split()[0])


def _queued(port: int) -> socket.socket | None:
    """A connection in its queue; None where that is full."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=0.2)
    except TimeoutError:
        return None


def published(server: Redis, *ports: int) -> Container:
    """A container whose Redis is published on these ports."""
    return Container(
        "id", "redis-1", "redis", ports=tuple(PortBinding("127.0.0.1", port, server.port) for port in ports)
    )


def test_an_address_that_answers(server: Redis) -> None:
    """Asked over the network."""
    asked = Asked(server, published(server, server.port))
    assert (asked.ping(), asked.notes, asked.wire.detour) == (f"wire 127.0.0.1:{server.port}", [], None)


def test_an_address_that_refuses_is_passed_over(server: Redis) -> None:
    """The next one is asked."""
    asked = Asked(server, published(server, free_ports(1)[0], server.port))
    assert asked.ping() == f"wire 127.0.0.1:{server.port}"


def test_an_address_that_hangs_is_passed_over(server: Redis) -> None:
    """After a second, as where the host does not route to a container."""
    with filtered() as port:
        begun = time.monotonic()
        asked = Asked(server, published(server, port, server.port))
        assert asked.ping() == f"wire 127.0.0.1:{server.port}"
        assert time.monotonic() - begun < 3


def test_a_redis_that_takes_its_time_is_slow_and_not_unwell() -> None:
    """A second was not enough to connect in; what is left of the deadline is."""
    with busy(1.5) as slow:
        answer = Asked(slow, published(slow, slow.port)).judged()
    assert (answer.ok, answer.code) == (True, ""), answer
    assert answer.detail == f"PONG (wire 127.0.0.1:{slow.port})"
    assert answer.took_s > 1.5


def test_a_slow_address_does_not_wait_for_one_that_hangs() -> None:
    """Of several that take more than a second, all are given the same time."""
    with busy(1.5) as slow, filtered() as first, filtered() as second:
        answer = Asked(slow, published(slow, first, slow.port, second)).judged()
    assert answer.detail == f"PONG (wire 127.0.0.1:{slow.port})", answer


def test_an_address_that_never_answers_is_red_inside_the_deadline(server: Redis) -> None:
    """Well inside, dead outside: that is a finding, and the client inside still had its time."""
    need_redis_cli()
    with filtered() as port:
        answer = Asked(server, published(server, port)).judged()
    assert (answer.ok, answer.code) == (False, ""), answer
    assert "answers inside its container only" in answer.detail
    assert "no answer within 2 s" in answer.detail
    assert answer.took_s < WirePing.timeout_s


def test_where_the_host_does_not_route_nobody_waits(server: Redis) -> None:
    """A rootless engine: one second for its containers' addresses is enough, and it is nobody's fault."""
    need_redis_cli()
    with filtered("127.0.0.2", server.port):
        container = Container("id", "redis-1", "redis", addresses=("127.0.0.2",))
        answer = Asked(server, container, RootlessStack()).judged()
    assert (answer.ok, answer.code) == (True, DETOUR), answer
    assert answer.took_s < 2


def test_no_route_to_the_containers_network_is_no_fault_of_redis(server: Redis) -> None:
    """A group's address stands for a network that this host has no way to."""
    need_redis_cli()
    answer = Asked(server, Container("id", "redis-1", "redis", addresses=("224.0.0.1",))).judged()
    assert (answer.ok, answer.code) == (True, DETOUR), answer
    assert "Network is unreachable" in answer.detail


def test_no_route_is_told_over_ssh_as_it_is_here() -> None:
    """Though sshd does not give the reason."""
    with sshds.server() as running, sshds.shell(running) as shell, pytest.raises(NoRoute):
        shell.dial(Tcp("224.0.0.1", 6379), timeout_s=5)


@pytest.mark.parametrize(
    ("failures", "ok", "code"),
    [
        ([TimedOut("t")], False, ""),
        ([TargetError("refused")], False, ""),
        ([NoRoute("n"), TargetError("refused")], False, ""),
        ([NoRoute("n")], True, DETOUR),
        ([TargetError("refused"), ForwardingRefused("f")], True, DETOUR),
        ([], True, DETOUR),
        ([TimedOut("t"), CarrierFailed("gone")], None, CARRIER),
    ],
)
def test_what_a_ping_inside_is_worth(failures: list[TargetError], ok: bool | None, code: str) -> None:
    """By what stood in the way of one over the network."""
    inside = Answer(ok=True, detail="PONG", took_s=0.1, vantage=Vantage.PING)
    redis = Container("id", "redis-1", "redis", addresses=("172.18.0.2",))
    answer = off_the_network(inside, failures, redis, HereStack().engine)
    assert (answer.ok, answer.code) == (ok, code), answer


def test_without_any_address_the_client_inside_is_asked(server: Redis) -> None:
    """Nothing is wrong with that, so there is no note."""
    need_redis_cli()
    asked = Asked(server, Container("id", "redis-1", "redis"))
    assert (asked.ping(), asked.notes) == ("redis-cli in the container", [])


def test_where_no_address_answers_the_client_inside_is_asked(server: Redis) -> None:
    """And a note says why."""
    need_redis_cli()
    asked = Asked(server, published(server, free_ports(1)[0]))
    assert asked.ping() == "redis-cli in the container"
    assert "Connection refused" in asked.notes[0]
    assert asked.wire.detour is not None


def test_addresses_get_another_chance_after_a_failure() -> None:
    """Where Redis was down, the client inside was not the better way."""
    need_redis_cli()
    with redis() as gone:
        asked = Asked(gone, published(gone, gone.port))
    with pytest.raises(TargetError, match="Could not connect"):
        asked.ping()
    with redis(port=gone.port):
        assert asked.ping() == f"wire 127.0.0.1:{gone.port}"
    assert asked.wire.detour is None
