"""Redis by redis-cli: the same answers as over the wire, whatever they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.target.cli_text import Unreadable, batches, parse
from plugins.target.model import ReplyError, TargetError, TimedOut
from tests_plugins.hostile import hostile
from tests_plugins.redises import PASSWORD, USER, Redis, locked, need_redis_cli, redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Command, Reply


@pytest.fixture(scope="module", autouse=True)
def _client() -> None:
    need_redis_cli()


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    """A stock server."""
    with redis() as made:
        yield made


@pytest.fixture(scope="module")
def closed() -> Iterator[Redis]:
    """A server that wants a password."""
    with locked() as made:
        yield made


def both(server: Redis, commands: list[Command]) -> tuple[list[Reply], list[Reply]]:
    """The replies by redis-cli and over the wire, errors by their text."""
    with server.wire() as wire:
        return comparable(server.cli().ask(commands)), comparable(wire.ask(commands))


def comparable(replies: list[Reply]) -> list[Reply]:
    """Errors compare by identity; as tagged text they compare by what they say."""
    return [_comparable(reply) for reply in replies]


def _comparable(reply: Reply) -> Reply:
    if isinstance(reply, ReplyError):
        return b"error: " + str(reply).encode()
    return [_comparable(inner) for inner in reply] if isinstance(reply, list) else reply


#: What a script of the server's returns: every kind of reply inside every other.
LUA = st.recursive(
    st.binary(max_size=20).map(lambda data: "'" + "".join(f"\\{byte:03}" for byte in data) + "'")
    | st.integers(-(2**50), 2**50).map(str)
    | st.sampled_from(["false", "{}", "redis.status_reply('some status')", "redis.error_reply('SOME error')"]),
    lambda inner: st.lists(inner, max_size=12).map(lambda items: "{" + ",".join(items) + "}"),
    max_leaves=30,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LUA, min_size=1, max_size=4))
def test_every_reply_is_read_as_over_the_wire(server: Redis, scripts: list[str]) -> None:
    """Nested, empty, binary, ten items and more, several in a row."""
    by_cli, by_wire = both(server, [("EVAL", f"return {script}", 0) for script in scripts])
    assert by_cli == by_wire


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=30) | st.text(max_size=20), min_size=1, max_size=5))
def test_every_argument_arrives_as_it_is(server: Redis, words: list[str | bytes]) -> None:
    """Quotes, line ends, NUL, bytes that are not text: redis-cli takes none of them for its own."""
    by_cli, by_wire = both(server, [("ECHO", word) for word in words])
    assert by_cli == by_wire


def test_replies_that_redis_cli_prints_as_they_are(server: Redis) -> None:
    """INFO, CLIENT LIST and their like have no quotes and no end; between others they are still told apart."""
    commands: list[Command] = [("PING",), ("INFO", "server"), ("GET", "x"), ("client", "LIST"), ("DBSIZE",), ("INFO",)]
    replies = server.cli().ask(commands)
    assert (replies[0], replies[2], replies[4]) == (b"PONG", None, 0)
    information, clients, everything = replies[1], replies[3], replies[5]
    assert isinstance(information, bytes)
    assert isinstance(clients, bytes)
    assert isinstance(everything, bytes)
    assert information.startswith(b"# Server\r\nredis_version:")
    assert information.endswith(b"\r\n")
    assert clients.startswith(b"id=")
    assert clients.endswith(b"\n")
    assert b"name=runbook-suite" in clients
    assert b"# Keyspace" in everything


def test_a_slow_command_adds_no_reply(server: Redis) -> None:
    """redis-cli prints how long it took where that was half a second and more."""
    commands: list[Command] = [("BLPOP", "nothing", 1), ("PING",), ("BLPOP", "nothing", 1)]
    assert server.cli().ask(commands) == [None, b"PONG", None]


def test_a_password(closed: Redis) -> None:
    """It travels in the environment."""
    assert closed.cli(word=PASSWORD).ask([("PING",)]) == [b"PONG"]


@pytest.mark.parametrize(("word", "code"), [(None, "NOAUTH"), ("wrong", "WRONGPASS")])
def test_no_or_a_wrong_password(closed: Redis, word: str | None, code: str) -> None:
    """Every command's reply is the refusal, of those that are printed as they are as well."""
    replies = closed.cli(word=word).ask([("PING",), ("INFO",)])
    assert [reply.code for reply in replies if isinstance(reply, ReplyError)] == [code, code]


def test_a_password_that_nobody_asked_for(server: Redis) -> None:
    """A server without one is asked all the same."""
    assert server.cli(word="anything").ask([("PING",)]) == [b"PONG"]


def test_an_acl_user(closed: Redis) -> None:
    """He is who asks."""
    replies = closed.cli(user=USER, word=PASSWORD).ask([("PING",), ("GET", "session:1"), ("INFO",)])
    assert replies[0] == b"PONG"
    assert [reply.code for reply in replies[1:] if isinstance(reply, ReplyError)] == ["NOPERM", "NOPERM"]


def test_a_failed_login_by_name_asks_nothing_as_somebody_else(server: Redis) -> None:
    """Where anybody may ask, a wrong name must not pass for a right one."""
    (reply,) = server.cli(user="nobody", word="wrong").ask([("SET", "written", "by whom")])
    assert isinstance(reply, ReplyError)
    assert reply.code == "WRONGPASS"
    assert server.server.ask("EXISTS", "written") == 0


def test_another_database(server: Redis) -> None:
    """Its number is honoured."""
    server.cli(database=3).ask([("SET", "here", 1)])
    assert server.cli().ask([("EXISTS", "here")]) == [0]
    assert server.cli(database=3).ask([("GET", "here")]) == [b"1"]


def test_a_database_that_is_not_there(server: Redis) -> None:
    """An error, and nothing is written elsewhere."""
    with pytest.raises(TargetError, match="database 99 cannot be selected"):
        server.cli(database=99).ask([("SET", "astray", 1)])
    assert server.server.ask("EXISTS", "astray") == 0


def test_nobody_listens(server: Redis) -> None:
    """redis-cli exits with 0 all the same; here it is an error, in its words."""
    with redis() as other:
        cli = other.cli()
    with pytest.raises(TargetError, match="Could not connect to Redis"):
        cli.ask([("PING",)])
    assert server.cli().ask([("PING",)]) == [b"PONG"]


def test_a_server_that_does_not_answer_in_time(server: Redis) -> None:
    """Timed out at the deadline."""
    with pytest.raises(TimedOut):
        server.cli().ask([("BLPOP", "nothing", 2)], timeout_s=0.5)


def test_batches_end_with_what_has_no_end() -> None:
    """A reply printed as it is comes last in its batch."""
    commands: list[Command] = [
        ("PING",),
        ("info",),
        (b"CLIENT", "List", "TYPE", "normal"),
        ("CLIENT", "ID"),
        ("GET", "info"),
    ]
    assert batches(commands) == [commands[:2], commands[2:3], commands[3:]]


@hostile
@given(st.binary(max_size=100))
def test_any_output_is_replies_or_unreadable(output: bytes) -> None:
    """Nothing that a program of that name could print does more than that."""
    try:
        assert len(parse(output, [("GET", "x"), ("GET", "y")])) == 2
    except Unreadable as error:
        assert "cannot be read" in str(error)  # noqa: PT017 - either outcome is right
