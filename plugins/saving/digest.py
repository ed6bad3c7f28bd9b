"""Whether two values that DUMP gave are the same: by what they hold, not by how the server happened to keep it. Pure.

After RESTORE the bytes may differ: a set or a hash comes in another order, and a small one that was once large in
another encoding. Both are taken apart then. Lists are compared in their order, sets, hashes and sorted sets without.
Fields of a hash may have a time of their own (Redis 7.4): those whose time is over by then count for nothing.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import TYPE_CHECKING

from plugins.saving.rdb import FOOTER, Reader, Unreadable, intset, listpack, ziplist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: A node of a list that is one large element.
_PLAIN = 1


def same(saved: bytes, now: bytes, by_ms: int = 0) -> bool | None:
    """Whether they hold the same; None where the bytes differ, and what they hold cannot be told.

    ``by_ms``: what expires by then (milliseconds of Redis's clock) need not be there.
    """
    if saved[:-FOOTER] == now[:-FOOTER]:
        return True
    ours, theirs = digest(saved, by_ms), digest(now, by_ms)
    return None if ours is None or theirs is None else ours == theirs


def digest(payload: bytes, by_ms: int = 0) -> bytes | None:
    """The same for values that hold the same, whatever their encoding; None where that cannot be told."""
    kind, _, ordered = _kind(payload)
    items = _items(payload, by_ms)
    if items is None:
        return None
    return blake2b(kind + b"".join(items if ordered else sorted(items)), digest_size=16).digest()


def vanishes(payload: bytes, by_ms: int) -> bool:
    """Whether all that it holds expires by then, and the key with it."""
    return _items(payload, by_ms) == []


def _kind(payload: bytes) -> Kind:
    return _KINDS.get(payload[0], _UNKNOWN) if payload else _UNKNOWN


def _items(payload: bytes, by_ms: int) -> list[bytes] | None:
    """What it holds, but for what expires by then; None where that cannot be told."""
    _, read, _ = _kind(payload)
    try:
        items = [item for item in read(Reader(payload)) if not _expires(item, by_ms)]
    except (Unreadable, IndexError, ValueError, struct.error):
        return None
    return [b"".join(b"%d:%b" % (len(part), part) for part in item) for item in items]


def _expires(item: Item, by_ms: int) -> bool:
    """Only a hash's field has a third part, the moment when it expires, 0 for one that stays."""
    return len(item) == len(("field", "value", "expiry")) and 0 < int(item[2]) <= by_ms


Item = tuple[bytes, ...]
Kind = tuple[bytes, "Callable[[Reader], Iterator[Item]]", bool]


def _string(reader: Reader) -> Iterator[Item]:
    yield (reader.string(),)


def _strings(reader: Reader) -> Iterator[Item]:
    return zip(reader.strings(reader.length()))


def _packed(unpack: Callable[[bytes], Iterable[bytes]], width: int = 1) -> Callable[[Reader], Iterator[Item]]:
    """A whole value in one string, ``width`` entries an item."""

    def read(reader: Reader) -> Iterator[Item]:
        entries = iter(unpack(reader.string()))
        return zip(*[entries] * width, strict=True)

    return read


def _ziplists(reader: Reader) -> Iterator[Item]:
    for _ in range(reader.length()):
        for entry in ziplist(reader.string()):
            yield (entry,)


def _nodes(reader: Reader) -> Iterator[Item]:
    for _ in range(reader.length()):
        container, data = reader.length(), reader.string()
        for entry in (data,) if container == _PLAIN else listpack(data):
            yield (entry,)


def _pairs(reader: Reader) -> Iterator[Item]:
    words = iter(reader.strings(2 * reader.length()))
    return zip(words, words, strict=True)


def _staying(read: Callable[[Reader], Iterator[Item]]) -> Callable[[Reader], Iterator[Item]]:
    """A hash's fields, none of which expires."""
    return lambda reader: ((*item, b"0") for item in read(reader))


def _scores(reader: Reader) -> Iterator[Item]:
    for _ in range(reader.length()):
        yield reader.string(), _score(reader.double())


def _packed_scores(unpack: Callable[[bytes], Iterable[bytes]]) -> Callable[[Reader], Iterator[Item]]:
    def read(reader: Reader) -> Iterator[Item]:
        for member, score in _packed(unpack, 2)(reader):
            yield member, _score(float(score))

    return read


def _bytes(reader: Reader) -> Iterator[Item]:
    """A stream: it comes back byte by byte."""
    yield (reader.rest(),)


def _unknown(reader: Reader) -> Iterator[Item]:
    raise Unreadable(f"a type that is not known here: {reader!r}")


def _score(number: float) -> bytes:
    return struct.pack("<d", number + 0.0)  # there are two zeros


def _expiring_pairs(reader: Reader) -> Iterator[Item]:
    """Fields that may expire (Redis 7.4): a distance from the first to go, 0 for those that stay."""
    first = reader.milliseconds()
    for _ in range(reader.length()):
        distance = reader.length()
        yield reader.string(), reader.string(), b"%d" % (first + distance - 1 if distance else 0)


def _packed_expiring_pairs(reader: Reader) -> Iterator[Item]:
    reader.milliseconds()
    return _packed(listpack, 3)(reader)


_UNKNOWN: Kind = (b"", _unknown, True)

#: By the payload's first byte: what it is, how it is read, whether the order counts.
_KINDS: dict[int, Kind] = {
    0: (b"string", _string, True),
    1: (b"list", _strings, True),
    10: (b"list", _packed(ziplist), True),
    14: (b"list", _ziplists, True),
    18: (b"list", _nodes, True),
    2: (b"set", _strings, False),
    11: (b"set", _packed(intset), False),
    20: (b"set", _packed(listpack), False),
    5: (b"zset", _scores, False),
    12: (b"zset", _packed_scores(ziplist), False),
    17: (b"zset", _packed_scores(listpack), False),
    4: (b"hash", _staying(_pairs), False),
    13: (b"hash", _staying(_packed(ziplist, 2)), False),
    16: (b"hash", _staying(_packed(listpack, 2)), False),
    15: (b"stream", _bytes, True),
    19: (b"stream", _bytes, True),
    21: (b"stream", _bytes, True),
    24: (b"hash", _expiring_pairs, False),
    25: (b"hash", _packed_expiring_pairs, False),
}
