"""One connection is killed by its ID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import register
from plugins.faults.clients import BackendClientKill, kill, victims

if TYPE_CHECKING:
    from plugins.fault import Hands, Scene
    from plugins.inventory import Host


@dataclass(frozen=True)
class ClientKillOne(BackendClientKill):
    """The backend's oldest connection, which is likely to be in use."""

    name: ClassVar[str] = "client_kill_one"
    outage: ClassVar[str] = "none but for the backend's command that is under way on that connection"

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        return (f"to Redis of {host.redis_service}: CLIENT LIST", "CLIENT KILL ID OLDEST-OF-THE-BACKEND")

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        kill(hands, victims(scene, hands)[:1])


register(ClientKillOne())
