"""Whether a Redis that hangs up is one that wants TLS."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.facts.causes import Chain
from plugins.facts.container import stand_alone
from plugins.facts.secured import secured
from plugins.inventory import Environment, Host
from plugins.probe import TIMEOUT, TLS, Answer, Vantage
from plugins.target.local import LocalShell
from plugins.target.model import Container, Tcp
from plugins.target.redis import Login, WireRedis
from tests_plugins.detection.engine_breaks import hang_up
from tests_plugins.redises import redis

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = Host(name="here", environment=Environment.STAGING)
REDIS = Container(id="r", name="redis-1", service="redis")
RESET = "Error: Connection reset by peer"
NOT_REDIS = r"what answers there does not speak Redis's protocol: b'\x15\x03\x01\x00\x02\x02F'"


def unwell(vantage: Vantage, detail: str, code: str = "") -> Answer:
    return Answer(ok=False, detail=detail, took_s=0.0, vantage=vantage, code=code)


def chain(inside: str, outside: str, *argv: str) -> Chain:
    """Both PINGs fail in these words."""
    redis = stand_alone([replace(REDIS, argv=argv)], None)
    return Chain(redis, unwell(Vantage.EXEC_PING, inside), unwell(Vantage.PING, outside))


def never() -> bool:
    raise AssertionError("nothing needs to be asked")


@pytest.mark.parametrize(
    ("inside", "outside", "argv"),
    [
        (RESET, NOT_REDIS, ()),
        (r'Error: Protocol error, got "\x15" as reply type byte', "Redis by wire: Connection reset by peer", ()),
        (RESET, "Redis by wire closed the connection", ("redis-server", "--port", "0", "--tls-port", "6379")),
        ("Error: Server closed the connection", RESET, ("sh", "-c", "exec redis-server --tls-port 6379")),
    ],
)
def test_who_wants_tls_is_known_by_its_alert_or_its_command_line(
    inside: str, outside: str, argv: tuple[str, ...]
) -> None:
    """Then nothing more is asked."""
    found = secured(chain(inside, outside, *argv), 6379, never)
    for answer, said in ((found.exec_ping, inside), (found.ping, outside)):
        assert answer is not None
        assert (answer.code, answer.ok) == (TLS, False)
        assert answer.detail == f"Redis wants TLS, which the suite does not speak: {said}"


@pytest.mark.parametrize("tls", [True, False])
def test_who_only_hangs_up_is_asked_for_a_handshake(tls: bool) -> None:
    """A Redis that is broken hangs up, too."""
    found = secured(chain(RESET, RESET, "redis-server", "--tls-port", "6380"), 6379, lambda: tls)
    assert found.exec_ping is not None
    assert (found.exec_ping.code == TLS) is tls


def test_whoever_is_not_cut_off_is_not_asked() -> None:
    """Well, silent, or refused in words: that is no question of TLS."""
    for answer in (
        Answer(ok=True, detail="PONG", took_s=0.0, vantage=Vantage.PING),
        unwell(Vantage.PING, "no answer in time", TIMEOUT),
        unwell(Vantage.PING, "LOADING Redis closed the connection", "LOADING"),
    ):
        known = Chain(stand_alone([REDIS], None), answer, answer)
        assert secured(known, 6379, never) == known


@contextmanager
def hanging_up() -> Iterator[int]:
    """A port where TLS is spoken, and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def wire(port: int) -> WireRedis:
    shell = LocalShell({})
    return WireRedis("wire", lambda timeout_s: shell.dial(Tcp("127.0.0.1", port), timeout_s=timeout_s), Login(HOST, {}))


def test_a_handshake_tells_tls_from_redis() -> None:
    """One is answered, the other waits for the rest of a command; where nobody listens there is no TLS either."""
    with hanging_up() as port:
        assert wire(port).speaks_tls(2)
    with redis() as plain:
        assert not wire(plain.port).speaks_tls(0.3)
        with plain.wire() as asked:
            assert asked.ask([("PING",)]) == [b"PONG"]
    assert not wire(port).speaks_tls(0.3)
