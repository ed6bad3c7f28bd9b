"""An inspection as a plain table for a terminal. Keys and values are foreign text: nothing in them moves a cursor."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

from plugins.facts.units import plural, size, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugins.keys import InspectedKey, Inspection
    from plugins.target.model import Reply

_HEADINGS = ("key", "type", "time to live", "size", "elements", "preview")
_NAME_WIDTH = 100
_ELEMENT_BYTES = 60
_PREVIEW_WIDTH = 200


def render(inspection: Inspection) -> str:
    """The table of the keys, and below it how they were found."""
    if not inspection.keys:
        return _summary(inspection)
    rows = [_HEADINGS, *(_row(key) for key in inspection.keys)]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    lines = ["  ".join([*map(_padded, row, widths), row[-1]]).rstrip() for row in rows]
    return "\n".join([*lines, "", _summary(inspection)])


def _row(key: InspectedKey) -> tuple[str, ...]:
    unit = "byte" if key.type == "string" else "entry"
    return (
        shown(key.name, limit=_NAME_WIDTH),
        _escaped(key.type),
        _expiry(key.ttl_s),
        "?" if key.size_bytes is None else size(key.size_bytes),
        "" if key.elements is None else plural(key.elements, unit, "entries" if unit == "entry" else None),
        f"({_escaped(key.withheld)})" if key.withheld else _cut(_preview(key), _PREVIEW_WIDTH),
    )


def _expiry(ttl_s: float | None) -> str:
    if ttl_s is None:
        return "?"
    return "never expires" if ttl_s == math.inf else span(ttl_s)


def _summary(inspection: Inspection) -> str:
    pattern, count = shown(inspection.pattern, limit=_NAME_WIDTH), len(inspection.keys)
    if inspection.examined is None:
        found = f"{pattern}: {'one key of this name' if count else 'no such key'}"
    elif inspection.more:
        found = f"{pattern}: more than {count} keys match; these are the first that were found"
    else:
        found = f"{pattern}: {plural(count, 'match', 'matches')}"
    how = f"{found} ({inspection.via}, {span(inspection.took_s)})"
    if not inspection.cut:
        return how
    of = "" if inspection.keyspace is None else f" of {inspection.keyspace}"
    return f"{how}\nTime was up after about {inspection.examined}{of} keys: there may be more."


def _preview(key: InspectedKey) -> str:
    """The preview as redis-cli would quote it, with a sign where something was left out."""
    if isinstance(key.preview, bytes):
        left_out = key.elements is not None and key.elements > len(key.preview)
        return shown(key.preview) + ("…" if left_out else "")
    if not isinstance(key.preview, list):
        return ""
    parts = list(_parts(key.type, key.preview))
    return ", ".join(parts) + (", …" if (key.elements or 0) > len(parts) else "")


def _parts(kind: str, replies: Sequence[Reply]) -> Iterable[str]:
    """One text for each element: pairs for hashes, scores for sorted sets, fields for streams."""
    if kind == "hash":
        return sorted(f"{_element(name)}: {_element(value)}" for name, value in _pairs(replies))
    if kind == "zset":
        return (f"{_element(member)} ({_bare(score)})" for member, score in _pairs(replies))
    if kind == "stream":
        return map(_entry, replies)
    return sorted(map(_element, replies)) if kind == "set" else map(_element, replies)


def _entry(reply: Reply) -> str:
    match reply:
        case [bytes(identifier), [*fields]]:
            return f"{_bare(identifier)} " + " ".join(f"{_element(k)}={_element(v)}" for k, v in _pairs(fields))
    return _element(reply)


def _pairs(flat: Sequence[Reply]) -> Iterable[tuple[Reply, Reply]]:
    return zip(flat[::2], flat[1::2], strict=False)


def _element(reply: Reply) -> str:
    return shown(reply, limit=_ELEMENT_BYTES) if isinstance(reply, bytes) else _bare(reply)


def _bare(reply: Reply) -> str:
    return _escaped(reply.decode(errors="backslashreplace") if isinstance(reply, bytes) else str(reply))


def shown(raw: bytes, *, limit: int | None = None) -> str:
    r"""Bytes in double quotes on one line, as redis-cli writes them: what is not printable text as ``\xNN``."""
    cut = raw if limit is None else raw[:limit]
    # Escape backslashes and quotes first, so that what stands for a byte cannot be confused with what is one.
    text = cut.replace(b"\\", b"\\\\").replace(b'"', b'\\"').decode(errors="backslashreplace")
    return f'"{_escaped(text)}"' + ("…" if len(cut) < len(raw) else "")


def _escaped(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _width(text: str) -> int:
    """Columns on a terminal: none for combining characters, two for wide ones."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
