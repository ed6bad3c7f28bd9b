"""Values as DUMP gives them, taken apart: pure, but for the servers that made them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.saving.digest import digest, same
from plugins.saving.rdb import Unreadable, unpacked
from tests_plugins.hostile import hostile
from tests_plugins.keyspaces import fill, here
from tests_plugins.servers import server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_plugins.keyspaces import Place

FOOTER = bytes(10)


@pytest.fixture(scope="module")
def server() -> Iterator[Place]:
    """A server to make values with."""
    with here() as made:
        yield made


@pytest.mark.parametrize("program", sorted(server_programs()))
def test_every_value_is_known_and_told_from_every_other(program: str) -> None:
    """Nothing that the server can hold is a closed book, and no two different values are the same."""
    with here(program=server_programs()[program]) as place:
        fill(place)
        payloads = [place.ask("DUMP", key) for key in place.ask("KEYS", "*")]
    digests = [digest(payload) for payload in payloads]
    assert None not in digests
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("program", sorted(server_programs()))
@pytest.mark.parametrize(
    "change",
    [
        ("APPEND", "text", "x"),
        ("LSET", "long list", 300, "x"),
        ("SADD", "large set", "x"),
        ("SREM", "numbers", 1),
        ("HSET", "large hash", "f600", "x"),
        ("HSET", "shrunk hash", "f699", "x"),
        ("ZADD", "large sorted set", 5, "m699"),
        ("ZADD", "sorted set", "1.25", "b"),
        ("XADD", "stream", "400-1", "f", "x"),
        ("XACK", "stream", "group", "2-1"),
    ],
    ids=lambda change: change[0],
)
def test_any_change_is_seen(program: str, change: tuple[str, ...]) -> None:
    """One element of many is enough."""
    with here(program=server_programs()[program]) as place:
        fill(place)
        before = place.ask("DUMP", change[1])
        place.ask(*change)
        assert same(before, place.ask("DUMP", change[1])) is False


def test_the_order_of_a_list_counts_and_that_of_a_set_does_not() -> None:
    """The same elements, written down in both orders."""
    one, other = b"\x02\x01a\x01b" + FOOTER, b"\x02\x01b\x01a" + FOOTER
    assert same(b"\x02" + one, b"\x02" + other) is True
    assert same(b"\x01" + one, b"\x01" + other) is False


def test_what_is_not_known_is_not_called_different() -> None:
    """A module's type: the same bytes are the same, others may be as well."""
    assert same(b"\x07abc" + FOOTER, b"\x07abc" + FOOTER) is True
    assert same(b"\x07abc" + FOOTER, b"\x07abd" + FOOTER) is None


def test_the_footer_says_nothing_of_the_value() -> None:
    """Version and checksum may differ."""
    assert same(b"\x00\x01a" + bytes(10), b"\x00\x01a" + bytes(range(10))) is True


@hostile
@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_not_known(payload: bytes) -> None:
    """Nothing that a server could send does more than that."""
    assert isinstance(digest(payload), bytes | None)


@hostile
@given(st.binary(max_size=100), st.integers(0, 200))
def test_any_bytes_are_a_compressed_string_or_unreadable(data: bytes, size: int) -> None:
    """Whatever it refers to."""
    with suppress(Unreadable, IndexError):
        assert len(unpacked(data, size)) == size


@hostile
@given(long=st.text("ab", min_size=65, max_size=3000), short=st.text("abc", min_size=21, max_size=64))
def test_compression_is_undone(server: Place, long: str, short: str) -> None:
    """A hash that is small again is one compressed string; while large it had each value by itself."""
    server.ask("DEL", "hash")
    server.ask("HSET", "hash", "short", short, "long", long)
    large = server.ask("DUMP", "hash")
    server.ask("DEL", "hash", "other")
    server.ask("HSET", "other", "short", short)
    server.ask("RESTORE", "hash", 0, large)
    server.ask("HDEL", "hash", "long")
    assert same(server.ask("DUMP", "hash"), server.ask("DUMP", "other")) is True
    assert same(server.ask("DUMP", "hash"), large) is False
