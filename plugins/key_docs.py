"""What a TOML schema made of dataclasses documents about itself."""

from __future__ import annotations

import json
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any, NamedTuple

from plugins.decode import Table, Tables, keys_of
from plugins.place import dotted

if TYPE_CHECKING:
    from dataclasses import Field

    from plugins.place import Key


class KeyDoc(NamedTuple):
    """One key for the documentation."""

    key: str  # dotted, below the entry's own table
    legal: str
    default: str  # as TOML writes it; "required"; "" where nothing is the default
    doc: str


def describe(cls: type, above: Key = ()) -> list[KeyDoc]:
    """Every key that a dataclass reads, tables before what is in them."""
    described: list[KeyDoc] = []
    for name, (item, kind) in keys_of(cls).items():
        key = (*above, name)
        if isinstance(kind, Table):
            described += describe(kind.cls, key)
        elif isinstance(kind, Tables):
            described += describe(kind.table.cls, (*key, "GLOB"))
        else:
            described.append(KeyDoc(dotted(key), kind.legal, _default(item), item.metadata.get("doc", "")))
    return described


def tables_with(cls: type, name: str, above: Key = ()) -> list[str]:
    """The tables in which a key of this name belongs, dotted; "" is the entry's own."""
    tables = [dotted(above)] if name in keys_of(cls) else []
    for inner, (_item, kind) in keys_of(cls).items():
        if isinstance(kind, Table):
            tables += tables_with(kind.cls, name, (*above, inner))
        elif isinstance(kind, Tables):
            tables += tables_with(kind.table.cls, name, (*above, inner, "GLOB"))
    return tables


def _default(item: Field[Any]) -> str:
    if item.default is MISSING:
        return "required"
    return "" if item.default is None else json.dumps(item.default, ensure_ascii=False)
