"""Keys as an exam platform has them, for a twin that is to be flushed: sessions and a cache, and what must stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.handle import Twin

#: How many keys of each kind, and their time to live in seconds.
MANY, LIFE_S = 50, 86_400
#: Ends of keys that a shell, or a line-based client, would take for something else.
AWKWARD = (b"a b", b"quote'\"s", b"new\nline", b"\xff\x00", b"*?[x]", b"")


def seed(twin: Twin) -> None:
    """Write the keys. Raises as ``Twin.redis``."""
    for command in _commands():
        twin.redis(*command)


def _commands() -> Iterator[tuple[str | bytes | int, ...]]:
    for end in (*(b"%d" % number for number in range(MANY)), *AWKWARD):
        yield "HSET", b"session:" + end, "user", end, "role", "student"
        yield "EXPIRE", b"session:" + end, LIFE_S
        yield "SET", b"cache:" + end, b"x" * 100, "EX", LIFE_S
        yield "SET", b"exam:" + end, end, "EX", LIFE_S
