"""Figures and foreign text as a person reads them: sizes, shares, spans, and keys that may hold anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from plugins.verdict import Unjudged

_SIZE = re.compile(r"(-?[0-9]+)(b|k|kb|m|mb|g|gb)?", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30}
_KIB = 1024
#: No counter, time or size of Redis has more digits; longer ones are not figures but an attack on the parser.
MAX_DIGITS = 40


def text_of(raw: bytes) -> str:
    r"""Bytes as text, kept verbatim; what is not UTF-8 shows as ``\xNN``."""
    return raw.decode(errors="backslashreplace")


def shown(raw: bytes | str, *, limit: int = 80) -> str:
    """A key or name in quotes on one line: control characters escaped, at most ``limit`` characters."""
    text = raw if isinstance(raw, str) else text_of(raw)
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return '"' + "".join(_escaped(char) for char in cut) + '"'


def _escaped(char: str) -> str:
    if char == '"':
        return '\\"'
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def size(count: int) -> str:
    """A number of bytes in binary units: ``512 B``, ``1.5 MiB``."""
    amount, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while abs(amount) >= _KIB and len(units) > 1:
        amount /= _KIB
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def span(seconds: float) -> str:
    """A length of time: ``0.8 s``, ``12 min``, ``3.0 h``, ``2.5 d``."""
    for unit, length, digits in (("d", 86_400, 1), ("h", 3_600, 1), ("min", 60, 0)):
        if abs(seconds) >= 2 * length:
            return f"{seconds / length:.{digits}f} {unit}"
    return f"{seconds:.3g} s"


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 key``, ``3 keys``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def parse_size(text: str) -> int | None:
    """A size as redis.conf writes it, in bytes: ``256mb`` is binary, ``256m`` decimal. None: not a size."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or len(found[1]) > MAX_DIGITS:
        return None
    return int(found[1]) * _FACTORS[(found[2] or "").lower()]


def whole(text: str, what: str) -> int:
    """A whole number as Redis writes it. Raises ``Unjudged`` naming ``what`` was read."""
    if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII) is None or len(text) > MAX_DIGITS:
        raise Unjudged(f"{what} reads {shown(text)}, which is not a whole number")
    return int(text)


def instant(seconds: float, what: str) -> datetime:
    """A Unix time as a date. Raises ``Unjudged`` naming ``what`` where no calendar holds it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise Unjudged(f"{what} reads {seconds}, which is not a time") from None


def clock(at: datetime) -> str:
    """An instant for humans, in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
