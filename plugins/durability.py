"""What the inventory's ``durability`` may say.

One or more clauses, separated by commas:

- ``none``: neither append-only file nor snapshots; stands alone;
- ``appendfsync always``, ``appendfsync everysec``, ``appendfsync no``: an append-only file, written through so;
- ``save 900 1 60 10000``: snapshots after so many seconds with so many changes, pairs of both in any order.

What no clause speaks of may be as it likes: ``appendfsync everysec`` allows snapshots besides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FSYNC = ("always", "everysec", "no")
_LEGAL = 'say "none", or any of "appendfsync always|everysec|no" and "save SECONDS CHANGES …" with a comma between'


def save_points(text: str) -> frozenset[tuple[int, int]]:
    """``900 1 60 10000`` as pairs of seconds and changes. Raises ``ValueError`` for what is not pairs of numbers."""
    # Eighteen digits are far beyond any time or count, and short enough to convert.
    words = text.split()
    if len(words) % 2 or not all(re.fullmatch(r"[0-9]{1,18}", word, re.ASCII) for word in words):
        raise ValueError(f"{text!r} is not pairs of seconds and changes")
    numbers = [int(word) for word in words]
    return frozenset(zip(numbers[::2], numbers[1::2], strict=True))


@dataclass(frozen=True)
class Durability:
    """A declared durability; None: that half is not declared."""

    appendfsync: str | None = None  # always, everysec, no; "off": no append-only file
    save: frozenset[tuple[int, int]] | None = None  # seconds, changes; empty: no snapshots

    @classmethod
    def parse(cls, text: str) -> Durability:
        """Read a declaration. Raises ``ValueError`` with what is legal."""
        clauses = [" ".join(clause.lower().split()) for clause in text.split(",")]
        if clauses == ["none"]:
            return cls("off", frozenset())
        found: dict[str, str] = {}
        for clause in clauses:
            name, _, value = clause.partition(" ")
            if name in found or not _legal(name, value):
                raise ValueError(f"durability {text!r}: {clause!r} is not a clause, or comes twice; {_LEGAL}")
            found[name] = value
        save = found.get("save")
        return cls(found.get("appendfsync"), None if save is None else save_points(save))

    def unlike(self, *, appendonly: str, appendfsync: str, save: str) -> tuple[str, ...]:
        """In which points live settings (as CONFIG GET gives them) are not what is declared."""
        live = appendfsync if appendonly == "yes" else "off"
        points = save_points(save)
        differences = []
        if self.appendfsync is not None and live != self.appendfsync:
            differences.append(f"append-only file {_aof(live)}, declared {_aof(self.appendfsync)}")
        if self.save is not None and points != self.save:
            differences.append(f"{_rdb(points)}, declared {_rdb(self.save)}")
        return tuple(differences)


def _legal(name: str, value: str) -> bool:
    if name == "appendfsync":
        return value in _FSYNC
    try:
        return name == "save" and bool(save_points(value))
    except ValueError:
        return False


def _aof(fsync: str) -> str:
    return "off" if fsync == "off" else f"with appendfsync {fsync}"


def _rdb(points: frozenset[tuple[int, int]]) -> str:
    pairs = " ".join(f"{seconds} {changes}" for seconds, changes in sorted(points, reverse=True))
    return f"save {pairs}" if pairs else "no snapshots"
