"""All connections from one address are killed, by one kill each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import register
from plugins.faults.clients import BackendClientKill, kill, victims

if TYPE_CHECKING:
    from plugins.fault import Hands, Scene
    from plugins.inventory import Host


@dataclass(frozen=True)
class ClientKillBackend(BackendClientKill):
    """The address is the backend's; of several replicas, that of the first which is connected."""

    name: ClassVar[str] = "client_kill_backend"
    outage: ClassVar[str] = "the backend has no Redis until it has connected again; at once, unless it waits first"

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        return (f"to Redis of {host.redis_service}: CLIENT LIST", "CLIENT KILL ID EACH-OF-THE-BACKEND, in one trip")

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        kill(hands, victims(scene, hands))


register(ClientKillBackend())
