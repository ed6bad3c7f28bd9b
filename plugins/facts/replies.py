"""The replies of one batch by question; a refused one says why and what would let it be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.causes import EXEC_PING
from plugins.facts.units import shown, text_of
from plugins.target.model import ReplyError
from plugins.verdict import Blocked, NotApplicable, NotJudged, Unjudged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.target.model import Command, Reply

#: All that a look at Redis asks, in one trip. INFO stands between two DBSIZEs so that they can be compared.
QUESTIONS: Mapping[str, Command] = {
    "ping": ("PING",),
    "whoami": ("ACL", "WHOAMI"),
    "dbsize_before": ("DBSIZE",),
    # "all" is cheap, and the same in Redis 6.2 to 8 and Valkey; "everything" would also ask modules.
    "info": ("INFO", "all"),
    "dbsize_after": ("DBSIZE",),
    "time": ("TIME",),
    "config": ("CONFIG", "GET", "*"),
    "client_id": ("CLIENT", "ID"),
    "clients": ("CLIENT", "LIST"),
    "slowlog": ("SLOWLOG", "GET", 128),
    "acl": ("ACL", "LIST"),
}
_CONTAINER_COMMANDS = frozenset({"ACL", "CLIENT", "CONFIG", "SLOWLOG", "MEMORY"})


def permission(command: Command) -> str:
    """What an ACL needs for a command: ``+config|get``."""
    words = [str(word).lower() for word in command[:2]]
    return "+" + ("|".join(words) if words[0].upper() in _CONTAINER_COMMANDS else words[0])


def name_of(command: Command) -> str:
    """The command in words, without its arguments: ``CONFIG GET``."""
    return permission(command)[1:].replace("|", " ").upper()


def refusal(command: Command, error: ReplyError, user: str | None = None) -> NotJudged:
    """Why a command's answer cannot be had, as the verdict that follows from it."""
    name, said = name_of(command), shown(str(error), limit=200)
    lowered = str(error).lower()
    if error.code == "NOPERM":
        who = f"the ACL user {shown(user)}" if user is not None else "the ACL user"
        if "access" in lowered and "key" in lowered:
            return Unjudged(f"{who} may not use {name} on this key: grant its pattern, as ~* ({said})")
        return Unjudged(f"{who} may not run {name}: grant {permission(command)} ({said})")
    if "unknown subcommand" in lowered:
        return NotApplicable(f"this server has no {name} ({said})")
    if "unknown command" in lowered:
        return Unjudged(f"{name} was renamed or disabled on this server ({said})")
    return Unjudged(f"{name} was refused: {said}")


@dataclass(frozen=True)
class Replies:
    """A reply to each of ``QUESTIONS``."""

    by_question: Mapping[str, Reply]

    @classmethod
    def of(cls, replies: Sequence[Reply]) -> Replies:
        """The batch's replies in the order of ``QUESTIONS``. Raises ``ValueError`` for another number of them."""
        return cls(dict(zip(QUESTIONS, replies, strict=True)))

    @property
    def user(self) -> str | None:
        """The ACL user that asked; None where even that may not be known."""
        reply = self.by_question["whoami"]
        return text_of(reply) if isinstance(reply, bytes) else None

    @property
    def errors(self) -> Mapping[str, ReplyError]:
        """The questions that were refused."""
        return {name: reply for name, reply in self.by_question.items() if isinstance(reply, ReplyError)}

    def any(self, question: str) -> Reply:
        """A reply that is no error.

        Raises ``Blocked`` where PING met the same error (Redis is loading, busy, or wants a password), else
        ``Unjudged`` or ``NotApplicable`` with the missing permission or what else keeps the answer away.
        """
        reply, ping = self.by_question[question], self.by_question["ping"]
        if not isinstance(reply, ReplyError):
            return reply
        if isinstance(ping, ReplyError) and ping.code == reply.code != "NOPERM":
            raise Blocked(EXEC_PING, shown(str(ping), limit=200))
        raise refusal(QUESTIONS[question], reply, self.user)

    def raw(self, question: str) -> bytes:
        """A reply that is a string. Raises as ``any`` does, and ``Unjudged`` for another type."""
        reply = self.any(question)
        if not isinstance(reply, bytes):
            raise self._unlike(question, reply)
        return reply

    def number(self, question: str) -> int:
        """A reply that is a number. Raises likewise."""
        reply = self.any(question)
        if not isinstance(reply, int):
            raise self._unlike(question, reply)
        return reply

    def items(self, question: str) -> list[Reply]:
        """A reply that is a list. Raises likewise."""
        reply = self.any(question)
        if not isinstance(reply, list):
            raise self._unlike(question, reply)
        return reply

    @staticmethod
    def _unlike(question: str, reply: Reply) -> Unjudged:
        return Unjudged(f"{name_of(QUESTIONS[question])} answered {shown(repr(reply))}, which is not its form")
