"""What is legal in an inventory beyond a value's type: rules as types, with the reason in each objection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlsplit

from plugins.decode import Rule
from plugins.durability import Durability
from plugins.place import VARIABLE_NAME, toml_word, variable_fault

if TYPE_CHECKING:
    from plugins.place import Place

_LONGEST_WINDOW_S = 86_400
_LONGEST_TTL_S = 10 * 365 * 86_400
_HIGHEST_PORT = 65_535
_PERCENT = range(2, 101)
_LONGEST_NAME_BYTES = 100
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_POLICY = re.compile(r"noeviction\Z|(allkeys|volatile)-[a-z]+\Z")
_HOST_NAME = re.compile(r"\w[\w.-]*\Z")
#: What variables are called, and next to no password is.
_CONVENTIONAL = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\Z")
_WHY_UNSHOWN = "(not shown: it may be the secret itself)"
_UNSHOWN = f"the value {_WHY_UNSHOWN}"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _objection_to_option(text: str) -> str | None:
    return 'starts with "-", which would be taken for an option' if text.startswith("-") else None


def _objection_to_destination(text: str) -> str | None:
    if _UNPRINTABLE.search(text):
        return "holds a control character, as a newline, which no destination has"
    address = text.removeprefix("ssh://")
    if any(part.startswith("-") for part in (text, address, address.rpartition("@")[2])):
        return 'has a part that starts with "-", which OpenSSH would take for an option'
    user, _, host = address.rpartition("@")
    if ":" in user:
        return "holds a password, which OpenSSH does not take, and a secret has no place in a file"
    return None if host and not address.startswith("@") else "lacks a user or a host"


def _objection_to_seconds(longest: float, seconds: float) -> str | None:
    return None if 0 < seconds <= longest else "is out of range"


def _objection_to_share(share: float) -> str | None:
    if 0 < share <= 1:
        return None
    meant = f", which may be percent: write {share / 100:g}" if share in _PERCENT else ""
    return f"is out of range{meant}"


def _objection_to_program(argv: tuple[str, ...]) -> str | None:
    return f"starts with an option, not with a program: {argv[0]}" if argv[0].startswith("-") else None


def _objection_to_url(text: str) -> str | None:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        return f"is not an address: {error}"
    if _UNPRINTABLE.search(text) or " " in text:
        return "holds a blank or a control character"
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        return "is not an http or https address with a host"
    if "@" in url.netloc:
        return "holds a user or a password, which would reach a command line"
    return None


def _objection_to_durability(text: str) -> str | None:
    try:
        Durability.parse(text)
    except ValueError:
        return "is no declaration of durability"
    return None


class VariableOf(NamedTuple):
    """The name of a variable that is set. What stands in its place is not repeated: it may be the secret itself."""

    legal: str

    def read(self, raw: object, place: Place) -> object:
        """The name, as it stands there."""
        if not isinstance(raw, str):
            raise place.problem(f"{_UNSHOWN} is {toml_word(raw)}", self.legal)
        if not VARIABLE_NAME.match(raw):
            raise place.problem(f"{_UNSHOWN} is not a variable's name", self.legal)
        called = raw if _CONVENTIONAL.match(raw) else f"that it names {_WHY_UNSHOWN}"
        if fault := variable_fault(raw, place.environ, called=called):
            raise place.problem(fault, self.legal)
        return raw


def objection_to_host_name(name: str) -> str | None:
    """Why an entry cannot have this name, if so: it becomes part of a folder's name and of ``--host``."""
    if name == "twin":
        return "is reserved: --host twin is the disposable host that the suite itself brings up"
    if "," in name:
        return "has a comma, which is reserved for several hosts"
    if not _HOST_NAME.match(name) or len(name.encode()) > _LONGEST_NAME_BYTES:
        return "cannot be part of a folder's name"
    return None


HOST_NAME = "letters, digits, dot, dash and underscore, starting with a letter or a digit, and not twin"

Seconds = Annotated[
    float,
    Rule(
        f"seconds, more than 0 and at most {_LONGEST_WINDOW_S}", lambda s: _objection_to_seconds(_LONGEST_WINDOW_S, s)
    ),
]
LongSeconds = Annotated[
    float, Rule("seconds, more than 0 and at most ten years", lambda s: _objection_to_seconds(_LONGEST_TTL_S, s))
]
Share = Annotated[float, Rule("a share of 1, more than 0 and at most 1", _objection_to_share)]
Multiple = Annotated[
    float, Rule("a number, 1 or more", lambda number: None if number >= 1 else "is out of range: less than once")
]
Port = Annotated[
    int,
    Rule(
        f"a whole number from 1 to {_HIGHEST_PORT}",
        lambda port: None if 1 <= port <= _HIGHEST_PORT else "is out of range",
    ),
]
Destination = Annotated[
    str,
    Rule('a destination as OpenSSH takes it: "user@host", an alias, "ssh://user@host:port"', _objection_to_destination),
]
NoOption = Annotated[str, Rule('a string that does not start with "-"', _objection_to_option)]
Program = Annotated[tuple[str, ...], Rule("an array of strings, a program and its arguments", _objection_to_program)]
Project = Annotated[
    str,
    Rule(
        "lower-case letters, digits, dash and underscore, starting with a letter or a digit",
        lambda name: None if _PROJECT.match(name) else "is no name that Compose gives a project",
    ),
]
Policy = Annotated[
    str,
    Rule(
        '"noeviction", or "allkeys-" or "volatile-" with lru, lfu, random or ttl',
        lambda policy: None if _POLICY.match(policy) else "is no maxmemory-policy",
    ),
]
Persistence = Annotated[
    str,
    Rule(
        '"none", or any of "appendfsync always|everysec|no" and "save SECONDS CHANGES …" with a comma between',
        _objection_to_durability,
    ),
]
Url = Annotated[
    str, Rule('an address such as "https://staging.example.com/api/v1/ready", without a user', _objection_to_url)
]
VariableName = Annotated[str, VariableOf("the name of an environment variable that is set, or no such key at all")]
