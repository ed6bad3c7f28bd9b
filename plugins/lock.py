"""The lock of a Compose project on its host, and what earlier runs have left there: words and plain data.

The lock is held by the watcher that a run starts on the host (see ``lease``): who has no watcher holds nothing, so
nothing is left to be broken, neither by a crash nor by a reboot.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.undo import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Shared by all users of a host, and kept over a reboot.
BASE = "/var/tmp/runbook-suite"  # noqa: S108 - the host's scripts refuse one that somebody could tamper with

#: What a run's folder may be called; another's is none of ours.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Dirty(Exception):
    """The host is not free for a run: exit 11."""


class Held(Dirty):
    """Another run holds the lock; the message says who, since when."""


class Owed(Dirty):
    """Nobody holds the lock, but an undo is owed; the message says which, by whom, and what to do."""


class CannotLock(Exception):
    """No lock can be taken there, the message says why: exit 12."""


class NoLease(Exception):
    """The host cannot keep a watcher, the message says why: no fault may be injected. Exit 12."""


class LeaseFired(Exception):
    """The lease ran out during the run, or may have: what the experiment measured does not count."""


@dataclass(frozen=True)
class Entry:
    """What one run has left on the host. Its words are the host's: hostile text."""

    run: str
    owner: str = ""  # the host's user
    mine: bool = False  # it is this user's, so it can be recovered by him
    alive: bool = False  # its watcher lives, and holds the lock
    owed: bool = False
    fired: bool = False  # its lease has run out
    undone: bool = False  # and its watcher has undone what was owed, and proven it
    seen: bool = False  # which was told
    holder: str = ""
    about: str = ""  # what is, or was, to be undone
    healed: str = ""  # how its lease ended by itself
    failed: str = ""

    def __str__(self) -> str:
        """One sentence."""
        who = f"run {self.run} ({self.holder or self.owner})"
        if self.alive:
            return f"{who}{', whose lease has run out and is undoing,' if self.fired else ''} holds the lock"
        if self.owed:
            failed = f"; {self.failed}" if self.failed else ""
            return f"{who} left without undoing: {self.about or 'its fault'}{failed}"
        if self.undone:
            return f"{who} left without undoing: {self.about or 'its fault'}; its lease did: {self.healed}"
        return f"{who} left without giving the lock back: {self.healed}"


def entries(text: str) -> tuple[Entry, ...]:
    """What ``look.sh`` printed. Raises ``CannotLock`` with the host's reason."""
    refused, _, why = text.partition(" ")
    if refused == "refused":
        raise CannotLock(why.strip())
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        if word == "run":
            found.append({})
        found[-1][word] = value
    return tuple(_entry(one) for one in found if NAME.fullmatch(one["run"]))


def _entry(said: dict[str, str]) -> Entry:
    words = {key: one_line(said.get(key, "")) for key in ("run", "owner", "holder", "about", "healed", "failed")}
    flags = {key: key in said for key in ("mine", "alive", "owed", "fired", "undone", "seen")}
    return Entry(**words, **flags)  # type: ignore[arg-type]  # names of fields, each with its type


def holder(left: Sequence[Entry]) -> Entry | None:
    """Who holds the lock."""
    return next((one for one in left if one.alive), None)


def debts(left: Sequence[Entry]) -> tuple[Entry, ...]:
    """What is owed: by the dead, and by watchers that fired and have not succeeded so far."""
    return tuple(one for one in left if one.owed and (one.fired or not one.alive))


def told(left: Sequence[Entry]) -> tuple[Entry, ...]:
    """What leases did and nobody has reported yet; of those that had nothing to undo, that they ran out."""
    return tuple(one for one in left if one.healed and not (one.owed or one.seen or one.alive))


def refuse(left: Sequence[Entry]) -> None:
    """Raise ``Held`` or ``Owed`` where a run may not begin."""
    if (by := holder(left)) is not None:
        raise Held(str(by))
    if owed := debts(left):
        others = sorted({one.owner for one in owed if not one.mine})
        whose = f", as the host's user {', '.join(others)}" if others else ""
        raise Owed(f"{'; '.join(map(str, owed))}. Undo it with --recover{whose}")


def project_name(engine_id: str, project: str) -> str:
    """The name of a project's folder: the same for all its users, whatever the names hold."""
    return hashlib.sha256(f"{engine_id}\0{project}".encode(errors="surrogateescape")).hexdigest()[:16]
