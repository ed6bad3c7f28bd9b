"""Log lines as records: cleaned, and joined where one record takes several lines. Pure.

A Python traceback belongs to the line that announced it, chained ones included; an indented line belongs to
what it continues. Whatever a container wrote is hostile text: bounded, and without escape sequences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from plugins.target.model import LogRecord

_HEAD, _TAIL = 8192, 2048  # characters of a line that are kept
_LINES = 400  # of a record: the first and the last half of a longer one
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_FRAME = re.compile(r"[\s|]{1,200}File \\{0,3}\"")
_INLINE_BREAK = re.compile(r"\\{1,3}n")  # in a traceback that is a string of JSON
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Part(Enum):
    """Where in a traceback a record's last line is."""

    NONE = 0
    FRAMES = 1  # the exception's own line is still to come
    ENDED = 2  # a chained traceback may follow
    CHAINED = 3  # its announcement was seen


@dataclass(frozen=True)
class Record:
    """One whole record: when and where it began, and its lines."""

    at: datetime
    stream: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The record as one text."""
        return "\n".join(self.lines)

    @property
    def has_traceback(self) -> bool:
        """Whether it carries a Python traceback."""
        return any(_TRACEBACK in line for line in self.lines)

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The unindented lines: announcement and exceptions, without frames."""
        return tuple(line for line in self.lines if line and not line[0].isspace() and _TRACEBACK not in line)

    @property
    def told(self) -> str:
        """The record as one text without the frames of its tracebacks, which name whatever a request goes through."""
        return "\n".join(self._parted[0])

    @property
    def frames(self) -> tuple[str, ...]:
        """The lines of its tracebacks' frames, the innermost of the last one at the end."""
        return self._parted[1]

    @cached_property
    def _parted(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if not self.has_traceback:
            return self.lines, ()
        told: list[str] = []
        frames: list[str] = []
        depth: int | None = None
        for line in (part for whole in self.lines for part in _INLINE_BREAK.split(whole)):
            indent = len(line) - len(line.lstrip(" \t|"))
            if _FRAME.match(line):
                depth = indent
            elif depth is not None and indent < depth:
                depth = None
            (told if depth is None else frames).append(line)
        return tuple(told), tuple(frames)


def clean(text: str) -> str:
    """One line without escape sequences and control characters, its middle cut out where it is too long."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]} … {text[-_TAIL:]}"
    if text.isprintable():
        return text.rstrip()
    return _CONTROL.sub("", _ESCAPES.sub("", text)).rstrip()


@dataclass
class _Open:
    """A record that may go on. Without ``whole`` its beginning was not seen."""

    at: datetime
    stream: str
    lines: list[str] = field(default_factory=list)
    part: _Part = _Part.NONE

    def takes(self, line: str) -> bool:
        """Whether the line continues this record."""
        if not line:
            return self.part is not _Part.NONE
        if line[0].isspace() or _TRACEBACK in line:
            return _TRACEBACK not in line or self.part in {_Part.NONE, _Part.CHAINED} or line[0].isspace()
        return self.part is _Part.FRAMES or (self.part is _Part.ENDED and line.startswith(_CHAINED))

    def add(self, line: str) -> None:
        """Take the line in."""
        if _TRACEBACK in line:
            self.part = _Part.FRAMES
        elif line.startswith(_CHAINED):
            self.part = _Part.CHAINED
        elif line and not line[0].isspace() and self.part is _Part.FRAMES:
            self.part = _Part.ENDED
        self.lines.append(line)
        if len(self.lines) > _LINES:
            del self.lines[_LINES // 2]

    def closed(self) -> Record:
        """The record as it stands."""
        return Record(self.at, self.stream, tuple(self.lines))


def join(lines: Iterable[LogRecord]) -> tuple[Record, ...]:
    """Whole records, in the order in which they began; each stream is joined by itself."""
    records: list[_Open] = []
    last: dict[str, _Open] = {}
    for line in lines:
        text = clean(line.text)
        current = last.get(line.stream)
        if current is None or not current.takes(text):
            if not text:
                continue
            current = last[line.stream] = _Open(line.at, line.stream)
            records.append(current)
        current.add(text)
    return tuple(record.closed() for record in records)
