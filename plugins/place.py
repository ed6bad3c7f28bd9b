"""Where a value of a TOML file stands: its key, its environment, and what can be wrong with it, in words."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Key = tuple[str | int, ...]

#: ``$${`` is a literal ``${``; ``${NAME}`` is expanded; an unclosed ``${`` is a problem.
_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)(?P<close>\}?)")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_LONGEST_SHOWN = 80
#: What may hold a secret in ``https://user:password@host`` and ``user:password@host``; either may hold "@", too.
_LOGIN = re.compile(r"(://|:).*@", re.DOTALL)


class Problem(NamedTuple):
    """One thing that is wrong: where, what, and what would be right."""

    key: Key
    wrong: str
    legal: str

    def __str__(self) -> str:
        """One line of a message: the dotted key, what is wrong, what is legal."""
        return f"{dotted(self.key)}: {self.wrong}; legal: {self.legal}"


class Problems(Exception):
    """Everything that is wrong with a value and with what is inside it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Place(NamedTuple):
    """Where a value stands, and the world in which it is read."""

    key: Key
    folder: Path  # relative local paths are relative to it
    environ: Mapping[str, str]

    def inside(self, name: str | int) -> Place:
        """The place of the key ``name`` of this table, or of an element of this array."""
        return self._replace(key=(*self.key, name))

    def problem(self, wrong: str, legal: str) -> Problems:
        """The one thing that is wrong here, ready to raise."""
        return Problems([Problem(self.key, wrong, legal)])

    def local_path(self, text: str) -> Path:
        """A path on this machine: ``~`` expanded, else relative to the inventory's folder."""
        home = self.environ.get("HOME")
        if home and (text == "~" or text.startswith("~/")):
            return Path(home + text[1:])
        return self.folder / os.path.expanduser(text)  # noqa: PTH111 - Path's raises for an unknown user

    def expand(self, text: str, legal: str) -> str:
        """``text`` with each ``${VAR}`` replaced from the environment, once: values are not expanded again.

        Raises ``Problems`` that names every variable that cannot be had.
        """
        faults: list[str] = []

        def value(match: re.Match[str]) -> str:
            if match["name"] is None:
                return "${"
            fault = self._fault(match["name"], closed=bool(match["close"]))
            if fault:
                faults.append(fault)
            return "" if fault else self.environ[match["name"]]

        expanded = _VARIABLE.sub(value, text)
        if faults:
            raise self.problem(f"in {shown(text)} " + " and ".join(dict.fromkeys(faults)), legal)
        return expanded

    def _fault(self, name: str, *, closed: bool) -> str | None:
        if not closed:
            return 'a "${" is never closed (a literal one is written "$${")'
        if not VARIABLE_NAME.match(name):
            return f'{shown(name)} is not the name of a variable (a literal "${{" is written "$${{")'
        return variable_fault(name, self.environ)


def variable_fault(name: str, environ: Mapping[str, str], *, called: str = "") -> str | None:
    """Why the variable cannot be used, if so; ``called``: what to write for its name.

    CI systems hand in a secret that does not exist as an empty string.
    """
    if name not in environ:
        return f"the environment variable {called or name} is not set"
    if not environ[name]:
        return f"the environment variable {called or name} is empty"
    if any("\ud800" <= character <= "\udfff" for character in environ[name]):
        return f"the environment variable {called or name} is not UTF-8"
    return None


def dotted(key: Key) -> str:
    """The key as TOML writes it: parts that are not bare words are quoted, elements of arrays in brackets."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.match(part) else quoted(part))
    return text


def quoted(text: str) -> str:
    """Text in double quotes on one line, everything unprintable escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def shown(raw: object) -> str:
    """A raw value for a message: short, on one line, as it is in the file, its variables not expanded.

    Who logs in is left out of an address: it may be a password, or a token.
    """
    if isinstance(raw, str):
        text = quoted(_LOGIN.sub(r"\1***@", raw))
    elif isinstance(raw, bool):
        text = str(raw).lower()
    elif isinstance(raw, int) and raw.bit_length() > _LONGEST_SHOWN:
        return "a number of very many digits"  # which str() may refuse to write
    elif isinstance(raw, dict | list):
        text = "it"
    else:
        text = str(raw)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def toml_word(raw: object) -> str:
    """What TOML calls the type of a raw value."""
    words = {bool: "a boolean", int: "a whole number", float: "a number", str: "a string"}
    return {**words, list: "an array", dict: "a table"}.get(type(raw), "a date or a time")
