"""All normal connections are killed at once: everybody's, the suite's probes' too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import register
from plugins.faults.clients import KILLED, ClientKill, answered, listed

if TYPE_CHECKING:
    from plugins.fault import Hands, Scene
    from plugins.inventory import Host
    from plugins.target.model import Command

#: Who is there, who asks, and the kill, which spares the asker.
TRIP: tuple[Command, ...] = (
    ("CLIENT", "LIST", "TYPE", "normal"),
    ("CLIENT", "ID"),
    ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
)


@dataclass(frozen=True)
class ClientKillNormal(ClientKill):
    """Replicas and subscribers are of other types and stay."""

    name: ClassVar[str] = "client_kill_normal"
    outage: ClassVar[str] = "every client has no Redis until it has connected again; at once, unless it waits first"

    def unavailable(self, scene: Scene) -> str:
        """Somebody is always connected: the suite's own probes are."""
        del scene
        return ""

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        first, *others = (" ".join(map(str, command)) for command in TRIP)
        return (f"to Redis of {host.redis_service}: {first}", *others)

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        found, own, killed = answered(hands, *TRIP)
        hands.seen.update({str(one.id): 1 for one in listed(found) if one.id != own})
        hands.seen[KILLED] = killed if isinstance(killed, int) else 0


register(ClientKillNormal())
