"""What redis-cli reads and prints, as text: commands to lines, and its typed output (``--no-raw``) to replies. Pure.

The forms are those of its sources, versions 3 to 8 and Valkey's: ``"text"`` with escapes, ``(integer) 1``,
``(nil)``, ``(error) ERR …``, ``1) …`` with deeper ones indented, ``(empty array)`` (formerly ``list or set``), and a
status as bare text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plugins.target.model import ReplyError, TargetError
from plugins.target.resp import word

if TYPE_CHECKING:
    from plugins.target.model import Command, Reply

#: Commands whose replies redis-cli prints as they are, with nothing to tell where they end: by their first words.
AS_IS = (
    (b"info",),
    (b"lolwut",),
    (b"client", b"list"),
    (b"client", b"info"),
    (b"cluster", b"info"),
    (b"cluster", b"nodes"),
    (b"memory", b"doctor"),
    (b"memory", b"malloc-stats"),
    (b"latency", b"doctor"),
    (b"latency", b"graph"),
    (b"debug", b"htstats"),
    (b"debug", b"htstats-key"),
    (b"debug", b"client-eviction"),
    (b"proxy",),
)

ESCAPED = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("a"): 7, ord("b"): 8, ord("\\"): 92, ord('"'): 34}
PLAIN = frozenset(range(0x20, 0x7F)) - {ord('"'), ord("\\")}

#: A line that redis-cli adds where a command took half a second and more.
ELAPSED = re.compile(rb"\(\d+\.\d\ds\)\n?")
#: An error in the place of a reply that is printed as it is: one line that begins with a code.
BARE_ERROR = re.compile(rb"(\(error\) )?[A-Z]{3,} [^\n]*\n?")
ITEM = re.compile(rb" *(\d+)\) ")


class Unreadable(TargetError):
    """redis-cli printed something that is not its typed output; the message quotes it."""


def line(command: Command) -> bytes:
    r"""A command as one line of redis-cli's input: every argument in double quotes, odd bytes as ``\\xNN``."""
    return b" ".join(b'"' + b"".join(map(_escape, word(part))) + b'"' for part in command) + b"\n"


def _escape(byte: int) -> bytes:
    return bytes([byte]) if byte in PLAIN else b"\\x%02x" % byte


def is_as_is(command: Command) -> bool:
    """Whether redis-cli prints this command's reply without quoting it."""
    words = tuple(word(part).lower() for part in command[:2])
    return any(words[: len(prefix)] == prefix for prefix in AS_IS)


def batches(commands: list[Command]) -> list[list[Command]]:
    """Split so that a reply printed as it is comes last: there, the end of the output is its end."""
    split: list[list[Command]] = [[]]
    for command in commands:
        split[-1].append(command)
        if is_as_is(command):
            split.append([])
    return [batch for batch in split if batch]


def parse(output: bytes, batch: list[Command]) -> list[Reply]:
    """The replies to a batch. Raises ``Unreadable``."""
    reader = _Reader(output)
    replies: list[Reply] = []
    for command in batch:
        replies.append(reader.rest() if is_as_is(command) else reader.reply(0))
        reader.skip_elapsed()
    if reader.at < len(output):
        raise reader.unreadable()
    return replies


def _scalar(text: bytes) -> Reply:
    """A reply of one line."""
    if text == b"(nil)":
        return None
    if text.startswith(b"(integer) "):
        return int(text[10:])
    if text.startswith(b"(error) "):
        return ReplyError(text[8:].decode(errors="backslashreplace"))
    return [] if text.startswith(b"(empty ") else text


class _Reader:
    """A place in redis-cli's output."""

    def __init__(self, output: bytes) -> None:
        self.output = output
        self.at = 0

    def unreadable(self) -> Unreadable:
        """The error that quotes what stands here."""
        return Unreadable(f"redis-cli's output cannot be read at: {self.output[self.at : self.at + 80]!r}")

    def skip_elapsed(self) -> None:
        """Skip the line that says how long a slow command took."""
        if match := ELAPSED.match(self.output, self.at):
            self.at = match.end()

    def rest(self) -> Reply:
        """Everything to the end, as one text, or an error."""
        text = re.sub(rb"\(\d+\.\d\ds\)\n\Z", b"", self.output[self.at :])
        self.at = len(self.output)
        if BARE_ERROR.fullmatch(text):
            return ReplyError(text.decode(errors="backslashreplace").strip().removeprefix("(error) "))
        return text

    def reply(self, indent: int) -> Reply:
        """One reply; ``indent`` is how far an array's further items stand to the right."""
        if ITEM.match(self.output, self.at):
            return self._array(indent)
        if self.output.startswith(b'"', self.at):
            return self._string()
        return _scalar(self._line())

    def _line(self) -> bytes:
        end = self.output.find(b"\n", self.at)
        if end < 0:
            raise self.unreadable()
        text = self.output[self.at : end]
        self.at = end + 1
        return text

    def _array(self, indent: int) -> list[Reply]:
        """Items, numbered from 1; all numbers of one array are as wide as its last."""
        items: list[Reply] = []
        width = 0
        while match := ITEM.match(self.output, self.at):
            if int(match[1]) != len(items) + 1 or (items and match.end() - match.start() != indent + width):
                break
            if not items:
                width = match.end() - match.start()
            self.at = match.end()
            items.append(self.reply(indent + width))
        if not items:
            raise self.unreadable()
        return items

    def _string(self) -> bytes:
        """A quoted string and the end of its line."""
        data = bytearray()
        at = self.at + 1
        while at < len(self.output):
            byte = self.output[at]
            if byte == ord('"'):
                if self.output[at + 1 : at + 2] != b"\n":
                    break
                self.at = at + 2
                return bytes(data)
            if byte == ord("\\"):
                at += self._escaped(at + 1, data)
            else:
                data.append(byte)
            at += 1
        raise self.unreadable()

    def _escaped(self, at: int, data: bytearray) -> int:
        """Add the byte that is escaped at ``at``; how many bytes its escape took."""
        kind = self.output[at : at + 1]
        if kind == b"x":
            try:
                data.append(int(self.output[at + 1 : at + 3], 16))
            except ValueError:
                raise self.unreadable() from None
            return 3
        if not kind or kind[0] not in ESCAPED:
            raise self.unreadable()
        data.append(ESCAPED[kind[0]])
        return 1
