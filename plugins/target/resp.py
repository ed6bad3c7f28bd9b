"""Redis's wire protocol, version 2: requests to bytes, bytes to replies. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plugins.target.model import ReplyError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugins.target.model import Command, Reply

#: A reply nested deeper than this is not Redis.
DEEPEST = 32

#: Stand for a list whose items are still to be read, and for a reply of which more bytes are needed.
_BEGUN: Reply = ReplyError("a list began")
_CUT: Reply = ReplyError("more is needed")

#: The first line of a reply, and its kind.
_LINE = re.compile(rb"([+:$*-])([^\r]*(?:\r(?!\n)[^\r]*)*)\r\n").match


class NotRedis(TargetError):
    """What answered does not speak Redis's protocol; the message quotes how it began."""


def word(part: str | bytes | int) -> bytes:
    """One argument as bytes; text may hold bytes that are not UTF-8 as surrogates."""
    if isinstance(part, bytes):
        return part
    return str(part).encode(errors="surrogateescape")


def encode(commands: Iterable[Command]) -> bytes:
    """Requests, one behind the other."""
    pieces: list[bytes] = []
    for command in commands:
        pieces.append(b"*%d\r\n" % len(command))
        for part in command:
            data = part if type(part) is bytes else word(part)
            pieces += (b"$%d\r\n" % len(data), data, b"\r\n")
    return b"".join(pieces)


class Decoder:
    """Replies from bytes as they come. What was read once is not read again, however long a list takes to arrive."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0
        self._open: list[tuple[list[Reply], int]] = []  # lists begun, outermost first, and how long they will be

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._data += data

    def replies(self, most: int) -> list[Reply]:
        """The next whole replies, up to ``most`` of them. Raises ``NotRedis``."""
        found: list[Reply] = []
        while len(found) < most:
            line = _LINE(self._data, self._at)
            reply = self._cut() if line is None else self._read(line)
            if reply is _CUT:
                break
            while self._open and reply is not _BEGUN:
                items, length = self._open[-1]
                items.append(reply)
                reply = _BEGUN if len(items) < length else self._open.pop()[0]
            if reply is not _BEGUN:
                found.append(reply)
        del self._data[: self._at]
        self._at = 0
        return found

    def _read(self, match: re.Match[bytes]) -> Reply:
        """What begins with this line: a reply, ``_BEGUN`` where it is a list, ``_CUT`` where more bytes are needed."""
        kind, line = match.groups()
        try:
            if kind == b"$":
                return self._bulk(match.end(), int(line))
            self._at = match.end()
            if kind == b":":
                return int(line)
            if kind == b"*":
                return self._list(int(line))
        except ValueError:
            raise self._not_redis(match.start()) from None
        return bytes(line) if kind == b"+" else ReplyError(line.decode(errors="backslashreplace"))

    def _cut(self) -> Reply:
        began = self._data[self._at : self._at + 1]
        if began and began not in b"+-:$*":
            raise self._not_redis(self._at)
        return _CUT

    def _list(self, length: int) -> Reply:
        if length <= 0:
            return None if length < 0 else []
        if len(self._open) >= DEEPEST:
            raise self._not_redis(0)
        self._open.append(([], length))
        return _BEGUN

    def _bulk(self, at: int, size: int) -> Reply:
        if size < 0:
            self._at = at
            return None
        end = at + size
        if len(self._data) < end + 2:
            return _CUT
        self._at = end + 2
        return bytes(self._data[at:end])

    def _not_redis(self, at: int) -> NotRedis:
        began = bytes(self._data[at : at + 40])
        return NotRedis(f"what answers there does not speak Redis's protocol: {began!r}")
