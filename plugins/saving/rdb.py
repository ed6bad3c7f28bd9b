"""What DUMP answers, read: a value in the format of Redis's snapshots, and the encodings inside it. Pure.

Source: ``rdb.c``, ``listpack.c``, ``ziplist.c``, ``intset.c`` and ``lzf_d.c`` of Redis 6.2 to 8.0 and Valkey 8.1.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: At the end of every payload: the format's version and a checksum.
FOOTER = 10

_INTEGER = {0: 1, 1: 2, 2: 4}  # a string that is a number, by its encoding: how many bytes it takes
_LZF = 3
_SHORT = 0x3F  # the longest string whose length is in one byte
_SPECIAL, _LONG, _LONGER = 0xC0, 0x80, 0x81
_END = 0xFF

#: Numbers in a ziplist, by their first byte, and in a listpack: how many bytes follow.
_ZIPLIST_NUMBERS = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
_LISTPACK_NUMBERS = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}


class Unreadable(ValueError):
    """These bytes are not what they should be, or a format that is not known here."""


class Reader:
    """One payload from its second byte on. All methods raise ``Unreadable`` or ``IndexError`` where it is cut short."""

    def __init__(self, payload: bytes) -> None:
        self._data = payload[1:-FOOTER]
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes as they are."""
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise Unreadable("the payload ends too early")
        self._at += size
        return taken

    def rest(self) -> bytes:
        """Everything up to the end."""
        return self.take(len(self._data) - self._at)

    def length(self) -> int:
        """How many items follow."""
        number, special = self._header()
        if special:
            raise Unreadable("a string stands where a length should")
        return number

    def string(self) -> bytes:
        """A string; a number as its digits."""
        number, special = self._header()
        if not special:
            return self.take(number)
        if number in _INTEGER:
            return b"%d" % int.from_bytes(self.take(_INTEGER[number]), "little", signed=True)
        if number != _LZF:
            raise Unreadable(f"an unknown encoding of strings: {number}")
        packed, whole = self.length(), self.length()
        return unpacked(self.take(packed), whole)

    def strings(self, count: int) -> list[bytes]:
        """So many strings, most of them short and plain, as those of sets and hashes are."""
        found = []
        data = self._data
        for _ in range(count):
            size = data[self._at]
            if size > _SHORT:
                found.append(self.string())
                continue
            start = self._at + 1
            self._at = start + size
            found.append(data[start : self._at])
        if self._at > len(data):
            raise Unreadable("the payload ends too early")
        return found

    def double(self) -> float:
        """A score as eight bytes."""
        (score,) = struct.unpack("<d", self.take(8))
        return float(score)

    def milliseconds(self) -> int:
        """A moment as eight bytes."""
        return int.from_bytes(self.take(8), "little", signed=True)

    def _header(self) -> tuple[int, bool]:
        """A length, or with True the kind of a string that is encoded in a special way."""
        first = self.take(1)[0]
        if first & _SPECIAL == _SPECIAL:
            return first & 0x3F, True
        if first == _LONG:
            return int.from_bytes(self.take(4), "big"), False
        if first == _LONGER:
            return int.from_bytes(self.take(8), "big"), False
        if first & _SPECIAL == 0x40:  # noqa: PLR2004 - the format's bits
            return (first & 0x3F) << 8 | self.take(1)[0], False
        return first & 0x3F, False


def unpacked(data: bytes, whole: int) -> bytes:
    """LZF undone: literal runs, and references to what came before, which may overlap what they make."""
    out = bytearray()
    at = 0
    while at < len(data):
        control = data[at]
        at += 1
        if control < 32:  # noqa: PLR2004 - the format's bits
            out += data[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:  # noqa: PLR2004 - the longest that fits; another byte says how much longer
            length += data[at]
            at += 1
        start = len(out) - ((control & 0x1F) << 8) - data[at] - 1
        at += 1
        if start < 0:
            raise Unreadable("a compressed string refers to what is not there")
        run = out[start : start + length + 2]
        out += (run * (length // len(run) + 2))[: length + 2]
    if len(out) != whole:
        raise Unreadable("a compressed string is not as long as it says")
    return bytes(out)


def intset(data: bytes) -> Iterator[bytes]:
    """The numbers of a small set."""
    width, count = struct.unpack_from("<II", data)
    for at in range(8, 8 + width * count, width):
        yield _number(data, at, width)


def ziplist(data: bytes) -> Iterator[bytes]:
    """The entries of a ziplist (up to Redis 6.2)."""
    at = 10
    while data[at] != _END:
        at += 1 if data[at] < 0xFE else 5  # noqa: PLR2004 - how long the entry before it is
        first = data[at]
        if first < _SPECIAL:
            size, at = _ziplist_string(data, at, first)
            yield data[at : at + size]
        elif first in _ZIPLIST_NUMBERS:
            size, at = _ZIPLIST_NUMBERS[first], at + 1
            yield _number(data, at, size)
        else:
            size, at = 0, at + 1
            yield b"%d" % ((first & 0x0F) - 1)
        at += size


def _ziplist_string(data: bytes, at: int, first: int) -> tuple[int, int]:
    """A string's size, and where it begins."""
    match first >> 6:
        case 0:
            return first, at + 1
        case 1:
            return (first & 0x3F) << 8 | data[at + 1], at + 2
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def listpack(data: bytes) -> Iterator[bytes]:
    """The entries of a listpack (since Redis 7.0)."""
    at = 6
    while data[at] != _END:
        first, start = data[at], at
        if first < 0x80:  # noqa: PLR2004 - the format's bits, here and below
            value, at = b"%d" % first, at + 1
        elif first & 0xE0 == 0xC0:  # noqa: PLR2004
            number = (first & 0x1F) << 8 | data[at + 1]
            value, at = b"%d" % (number - (1 << 13) if number >> 12 else number), at + 2
        elif first in _LISTPACK_NUMBERS:
            size = _LISTPACK_NUMBERS[first]
            value, at = _number(data, at + 1, size), at + 1 + size
        else:
            size, at = _listpack_string(data, at, first)
            value, at = data[at : at + size], at + size
        yield value
        at += _back_length(at - start)


def _listpack_string(data: bytes, at: int, first: int) -> tuple[int, int]:
    """A string's size, and where it begins."""
    if first & _SPECIAL == 0x80:  # noqa: PLR2004 - the format's bits
        return first & 0x3F, at + 1
    if first & 0xF0 == 0xE0:  # noqa: PLR2004
        return (first & 0x0F) << 8 | data[at + 1], at + 2
    if first == 0xF0:  # noqa: PLR2004
        return int.from_bytes(data[at + 1 : at + 5], "little"), at + 5
    raise Unreadable(f"an unknown entry of a listpack: {first}")


def _back_length(size: int) -> int:
    """How many bytes after an entry tell its size to who reads backwards."""
    return 1 + sum(size >= bound for bound in (128, 16383, 2097151, 268435455))


def _number(data: bytes, at: int, size: int) -> bytes:
    return b"%d" % int.from_bytes(data[at : at + size], "little", signed=True)
