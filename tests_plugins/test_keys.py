"""Key inspection, against real servers."""

from __future__ import annotations

import math
import re
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.keys import InspectedKey, Inspection, inspect_keys
from plugins.keys_table import render, shown
from plugins.target.model import ReplyError, TargetError
from tests_plugins.hostile import hostile
from tests_plugins.servers import Server, SocketWire, running, server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugins.target.model import Command, Reply, Wire


@pytest.fixture(scope="module", params=server_programs())
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server for this file's tests."""
    with running(server_programs()[request.param], "--save", "") as server:
        yield server


@pytest.fixture
def wire(server: Server) -> SocketWire:
    """A connection to an empty server, its statistics fresh."""
    server.wire.ask([("FLUSHALL",), ("CONFIG", "RESETSTAT")])
    return server.wire


def only(wire: SocketWire | Wire, name: bytes | str) -> InspectedKey:
    (key,) = inspect_keys(wire, name).keys
    return key


@contextmanager
def logged_in(server: Server, user: str) -> Iterator[SocketWire]:
    with closing(SocketWire(server.path)) as wire:
        assert wire.ask([("AUTH", user, "pw")]) == [b"OK"]
        yield wire


def commands_seen(wire: SocketWire) -> set[str]:
    """The commands that the server was asked since its statistics were fresh."""
    (info,) = wire.ask([("INFO", "commandstats")])
    assert isinstance(info, bytes)
    return set(re.findall(r"cmdstat_(\w+)", info.decode()))


@pytest.mark.parametrize(
    ("fill", "kind", "elements", "preview"),
    [
        (("SET", "k", "hello"), "string", 5, '"hello"'),
        (("RPUSH", "k", "a", "b"), "list", 2, '"a", "b"'),
        (("SADD", "k", "b", "a"), "set", 2, '"a", "b"'),
        (("ZADD", "k", 1, "a", 2, "b"), "zset", 2, '"a" (1), "b" (2)'),
        (("HSET", "k", "user", "7", "lang", "de"), "hash", 2, '"lang": "de", "user": "7"'),
        (("XADD", "k", "1-1", "f", "v"), "stream", 1, '1-1 "f"="v"'),
    ],
)
def test_every_type_has_its_preview(wire: SocketWire, fill: Command, kind: str, elements: int, preview: str) -> None:
    """Type, number of elements and the elements themselves, as redis-cli would quote them."""
    wire.ask([fill])
    key = only(wire, "k")
    assert (key.type, key.elements) == (kind, elements)
    assert render(inspect_keys(wire, "k")).split("\n")[1].endswith(preview)


def test_a_key_has_its_size_and_its_time_to_live(wire: SocketWire) -> None:
    """In bytes and seconds, as Redis tells them."""
    wire.ask([("SET", "k", "x" * 1000, "EX", 100)])
    key = only(wire, "k")
    assert key.ttl_s is not None
    assert 90 < key.ttl_s <= 100
    assert 1000 < (key.size_bytes or 0) < 2000


def test_a_key_that_never_expires_has_no_time_to_live(wire: SocketWire) -> None:
    """And the table says it in words."""
    wire.ask([("SET", "k", "x")])
    assert only(wire, "k").ttl_s == math.inf
    assert "never expires" in render(inspect_keys(wire, "k"))


@pytest.mark.parametrize("ttl_ms", [-2, ReplyError("NOPERM no pttl")], ids=["gone meanwhile", "refused"])
def test_a_time_to_live_that_is_not_known_is_not_endless(wire: SocketWire, ttl_ms: Reply) -> None:
    """What Redis did not say is a question mark."""
    wire.ask([("SET", "k", "x")])

    def ask(commands: Sequence[Command], **further: float) -> list[Reply]:
        replies = wire.ask(commands, **further)
        return [ttl_ms if command[0] == "PTTL" else reply for command, reply in zip(commands, replies, strict=True)]

    doubtful = cast("Wire", SimpleNamespace(ask=ask, via=wire.via))
    assert only(doubtful, "k").ttl_s is None
    told = render(inspect_keys(doubtful, "k"))
    assert "never expires" not in told
    assert "?" in told


def test_an_exact_key_is_asked_for_directly(wire: SocketWire) -> None:
    """Without a search, however many keys there are."""
    wire.ask([("SET", "k", "x")])
    inspect_keys(wire, "k")
    assert "scan" not in commands_seen(wire)


def test_a_key_that_does_not_exist_is_no_key(wire: SocketWire) -> None:
    """And the summary says so."""
    inspection = inspect_keys(wire, "nope")
    assert inspection.keys == ()
    assert render(inspection).startswith('"nope": no such key')


@pytest.mark.parametrize("name", ["a[b]", "a*", "a?", "a\\b"])
def test_a_key_may_be_called_like_a_pattern(wire: SocketWire, name: str) -> None:
    """The name itself is tried too, since the person at the keyboard may mean it."""
    wire.ask([("SET", name, "x"), ("SET", "ac", "y")])
    assert name.encode() in [key.name for key in inspect_keys(wire, name).keys]


def test_a_pattern_finds_what_matches_in_order(wire: SocketWire) -> None:
    """And nothing else, sorted by name."""
    wire.ask([("SET", f"session:{n}", "x") for n in (3, 1, 2)] + [("SET", "cache:1", "x")])
    inspection = inspect_keys(wire, "session:*")
    assert [key.name for key in inspection.keys] == [b"session:1", b"session:2", b"session:3"]
    assert not inspection.more
    assert not inspection.cut


def test_at_most_twenty_keys_are_shown(wire: SocketWire) -> None:
    """And that there are more is said."""
    wire.ask([("SET", f"k{n}", "x") for n in range(50)])
    inspection = inspect_keys(wire, "k*")
    assert (len(inspection.keys), inspection.more) == (20, True)
    assert "more than 20 keys match" in render(inspection)


def test_exactly_twenty_keys_are_all(wire: SocketWire) -> None:
    """Nothing is said to be missing."""
    wire.ask([("SET", f"k{n}", "x") for n in range(20)])
    inspection = inspect_keys(wire, "k*")
    assert (len(inspection.keys), inspection.more) == (20, False)


def test_a_search_that_runs_out_of_time_says_so(wire: SocketWire) -> None:
    """An answer that is not whole must not look like one."""
    wire.ask([("SET", "k1", "x")])
    inspection = inspect_keys(wire, "k*", deadline_s=0)
    assert (inspection.keys, inspection.cut) == ((), True)
    assert "Time was up after about 0 of 1 keys: there may be more." in render(inspection)


def test_a_search_through_many_keys_is_whole(wire: SocketWire) -> None:
    """Over several trips, and the rare match is found."""
    wire.ask([("SET", f"x{n}", "") for n in range(12_000)] + [("SET", "needle", "")])
    inspection = inspect_keys(wire, "need*")
    assert [key.name for key in inspection.keys] == [b"needle"]
    assert (inspection.examined, inspection.cut) == (12_001, False)


def test_inspection_only_reads_and_never_uses_keys(wire: SocketWire) -> None:
    """Every command that it sends is known to change nothing; KEYS would stop the server for everybody."""
    fill: list[Command] = [("SET", "k1", "x"), ("HSET", "k2", "a", "b"), ("XADD", "k3", "1-1", "f", "v")]
    wire.ask([*fill, ("SADD", "k4", "a"), ("ZADD", "k5", 1, "a"), ("RPUSH", "k6", "a"), ("CONFIG", "RESETSTAT")])
    inspect_keys(wire, "k*")
    readers = {"strlen", "getrange", "hlen", "hrandfield", "xlen", "xrevrange", "scard", "srandmember", "zcard"}
    readers |= {"zrange", "llen", "lrange", "type", "pttl", "scan", "dbsize"}
    asked = {command for command in commands_seen(wire) if not command.startswith(("memory", "config", "info"))}
    assert asked == readers


def test_hidden_values_are_not_even_read(wire: SocketWire) -> None:
    """What never leaves the server cannot leak."""
    wire.ask([("SET", "k", "hunter2"), ("CONFIG", "RESETSTAT")])
    text = render(inspect_keys(wire, "k", values=False))
    assert "hunter2" not in text
    assert "(hidden)" in text
    assert "getrange" not in commands_seen(wire)


def test_a_long_string_is_read_only_at_its_beginning(wire: SocketWire) -> None:
    """However long it is; the length is told."""
    wire.ask([("SET", "k", "x" * 1_000_000)])
    key = only(wire, "k")
    assert (key.preview, key.elements) == (b"x" * 200, 1_000_000)


def test_a_few_elements_of_a_large_collection_are_read(wire: SocketWire) -> None:
    """Compactly encoded ones too, which HSCAN and SSCAN return whole."""
    wire.ask([("HSET", "k", *(part for n in range(100) for part in (f"f{n}", "v")))])
    key = only(wire, "k")
    assert isinstance(key.preview, list)
    assert (len(key.preview), key.elements) == (10, 100)
    assert render(inspect_keys(wire, "k")).split("\n")[1].endswith(", …")


def test_large_elements_are_not_read(wire: SocketWire) -> None:
    """Five of them could be gigabytes."""
    wire.ask([("RPUSH", "k", *("x" * 200_000 for _ in range(10)))])
    key = only(wire, "k")
    assert key.preview is None
    assert key.withheld.startswith("not read: an element takes")


def test_another_database_is_not_looked_into(wire: SocketWire) -> None:
    """The wire's own is."""
    wire.ask([("SELECT", 3), ("SET", "k", "x"), ("SELECT", 0)])
    assert inspect_keys(wire, "k*").keys == ()


def test_bytes_that_are_no_text_are_shown_as_bytes(wire: SocketWire) -> None:
    """In names and values alike."""
    wire.ask([("SET", b"k\xff\x00", b"\x80\x1b[31m\n")])
    text = render(inspect_keys(wire, "k*"))
    assert r'"k\xff\x00"' in text
    assert r'"\x80\x1b[31m\n"' in text


def test_a_name_may_be_given_in_bytes_that_are_no_text(wire: SocketWire) -> None:
    """As they arrive from a command line."""
    wire.ask([("SET", b"k\xff", "x")])
    assert only(wire, "k\udcff").name == b"k\xff"


def test_keys_that_the_user_may_not_read_are_listed(server: Server, wire: SocketWire) -> None:
    """With Redis's own words instead of a preview."""
    wire.ask([("SET", "cache:1", "x"), ("SET", "session:1", "x")])
    wire.ask([("ACL", "SETUSER", "limited", "on", ">pw", "~cache:*", "+@all")])
    with logged_in(server, "limited") as limited:
        readable, forbidden = inspect_keys(limited, "*:1").keys
    assert (readable.type, readable.preview) == ("string", b"x")
    assert (forbidden.name, forbidden.type) == (b"session:1", "?")
    assert forbidden.withheld.startswith("NOPERM")


def test_a_refused_search_is_an_error(server: Server, wire: SocketWire) -> None:
    """It must not look like an empty one."""
    wire.ask([("ACL", "SETUSER", "blind", "on", ">pw", "~*", "+@all", "-scan")])
    with (
        logged_in(server, "blind") as blind,
        pytest.raises(TargetError, match="Redis refuses to search its keys: NOPERM"),
    ):
        inspect_keys(blind, "*")


def test_a_server_that_lets_nobody_in_is_an_error(server: Server, wire: SocketWire) -> None:
    """It says nothing about the key that was asked for."""
    wire.ask([("CONFIG", "SET", "requirepass", "pw")])
    try:
        with (
            closing(SocketWire(server.path)) as stranger,
            pytest.raises(TargetError, match="refuses to be asked: NOAUTH"),
        ):
            inspect_keys(stranger, "k")
    finally:
        wire.ask([("CONFIG", "SET", "requirepass", "")])


def test_the_table_is_aligned() -> None:
    """Wide characters count for what they take."""
    keys = (InspectedKey(b"a", "string"), InspectedKey("日本".encode(), "hash"))
    first, second, third = render(Inspection(b"*", "wire", keys, examined=2)).split("\n")[:3]
    assert first.index("type") == second.index("string") == third.index("hash") + 2


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", '"plain"'),
        ("Grüße".encode(), '"Grüße"'),
        (b'a"b', r'"a\"b"'),
        (rb"\xff", r'"\\xff"'),
        (b"\xff", r'"\xff"'),
        ("\u202e".encode(), r'"\u202e"'),
    ],
)
def test_bytes_are_quoted_so_that_they_can_be_told_apart(raw: bytes, text: str) -> None:
    """What stands for a byte is not confused with what is one."""
    assert shown(raw) == text


_replies = st.recursive(
    st.one_of(st.none(), st.integers(), st.binary(max_size=20)), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)
_inspected = st.builds(
    InspectedKey,
    name=st.binary(max_size=30),
    type=st.sampled_from(["string", "list", "set", "zset", "hash", "stream", "?", "\x1b"]),
    elements=st.none() | st.integers(0),
    preview=_replies,
    withheld=st.text(max_size=10),
)


@hostile
@given(keys=st.lists(_inspected, max_size=3), pattern=st.binary(max_size=20))
def test_nothing_in_a_key_moves_the_cursor(keys: list[InspectedKey], pattern: bytes) -> None:
    """Whatever keys and values hold, and whatever a server answers, the table is printable lines."""
    lines = render(Inspection(pattern, "wire", tuple(keys), examined=1)).split("\n")
    assert len(lines) == (len(keys) + 3 if keys else 1)
    assert all(line.isprintable() for line in lines)
