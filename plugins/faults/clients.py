"""What the faults on connections have in common: who is connected, whose connection it is, and what a kill answered.

``CLIENT KILL`` has no filter for an address without its port, and its old form takes nothing but ``ip:port``: a client
is killed by its ID, and all of one address by one kill each. No ID is given twice, so who is gone stays gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from plugins.facts.clients import parse_clients
from plugins.fault import Evidence, Loss
from plugins.target.model import SUITE_NAME, ReplyError, TargetError
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugins.facts.clients import Client
    from plugins.fault import Hands, Means, Scene
    from plugins.target.model import Command, Container, Reply

LIST: Command = ("CLIENT", "LIST")

#: How many clients the kills reached; beside it, ``Hands.seen`` has the ID of each that was meant.
KILLED = "killed"


class ClientKill:
    """The usual answers of a fault that ends connections: nothing to recover, nothing to undo, nothing lost."""

    family: ClassVar[str] = "client_kill"
    window: ClassVar[str] = "client_kill"
    loss: ClassVar[Loss] = Loss.NOTHING
    sections: ClassVar[tuple[str, ...]] = ("Kill Connections",)

    def takes(self, namespace: bytes) -> bool:
        """Nothing is taken away on purpose."""
        del namespace
        return False

    def recover(self, scene: Scene, hands: Hands) -> None:
        """Whoever was disconnected has to connect again by itself."""

    def undo(self, scene: Scene, means: Means) -> tuple[tuple[str, ...], ...]:
        """Nothing: a connection cannot be given back."""
        del scene, means
        return ()

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The kills were answered with a number, and none of the clients that were meant is there any more."""
        del scene
        killed = hands.seen.get(KILLED, 0)
        left = [one for one in connected(hands) if str(one.id) in hands.seen]
        shown = {"killed": str(killed), "left": "; ".join(one.describe() for one in left) or "none"}
        return Evidence(killed > 0 and not left, shown)


class BackendClientKill(ClientKill):
    """The usual answers where the clients are the backend's."""

    def unavailable(self, scene: Scene) -> str:
        """The backend must have connections, and they must be known for its own."""
        if not scene.backends:
            return "the inventory names no backend (backend_service) whose connections could be killed"
        if not any(backend.addresses for backend in scene.backends):
            return "the backend has no address of its own: its connections cannot be told from others'"
        return "" if of_one_backend(scene.backends, scene.clients) else NO_CONNECTION


NO_CONNECTION = "the backend holds no connection to Redis: there is nothing to kill"


def connected(hands: Hands) -> tuple[Client, ...]:
    """Everybody who is connected, oldest first. Raises ``TargetError``."""
    return listed(answered(hands, LIST)[0])


def listed(reply: Reply) -> tuple[Client, ...]:
    """CLIENT LIST's answer, oldest first. Raises ``TargetError``."""
    try:
        found = parse_clients(reply if isinstance(reply, bytes) else b"")
    except Unjudged as error:
        raise TargetError(error.reason) from error
    return tuple(sorted(found, key=lambda one: one.id))


def victims(scene: Scene, hands: Hands) -> tuple[Client, ...]:
    """The connections of one backend as they are now. Raises ``NotApplicable`` where there are none any more."""
    found = of_one_backend(scene.backends, connected(hands))
    if not found:
        raise NotApplicable(NO_CONNECTION)
    return found


def of_one_backend(backends: Sequence[Container], clients: Iterable[Client]) -> tuple[Client, ...]:
    """The connections of the first backend that has any, oldest first; never the suite's own, nor a replica's."""
    there = [one for one in clients if not (one.new or one.name.startswith(SUITE_NAME) or one.replicates)]
    for backend in backends:
        found = sorted((one for one in there if one.ip in backend.addresses), key=lambda one: one.id)
        if found:
            return tuple(found)
    return ()


def kill(hands: Hands, clients: Sequence[Client]) -> None:
    """One kill by ID each, in one trip, and how many they reached. Raises ``TargetError``."""
    replies = answered(hands, *(("CLIENT", "KILL", "ID", one.id) for one in clients))
    hands.seen.update({str(one.id): 1 for one in clients})
    hands.seen[KILLED] = sum(reply for reply in replies if isinstance(reply, int))


def answered(hands: Hands, *commands: Command) -> list[Reply]:
    """The replies. Raises ``TargetError`` for the first error among them."""
    return checked(commands, hands.redis(*commands))


def checked(commands: Sequence[Command], replies: list[Reply]) -> list[Reply]:
    """The replies to these commands. Raises ``TargetError`` for the first error among them."""
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, ReplyError):
            raise TargetError(f"Redis refuses {' '.join(map(str, command[:2]))}: {reply}")
    return replies
