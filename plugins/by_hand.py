"""What somebody has set by hand in a running Redis, and what ends with its process. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.units import shown, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugins.facts.drift import Loss as Changed
    from plugins.facts.startup import Startup

#: The user whom every Redis has, and what he may there as long as nobody has said otherwise.
DEFAULT = "default"
EVERYTHING = ("on", "~*", "+@all")
#: How many names a refusal lists.
_LISTED = 5


@dataclass(frozen=True)
class ByHand:
    """The names of directives and of ACL users that the next start would give other values, or not know."""

    directives: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    def refusal(self) -> str:
        """Why a fault that ends the process would harm the host; empty where it would not."""
        told = []
        if self.directives:
            mend = "CONFIG REWRITE, or write it into the Compose file"
            told.append(f"{_listed(self.directives)} set by hand, and would be lost: {mend}")
        if self.users:
            mend = "ACL SAVE or CONFIG REWRITE, or write it into the configuration"
            told.append(f"the ACL user {_listed(self.users)} set by hand, and would be lost: {mend}")
        return "; ".join(told)


def by_hand(
    changes: Iterable[Changed], users: Sequence[str] | None, startup: Startup | None, acl_file: bytes | None
) -> ByHand:
    """``users``: ACL LIST's lines; ``acl_file``: the ACL file's text, None where there is none, or it was not read.

    Of users nothing is said where it is not known with whom Redis starts.
    """
    directives = tuple(one.name for one in changes)
    if users is None or startup is None or startup.includes:
        return ByHand(directives)
    declared = {one.args[0] for one in startup.directives if one.name == "user" and one.args}
    filed = [line.split(b" ") for line in (acl_file or b"").splitlines()]
    declared |= {text_of(words[1]) for words in filed if words[0] == b"user" and len(words) > 1}
    made = []
    for line in users:
        words = line.split(" ")
        name = words[1] if len(words) > 1 else ""
        if name not in declared and not (name == DEFAULT and _untouched(words[2:])):
            made.append(name)
    return ByHand(directives, tuple(made))


def _untouched(rules: Sequence[str]) -> bool:
    """Whether these are the default user's own: a password, perhaps, and everything allowed."""
    return all(rule in rules for rule in EVERYTHING) and not any(rule.startswith("-") for rule in rules)


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:_LISTED]))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{listed}{more} {'was' if len(names) == 1 else 'were'}"
