"""What INFO answered: text lines into fields. Values are foreign text and stay as they were sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.units import shown, text_of, whole
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)


@dataclass(frozen=True)
class Info:
    """INFO's fields by section, names in lower case as Redis writes them (source: the INFO command)."""

    sections: Mapping[str, Mapping[str, str]]

    @property
    def product(self) -> str:
        """``Redis 7.0.15``, ``Valkey 9.1.2``: who answered, with its own version."""
        server = self.sections.get("server", {})
        name = server.get("server_name", "redis")
        version = server.get(f"{name}_version", server.get("redis_version", "of unknown version"))
        return f"{name.capitalize()} {version}"

    @property
    def compatibility(self) -> tuple[int, ...]:
        """The Redis version whose behaviour the server follows: ``(7, 2, 4)`` for every Valkey."""
        return tuple(int(part) for part in re.findall(r"[0-9]{1,9}", self.text("redis_version"), re.ASCII))

    def text(self, field: str) -> str:
        """One field's value. Raises ``NotApplicable`` where this version reports no such field."""
        for fields in self.sections.values():
            if field in fields:
                return fields[field]
        raise NotApplicable(f"{self.product} reports no {field} in INFO")

    def get(self, field: str, otherwise: str) -> str:
        """One field's value for a message that can do without it."""
        try:
            return self.text(field)
        except NotApplicable:
            return otherwise

    def number(self, field: str) -> int:
        """A whole number. Raises ``NotApplicable`` as ``text`` does, ``Unjudged`` where it is none."""
        return whole(self.text(field), f"INFO {field}")

    def ratio(self, field: str) -> float:
        """A decimal number. Raises likewise."""
        value = self.text(field)
        if _NUMBER.fullmatch(value) is None:
            raise Unjudged(f"INFO {field} reads {shown(value)}, which is not a number")
        return float(value)

    def section(self, name: str) -> Mapping[str, str]:
        """A whole section, perhaps empty. Raises ``NotApplicable`` where this version has none."""
        if name not in self.sections:
            raise NotApplicable(f"{self.product} has no section {name} in INFO")
        return self.sections[name]


def parse_info(raw: bytes) -> Info:
    """Read INFO's reply. Lines end in CRLF; what is neither a heading nor ``name:value`` is passed over.

    Where a name comes twice in a section the first one counts: a value that smuggled in a line of its own
    cannot overwrite what Redis said before it.
    """
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] = sections.setdefault("", {})
    for line in raw.split(b"\n"):
        content = text_of(line.removesuffix(b"\r"))
        if content.startswith("# "):
            current = sections.setdefault(content[2:].strip().lower(), {})
        elif ":" in content:
            name, _, value = content.partition(":")
            current.setdefault(name, value)
    return Info(sections)


def figures(value: str, what: str) -> dict[str, int]:
    """The whole numbers of a field like ``calls=3,usec=12,usec_per_call=4.00``; decimals are left out.

    Raises ``Unjudged`` naming ``what`` where no number is found at all.
    """
    pairs = (part.partition("=") for part in value.split(","))
    found = {name: whole(number, what) for name, _, number in pairs if re.fullmatch(r"[0-9]+", number, re.ASCII)}
    if not found:
        raise Unjudged(f"{what} reads {shown(value)}, which holds no figures")
    return found
