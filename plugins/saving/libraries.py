"""The libraries of functions that a Redis holds beside its keys (since 7.0), and that end with a process as they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.saving.asking import Refused, ask, refusal
from plugins.target.model import ReplyError

if TYPE_CHECKING:
    from plugins.facts.info import Info
    from plugins.target.model import Command, Reply, Wire

#: The oldest server that has them.
SINCE = (7,)
#: Refused for what it lacks, where it would be taken; it changes nothing.
_EMPTY: Command = ("FUNCTION", "LOAD", "")


def names(wire: Wire, info: Info) -> frozenset[str] | None:
    """What they are called; None where that cannot be asked. Raises ``TargetError``."""
    if info.compatibility < SINCE:
        return None
    (reply,) = wire.ask([("FUNCTION", "LIST")])
    if not isinstance(reply, list):
        return None
    return frozenset(_of(one, b"library_name").decode(errors="backslashreplace") for one in reply)


def loading(wire: Wire, info: Info, *, timeout_s: float) -> list[Command]:
    """What puts each back, unless it is there: its source, for a dump of all would be refused where one is.

    Raises ``Refused`` where they may not be read or put back, and ``TargetError``.
    """
    if info.compatibility < SINCE:
        return []
    (listed,) = ask(wire, 0, [("FUNCTION", "LIST", "WITHCODE")], timeout_s=timeout_s)
    found: list[Command] = [("FUNCTION", "LOAD", _of(one, b"library_code")) for one in _listed(listed)]
    if found:
        (reply,) = wire.ask([_EMPTY], timeout_s=timeout_s)
        if isinstance(reply, ReplyError) and reply.code == "NOPERM":
            raise Refused(refusal(_EMPTY, reply), reply.code)
    return found


def _listed(reply: Reply) -> list[Reply]:
    if not isinstance(reply, list):
        raise Refused("FUNCTION LIST did not answer with libraries")
    return reply


def _of(library: Reply, field: bytes) -> bytes:
    """One field of a library, in a list of names and values. Raises ``Refused``."""
    words = _listed(library)
    for name, value in zip(words[::2], words[1::2], strict=False):
        if name == field and isinstance(value, bytes):
            return value
    raise Refused("FUNCTION LIST did not answer with names and sources")
