"""What Compose starts Redis with: the container's command line and the configuration file that it names."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.units import shown, text_of
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SERVERS = frozenset({"redis-server", "valkey-server"})
#: The official images' entry point; it puts the server's name before flags and configuration files.
_ENTRYPOINT = "docker-entrypoint.sh"
_SHELLS = frozenset({"sh", "ash", "bash", "dash"})
_SHELL_SYNTAX = frozenset(";&|<>()`\n")
_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}


@dataclass(frozen=True)
class Directive:
    """One directive and its arguments; None: a value that only the container's shell knows."""

    name: str
    args: tuple[str, ...] | None
    one_word: bool = False  # all arguments were one word of the command line

    @property
    def value(self) -> str | None:
        """The arguments as CONFIG GET would join them."""
        return None if self.args is None else " ".join(self.args)


@dataclass(frozen=True)
class Startup:
    """The directives in the order in which Redis reads them: the file's first, then the command line's."""

    directives: tuple[Directive, ...]
    source: str

    @property
    def includes(self) -> bool:
        """A further file is read, which we have not seen."""
        return any(directive.name == "include" for directive in self.directives)


def config_path(argv: Sequence[str]) -> str | None:
    """The configuration file that a command line names, as the container sees it; None: it names none.

    Raises ``Unjudged`` when the command line is not one of redis-server.
    """
    args = _server_args(argv)
    return args[0] if args and not args[0].startswith("--") else None


def parse_startup(argv: Sequence[str], config_text: bytes | None = None) -> Startup:
    """Read a container's command line, and the text of the configuration file when it names one.

    Raises ``Unjudged`` for a command line that is not redis-server's (a shell script, another entry point) and
    for a file that was not read or is no configuration.
    """
    path, args = config_path(argv), _server_args(argv)
    if path is None:
        return Startup(tuple(_flags(args)), "the command line")
    if path == "-":
        raise Unjudged("Redis reads its configuration from standard input, which cannot be read again")
    if config_text is None:
        raise Unjudged(f"the configuration file {shown(path)} inside the container could not be read")
    return Startup((*_file(config_text), *_flags(args[1:])), f"{shown(path)} and the command line")


def _server_args(argv: Sequence[str]) -> tuple[str, ...]:
    words = tuple(argv)
    for index, word in enumerate(words):
        base = word.rpartition("/")[2]
        if base in _SERVERS:
            return words[index + 1 :]
        if base == _ENTRYPOINT and words[index + 1 :] and words[index + 1].endswith(".conf"):
            return words[index + 1 :]
        if base == _ENTRYPOINT and words[index + 1 :] and words[index + 1].startswith("-"):
            return words[index + 1 :]
        if base in _SHELLS and len(words) > index + 2 and words[index + 1] == "-c":
            return _server_args(_simple_command(words[index + 2]))
    raise Unjudged("the container's command line is not redis-server's, so what it starts with is unknown")


def _simple_command(script: str) -> tuple[str, ...]:
    """The words of a shell script that is one plain command; variables stay as they are written."""
    try:
        words = tuple(shlex.split(script.strip().removeprefix("exec ")))
    except ValueError:
        words = ()
    if not words or _SHELL_SYNTAX & set(script.strip()) or words[0] in _SHELLS:
        raise Unjudged("the container starts Redis through a shell script, so what it starts with is unknown")
    return words


def _flags(args: Sequence[str]) -> Iterator[Directive]:
    """``--save 60 1 --appendonly yes``: a directive runs to the next ``--``; Redis reads no ``--name=value``."""
    name, values = "", list[str]()
    for arg in (*args, "--"):
        if not arg.startswith("--"):
            values.append(arg)
            continue
        if name:
            yield _directive(name, values)
        name, values = arg[2:], []


def _file(raw: bytes) -> Iterator[Directive]:
    """redis.conf: a directive a line, ``#`` for comments at a line's start."""
    for line in text_of(raw).splitlines():
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        words = split_words(content)
        if words is None:
            raise Unjudged(
                f"the configuration file holds unbalanced quotes in its directive {shown(content.split()[0])}"
            )
        yield Directive(words[0].lower(), tuple(words[1:]))


def _directive(name: str, values: Sequence[str]) -> Directive:
    unknown = any("$" in value for value in values)
    # Redis 7 takes several arguments as one word; --save "" stays one empty argument, as does a quoted '""'.
    words = ["" if word in ('""', "''") else word for value in values for word in (value.split() or [value])]
    return Directive(name.lower(), None if unknown else tuple(words), one_word=len(values) == 1)


def split_words(line: str) -> list[str] | None:
    r"""Split a line as Redis does: words, ``'…'`` and ``"…"`` with ``\n`` and ``\xHH``. None: unbalanced quotes.

    Source: sdssplitargs in Redis's sds.c; the shell's own rules differ in escapes.
    """
    words: list[str] = []
    rest = line.lstrip()
    while rest:
        word, rest_or_none = _word(rest)
        if rest_or_none is None:
            return None
        words.append(word)
        rest = rest_or_none.lstrip()
    return words


def _word(text: str) -> tuple[str, str | None]:
    """The first word of a text, and what follows it; None: a quote was not closed, or ran into a word."""
    collected, index, quote = "", 0, ""
    while index < len(text):
        char = text[index]
        if quote and char == quote:
            follows = text[index + 1 :]
            return collected, follows if not follows or follows[0].isspace() else None
        if not quote and char.isspace():
            break
        if not quote and char in "\"'":
            quote, index = char, index + 1
            continue
        piece, width = _piece(text[index:], quote)
        collected, index = collected + piece, index + width
    return collected, None if quote else text[index:]


def _piece(text: str, quote: str) -> tuple[str, int]:
    """One character of a word, an escape within quotes counting as one, and how long it is written."""
    if quote == '"' and (coded := _HEX.match(text)):
        return chr(int(coded[1], 16)), len(coded[0])
    if quote == '"' and text[0] == "\\" and len(text) > 1:
        return _ESCAPES.get(text[1], text[1]), 2
    if quote == "'" and text.startswith("\\'"):
        return "'", 2
    return text[0], 1
