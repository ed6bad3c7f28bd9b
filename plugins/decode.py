"""From TOML to frozen dataclasses: one reader driven by their type hints, which also says what is legal.

Every hint becomes a ``Kind``, which reads a raw value and describes itself. Problems are collected, not raised one
by one, so that a person mends a file in one go. ``${VAR}`` is expanded here, after the TOML was parsed: the value of
a variable can never become syntax.

The kinds are named tuples, since every run imports this: making a frozen dataclass takes a millisecond.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from plugins.place import Place, Problem, Problems, quoted, shown, toml_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: Metadata of the field that takes the name of its table: ``glob`` in ``[patterns."session:*"]``.
TABLE_NAME = {"from": "table name"}


def doc(sentence: str) -> dict[str, str]:
    """Metadata of a field: its sentence in the inventory's documentation, with the unit where there is one."""
    return {"doc": sentence}


class Rule(NamedTuple):
    """What a value must be beyond its type; ``objection`` ends a sentence about a value that is not, or is ``None``."""

    legal: str
    objection: Callable[[Any], str | None]


class Kind(Protocol):
    """How values of one type are read and described."""

    @property
    def legal(self) -> str:
        """What is legal, in words."""
        ...

    def read(self, raw: object, place: Place) -> object:
        """The value. Raises ``Problems``."""
        ...


class Scalar(NamedTuple):
    """A value of one of TOML's simple types."""

    types: tuple[type, ...]  # exact types: true is not a number
    legal: str
    convert: Callable[[Any, Place, str], object]

    def read(self, raw: object, place: Place) -> object:
        """The converted value."""
        if type(raw) not in self.types:
            raise place.problem(f"{shown(raw)} is {toml_word(raw)}", self.legal)
        return self.convert(raw, place, self.legal)


def _as_it_is(raw: object, _place: Place, _legal: str) -> object:
    return raw


def _number(raw: float, place: Place, legal: str) -> float:
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise place.problem(f"{shown(raw)} is not finite", legal)
    if number < 0:
        raise place.problem(f"{shown(raw)} is negative", legal)
    return number


def _whole(raw: int, place: Place, legal: str) -> int:
    _number(raw, place, legal)
    return raw


def read_text(raw: str, place: Place, legal: str) -> str:
    """A string, its variables expanded. Raises ``Problems`` where nothing or a NUL is left."""
    text = place.expand(raw, legal)
    if not text:
        raise place.problem("it is empty", legal)
    if "\0" in text:
        raise place.problem(f"{shown(raw)} holds a NUL, which no command line can carry", legal)
    return text


def _file(raw: str, place: Place, legal: str) -> Path:
    path = place.local_path(read_text(raw, place, legal))
    if not path.is_file():
        raise place.problem(f"there is no file {quoted(str(path))}", legal)
    return path


_SCALARS: dict[object, Kind] = {
    bool: Scalar((bool,), "true or false", _as_it_is),
    int: Scalar((int,), "a whole number, 0 or more", _whole),
    float: Scalar((int, float), "a number, 0 or more", _number),
    str: Scalar((str,), "a string that is not empty", read_text),
    Path: Scalar((str,), "a file on this machine, relative to the inventory's folder", _file),
}


class Choice(NamedTuple):
    """One of a few words."""

    choices: Mapping[str, object]

    @property
    def legal(self) -> str:
        """The words, quoted."""
        return " or ".join(quoted(word) for word in self.choices)

    def read(self, raw: object, place: Place) -> object:
        """What the word stands for."""
        if not isinstance(raw, str):
            raise place.problem(f"{shown(raw)} is {toml_word(raw)}", self.legal)
        word = place.expand(raw, self.legal)
        if word not in self.choices:
            raise place.problem(f"{shown(raw)} is not one of them", self.legal)
        return self.choices[word]


class Array(NamedTuple):
    """An array with at least one element, all of one kind."""

    element: Kind

    @property
    def legal(self) -> str:
        """What its elements may be."""
        return f"an array, not empty, each {self.element.legal}"

    def read(self, raw: object, place: Place) -> object:
        """A tuple of the elements."""
        if not isinstance(raw, list):
            raise place.problem(f"{shown(raw)} is {toml_word(raw)}", self.legal)
        if not raw:
            raise place.problem("it is empty", self.legal)
        return _each((self.element, item, place.inside(index)) for index, item in enumerate(raw))


class Ruled(NamedTuple):
    """A kind with a rule on top."""

    kind: Kind
    rule: Rule

    @property
    def legal(self) -> str:
        """What the rule says."""
        return self.rule.legal

    def read(self, raw: object, place: Place) -> object:
        """The value, unless the rule objects to it."""
        try:
            value = self.kind.read(raw, place)
        except Problems as inner:
            raise Problems(
                [one._replace(legal=self.legal) if one.key == place.key else one for one in inner.problems]
            ) from None
        if objection := self.rule.objection(value):
            raise place.problem(f"{shown(raw)} {objection}", self.legal)
        return value


class Table(NamedTuple):
    """A table whose keys are known: a dataclass."""

    cls: type

    @property
    def legal(self) -> str:
        """Its keys."""
        return "a table with the keys " + ", ".join(keys_of(self.cls))

    def read(self, raw: object, place: Place) -> object:
        """An instance of the dataclass; a field marked ``TABLE_NAME`` takes the table's own name."""
        if not isinstance(raw, dict):
            raise place.problem(f"{shown(raw)} is {toml_word(raw)}", self.legal)
        keys = keys_of(self.cls)
        problems = [unknown_key(place.inside(name), tuple(keys)) for name in raw if name not in keys]
        problems += [
            Problem((*place.key, name), "it is missing and required", kind.legal)
            for name, (item, kind) in keys.items()
            if name not in raw and item.default is MISSING and item.default_factory is MISSING
        ]
        given = [name for name in keys if name in raw]
        values = _each(((keys[name][1], raw[name], place.inside(name)) for name in given), problems)
        named = {
            item.name: place.expand(str(place.key[-1]), "a table's name")
            for item in fields(self.cls)
            if _is_table_name(item)
        }
        return self.cls(**named, **dict(zip(given, values, strict=True)))


class Tables(NamedTuple):
    """Tables of one kind, each under a name of the user's choice."""

    table: Table

    @property
    def legal(self) -> str:
        """What each of them is."""
        return f"tables by name, each {self.table.legal}"

    def read(self, raw: object, place: Place) -> object:
        """A tuple of them in the file's order."""
        if not isinstance(raw, dict):
            raise place.problem(f"{shown(raw)} is {toml_word(raw)}", self.legal)
        return _each((self.table, item, place.inside(name)) for name, item in raw.items())


def _each(parts: Iterable[tuple[Kind, object, Place]], known: Sequence[Problem] = ()) -> tuple[object, ...]:
    """All values. Raises ``Problems`` with those that are ``known`` and every other one there is."""
    values: list[object] = []
    problems = [*known]
    for kind, raw, place in parts:
        try:
            values.append(kind.read(raw, place))
        except Problems as inner:
            problems.extend(inner.problems)
    if problems:
        raise Problems(problems)
    return tuple(values)


def unknown_key(place: Place, legal: tuple[str, ...]) -> Problem:
    """The problem of a key that nobody knows, with what was probably meant."""
    return Problem(place.key, f"unknown key{did_you_mean(str(place.key[-1]), legal)}", ", ".join(legal))


def did_you_mean(given: str, legal: Iterable[str]) -> str:
    """The end of a message about a name that nobody knows: what was probably meant, empty where nothing comes near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only an error needs it; a gate should not pay for it

    close = get_close_matches(given, legal, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _is_table_name(item: Field[Any]) -> bool:
    return "from" in item.metadata


@cache
def keys_of(cls: type) -> Mapping[str, tuple[Field[Any], Kind]]:
    """The keys that a dataclass reads from its table, in the order of its fields."""
    hints = get_type_hints(cls, include_extras=True)
    return {item.name: (item, kind_of(hints[item.name])) for item in fields(cls) if not _is_table_name(item)}


def kind_of(hint: Any) -> Kind:
    """How values with this type hint are read. Raises ``TypeError`` for a hint that TOML cannot fill."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (hint,) = (part for part in inner if part is not NoneType)
        return kind_of(hint)
    if origin is Annotated:
        kind = kind_of(inner[0])
        for note in inner[1:]:
            kind = Ruled(kind, note) if isinstance(note, Rule) else note  # a kind of its own
        return kind
    if origin is Literal:
        return Choice({word: word for word in inner})
    if origin is tuple:
        element = kind_of(inner[0])
        return Tables(element) if isinstance(element, Table) else Array(element)
    return _plain_kind(hint)


def _plain_kind(hint: Any) -> Kind:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Choice({member.value: member for member in hint})
    if isinstance(hint, type) and is_dataclass(hint):
        return Table(hint)
    raise TypeError(f"no value of a TOML file can become {hint!r}")
