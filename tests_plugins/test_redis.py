"""Redis over the wire: real servers, and bytes that no server sends."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.eventually import eventually
from plugins.inventory import Environment, Host
from plugins.target.local import LocalShell
from plugins.target.model import Container, NotPermitted, PortBinding, ReplyError, TargetError, Tcp, TimedOut
from plugins.target.redis import Login, WireRedis, addresses
from plugins.target.resp import Decoder, NotRedis, encode
from tests_plugins.hostile import hostile
from tests_plugins.redises import PASSWORD, USER, Redis, locked, redis
from tests_plugins.servers import server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Reply

PROGRAMS = server_programs()
HOST = Host(name="here", environment=Environment.STAGING)


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def server(request: pytest.FixtureRequest) -> Iterator[Redis]:
    """A server of each kind that there is."""
    with redis(PROGRAMS[request.param]) as made:
        yield made


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def closed(request: pytest.FixtureRequest) -> Iterator[Redis]:
    """A server that wants a password."""
    with locked(PROGRAMS[request.param]) as made:
        yield made


def test_every_kind_of_reply(server: Redis) -> None:
    """Status, number, text, nothing, list, and an error in its place among the others."""
    with server.wire() as wire:
        replies = wire.ask(
            [
                ("PING",),
                ("SET", b"k\0\xff", "v\r\n"),
                ("GET", b"k\0\xff"),
                ("STRLEN", b"k\0\xff"),
                ("GET", "none"),
                ("NOSUCH", "x"),
                ("EVAL", "return {1, {'a', {}}, false}", 0),
                ("PING",),
            ]
        )
    assert replies[:5] == [b"PONG", b"OK", b"v\r\n", 3, None]
    assert isinstance(replies[5], ReplyError)
    assert replies[5].code == "ERR"
    assert replies[6:] == [[1, [b"a", []], None], b"PONG"]


def test_a_batch_is_one_connection_and_one_write(server: Redis) -> None:
    """A hundred questions are answered in their order."""
    with server.wire() as wire:
        assert wire.ask([("ECHO", number) for number in range(100)]) == [b"%d" % number for number in range(100)]


def test_a_large_batch(server: Redis) -> None:
    """Megabytes in both directions do not lock each other out."""
    big = b"x" * 100_000
    with server.wire() as wire:
        assert wire.ask([("ECHO", big)] * 50) == [big] * 50


def test_threads_take_turns(server: Redis) -> None:
    """Everybody gets his own answers."""
    with server.wire() as wire, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: wire.ask([("ECHO", number), ("ECHO", -number)]), range(50)))
    assert answers == [[b"%d" % number, b"%d" % -number] for number in range(50)]


def test_a_server_that_does_not_answer_in_time(server: Redis) -> None:
    """Timed out at the deadline; the late answer does not become the next question's."""
    with server.wire() as wire, server.wire() as other:
        wire.ask([("PING",)])
        other.ask([("CLIENT", "PAUSE", 500, "ALL")])
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            wire.ask([("ECHO", "late")], timeout_s=0.2)
        assert time.monotonic() - begun < 0.45
        assert wire.ask([("ECHO", "next")]) == [b"next"]


def test_a_killed_connection_is_an_error_once(server: Redis) -> None:
    """Nothing is tried twice behind our back: the question fails, and the next one connects again."""
    with server.wire() as wire, server.wire() as other:
        (number,) = wire.ask([("CLIENT", "ID")])
        assert isinstance(number, int)
        other.ask([("CLIENT", "KILL", "ID", number)])
        with pytest.raises(TargetError):
            wire.ask([("PING",)])
        assert wire.ask([("PING",)]) == [b"PONG"]


def test_too_many_clients_in_redis_own_words() -> None:
    """The server's last words are in the error, though it closed the connection."""
    with redis() as server, server.wire() as wire:
        server.server.ask("CONFIG", "SET", "maxclients", 1)
        with pytest.raises(TargetError, match="max number of clients reached"):
            wire.ask([("PING",)])


def test_nobody_listens() -> None:
    """Refused at once."""
    with redis() as server, server.wire() as wire:
        server.server.wire.send(("SHUTDOWN", "NOSAVE"))

        def refused() -> str:
            try:
                wire.ask([("PING",)])
            except TargetError as error:
                return str(error)
            return ""

        eventually(refused, lambda said: "Connection refused" in said, what="refused", within_s=5)


# --- the login --------------------------------------------------------------------------------------------------------


def test_a_password(closed: Redis) -> None:
    """It is used, in the same trip."""
    with closed.wire(word=PASSWORD) as wire:
        assert wire.ask([("PING",)]) == [b"PONG"]


def test_no_password(closed: Redis) -> None:
    """The server's refusal is every command's reply."""
    with closed.wire() as wire:
        (reply,) = wire.ask([("PING",)])
    assert isinstance(reply, ReplyError)
    assert reply.code == "NOAUTH"


def test_a_wrong_password(closed: Redis) -> None:
    """Told apart from none."""
    with closed.wire(word="wrong") as wire:
        replies = wire.ask([("PING",), ("PING",)])
    assert [reply.code for reply in replies if isinstance(reply, ReplyError)] == ["WRONGPASS", "WRONGPASS"]


def test_a_password_that_nobody_asked_for(server: Redis) -> None:
    """A server without one is asked all the same."""
    with server.wire(word="anything") as wire:
        assert wire.ask([("PING",)]) == [b"PONG"]


def test_an_acl_user(closed: Redis) -> None:
    """He is who asks: what he may not is refused to him, and nothing else."""
    with closed.wire(user=USER, word=PASSWORD) as wire:
        replies = wire.ask([("PING",), ("GET", "cache:1"), ("GET", "session:1"), ("INFO",)])
    assert replies[:2] == [b"PONG", None]
    assert [reply.code for reply in replies[2:] if isinstance(reply, ReplyError)] == ["NOPERM", "NOPERM"]


def test_a_failed_login_by_name_asks_nothing_as_somebody_else(server: Redis) -> None:
    """Where anybody may ask, a wrong name must not pass for a right one."""
    with server.wire(user="nobody", word="wrong") as wire:
        (reply,) = wire.ask([("SET", "written", "by whom")])
    assert isinstance(reply, ReplyError)
    assert reply.code == "WRONGPASS"
    assert server.server.ask("EXISTS", "written") == 0


def test_another_database(server: Redis) -> None:
    """Its number is honoured, after a reconnection as well."""
    with server.wire(database=3) as wire:
        wire.ask([("SET", "here", 1)])
        wire.close()
        assert wire.ask([("GET", "here")]) == [b"1"]
    with server.wire() as wire:
        assert wire.ask([("EXISTS", "here")]) == [0]


def test_a_database_that_is_not_there(server: Redis) -> None:
    """An error, and nothing is written elsewhere."""
    with (
        server.wire(database=99) as wire,
        pytest.raises(TargetError, match=r"database 99 cannot be selected.*out of range"),
    ):
        wire.ask([("SET", "astray", 1)])
    assert server.server.ask("EXISTS", "astray") == 0


def test_a_user_who_may_not_select_is_told_what_to_grant(server: Redis) -> None:
    """Neither is it Redis's fault, nor is anything asked in another database."""
    server.server.ask("ACL", "SETUSER", "elsewhere", "on", f">{PASSWORD}", "~*", "+@all", "-select")
    try:
        with (
            server.wire(user="elsewhere", word=PASSWORD, database=3) as wire,
            pytest.raises(NotPermitted, match=r"grant \+select"),
        ):
            wire.ask([("SET", "astray", 1)])
        with pytest.raises(NotPermitted, match=r"grant \+select"):
            server.cli(user="elsewhere", word=PASSWORD, database=3).ask([("SET", "astray", 1)])
        assert server.server.ask("EXISTS", "astray") == 0
    finally:
        server.server.ask("ACL", "DELUSER", "elsewhere")


def test_the_password_is_not_shown() -> None:
    """Not even where a login's text is printed."""
    host = replace(HOST, redis_password_env="WORD")  # noqa: S106 - a variable's name
    login = Login(host, {"WORD": PASSWORD})
    assert login.password == PASSWORD
    assert PASSWORD not in f"{login} {login!r}"


# --- who is not Redis -------------------------------------------------------------------------------------------------


@contextmanager
def saying(words: bytes) -> Iterator[WireRedis]:
    """A wire to something that says this and closes."""

    def serve() -> None:
        taken, _ = listening.accept()
        with taken:
            taken.sendall(words)
            taken.recv(1000)

    shell = LocalShell({})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = Tcp("127.0.0.1", listening.getsockname()[1])
        thread = threading.Thread(target=serve)
        thread.start()
        wire = WireRedis("wire", lambda timeout_s: shell.dial(there, timeout_s=timeout_s), Login(HOST, {}))
        yield wire
        wire.close()
        thread.join()


@pytest.mark.parametrize(
    "words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"$x\r\n", b"*1\r\n" * 100, b"\0\xff<script>"]
)
def test_what_is_not_redis_is_told(words: bytes) -> None:
    """The error quotes how it began."""
    with saying(words) as wire, pytest.raises(TargetError, match="does not speak Redis's protocol"):
        wire.ask([("PING",)])


@pytest.mark.parametrize("words", [b"", b"$5\r\nhel", b"*2\r\n+a\r\n", b"+PO"])
def test_an_answer_that_breaks_off_is_an_error(words: bytes) -> None:
    """Half a reply is none."""
    with saying(words) as wire, pytest.raises(TargetError, match="closed the connection"):
        wire.ask([("PING",)])


REPLIES = st.recursive(
    st.binary() | st.integers(-(2**63), 2**63 - 1) | st.none(), lambda inner: st.lists(inner, max_size=4), max_leaves=10
)


def written(reply: Reply) -> bytes:
    """A reply as a server sends it."""
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(written, reply))
        case _:
            raise AssertionError(reply)


@hostile
@given(st.lists(REPLIES, max_size=4), st.lists(st.integers(1, 9), min_size=1))
def test_replies_are_read_however_they_are_cut(replies: list[Reply], sizes: list[int]) -> None:
    """The network's pieces end anywhere."""
    data = b"".join(map(written, replies))
    decoder = Decoder()
    found: list[Reply] = []
    at = 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        decoder.feed(data[at : at + size])
        found += decoder.replies(len(replies) - len(found))
        at += size
    assert found == replies


@hostile
@given(st.binary(max_size=200))
def test_any_bytes_are_replies_or_not_redis(data: bytes) -> None:
    """Nothing that a server could send does more than that."""
    decoder = Decoder()
    decoder.feed(data)
    with suppress(NotRedis):
        decoder.replies(10)


@hostile
@given(st.lists(st.lists(st.binary() | st.integers(), min_size=1, max_size=4).map(tuple), max_size=3))
def test_what_is_sent_is_what_a_server_reads(commands: list[tuple[bytes | int, ...]]) -> None:
    """A request is a list of texts, which the same reader reads."""
    decoder = Decoder()
    decoder.feed(encode(commands))
    expected = [[part if isinstance(part, bytes) else b"%d" % part for part in command] for command in commands]
    assert decoder.replies(len(commands)) == expected


# --- where it is ------------------------------------------------------------------------------------------------------

CONTAINER = Container("id", "redis-1", "redis", addresses=("172.18.0.2", "fd00::2"), network_mode="project_default")


def test_addresses_in_order() -> None:
    """Published ports first, as they can be reached, then its own; other ports of its are not Redis."""
    ports = (
        PortBinding("0.0.0.0", 16379, 6379),  # noqa: S104 - not bound here
        PortBinding("::", 16379, 6379),
        PortBinding("10.0.0.1", 6380, 6379),
        PortBinding("127.0.0.1", 9121, 9121),
    )
    assert addresses(replace(CONTAINER, ports=ports), 6379, routed=True) == [
        Tcp("127.0.0.1", 16379),
        Tcp("::1", 16379),
        Tcp("10.0.0.1", 6380),
        Tcp("172.18.0.2", 6379),
        Tcp("fd00::2", 6379),
    ]


def test_addresses_that_are_not_routed() -> None:
    """Inside a virtual machine they lead nowhere."""
    assert addresses(CONTAINER, 6379, routed=False) == []


def test_the_hosts_own_network() -> None:
    """A container without a network of its own listens on the host."""
    assert addresses(replace(CONTAINER, addresses=(), network_mode="host"), 6380, routed=True) == [
        Tcp("127.0.0.1", 6380)
    ]
