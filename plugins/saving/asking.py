"""Redis asked in one of its databases, and what its refusals mean. No key's name gets into the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.facts.info import parse_info
from plugins.target.model import ReplyError, TargetError
from plugins.target.resp import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.facts.info import Info
    from plugins.target.model import Command, Reply, Wire

#: Of Redis's words, so many characters are told.
_TOLD = 200


class Refused(TargetError):
    """Redis refused a command (``code``: its error's first word), or answered what it should not."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


def ask(
    wire: Wire, database: int, commands: Sequence[Command], *, timeout_s: float, atomically: bool = False
) -> list[Reply]:
    """All commands in one trip, a reply each. ``atomically``: no other client is served in between.

    The database is chosen anew in each trip, for a connection may be a new one. Raises ``Refused`` where Redis refuses
    a command, and ``TargetError`` as ``Wire.ask``.
    """
    chosen: list[Command] = [("SELECT", database), *commands]
    sent = [("MULTI",), *chosen, ("EXEC",)] if atomically else chosen
    replies = wire.ask(sent, timeout_s=timeout_s)
    _none_refused(sent, replies)
    if atomically:
        done = replies[-1]
        if not isinstance(done, list) or len(done) != len(chosen):
            raise Refused("EXEC did not answer with a reply for each command")
        _none_refused(chosen, done)
        replies = done
    return replies[1:]


def information(wire: Wire, *, timeout_s: float) -> Info:
    """INFO. Raises ``Refused`` and ``TargetError``."""
    (reply,) = wire.ask([("INFO",)], timeout_s=timeout_s)
    if isinstance(reply, ReplyError):
        raise Refused(refusal(("INFO",), reply), reply.code)
    if not isinstance(reply, bytes):
        raise Refused("INFO did not answer with text")
    return parse_info(reply)


def refusal(command: Command, error: ReplyError) -> str:
    """A refused command in words: its name without its arguments, and Redis's reason as far as it names no key."""
    words = [word(part).decode(errors="replace") for part in command[:2]]
    name = " ".join(words if words[0] in ("CLIENT", "MEMORY") else words[:1])
    if error.code == "NOPERM":
        return f"{name} was refused (NOPERM): the ACL user may not use it, or not on every key"
    return f"{name} was refused: {str(error).partition(', with args')[0][:_TOLD]}"


def _none_refused(commands: Sequence[Command], replies: Sequence[Reply]) -> None:
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, ReplyError):
            raise Refused(refusal(command, reply), reply.code)
