"""A host on which faults are really done: a target, the means, and the scene before a fault."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plugins.eventually import eventually
from plugins.facts.clients import parse_clients
from plugins.facts.info import parse_info
from plugins.fault import Deed, Scene
from plugins.faults.clients import of_one_backend
from plugins.hands import LiveHands
from plugins.target.means import means_of
from plugins.target.model import TargetError
from plugins.target.open import open_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from plugins.fault import Means
    from plugins.inventory import Host
    from plugins.target.model import Command, Completed, Container, Reply
    from plugins.target.open import Target

#: Seconds for Redis and the backend to be well again.
WELL_S = 20.0


@dataclass
class Arena:
    """One host, as an experiment would use it."""

    target: Target
    means: Means
    deeds: list[Deed] = field(default_factory=list)

    def redis(self) -> Container:
        """Redis's container as it is now."""
        (only,) = self.target.stack.containers(self.target.host.redis_service)
        return only

    def ask(self, *commands: Command) -> list[Reply]:
        """Ask Redis over a connection of its own."""
        wire = self.target.wire(self.redis())
        try:
            return wire.ask(commands)
        finally:
            wire.close()

    def scene(self) -> Scene:
        """What is there now: all well, and the backend connected."""
        backends = self.backends()
        info, listed = eventually(
            self._connected,
            lambda replies: isinstance(replies[1], bytes) and bool(of_one_backend(backends, parse_clients(replies[1]))),
            what="Redis answers, and the backend is connected to it",
            within_s=WELL_S,
            catch=(TargetError,),
            describe=lambda replies: str(replies[1]),
        )
        assert isinstance(info, bytes)
        assert isinstance(listed, bytes)
        found = parse_info(info)
        return Scene(
            host=self.target.host,
            redis=self.redis(),
            backends=backends,
            run_id=found.text("run_id"),
            version=found.text("redis_version"),
            clients=parse_clients(listed),
        )

    def backends(self) -> tuple[Container, ...]:
        """The backend's containers as they are now."""
        return self.target.stack.containers(self.target.host.backend_service or "")

    def _connected(self) -> list[Reply]:
        self.target.readiness()  # the backend connects when it is asked for Redis
        return self.ask(("INFO", "server"), ("CLIENT", "LIST"))

    def hands(self, scene: Scene) -> LiveHands:
        """Hands for one fault."""
        return LiveHands(self.target, scene.redis, self.means, journal=self.deeds.append)

    def proven(self, scene: Scene) -> bool:
        """Whether the means' own proof says that Redis runs."""
        return self.run(self.means.proof(scene.redis)).exit_code == 0

    def run(self, argv: tuple[str, ...]) -> Completed:
        """Run a command on the host."""
        return self.target.shell.run(argv, timeout_s=30)


@contextmanager
def arena(host: Host, environ: Mapping[str, str], supervisor: Path | None = None) -> Iterator[Arena]:
    """The host opened for faults, for a ``with`` block."""
    target = open_target(host, supervisor=supervisor, environ=environ)
    try:
        target.shell.open()
        target.stack.containers(host.redis_service)
        yield Arena(target, means_of(target, supervisor))
    finally:
        target.close()


def well(there: Arena) -> bool:
    """Whether Redis answers and can be written to. Raises ``TargetError``."""
    return there.ask(("PING",), ("SET", "well", "1", "PX", 1000)) == [b"PONG", b"OK"]


def await_well(there: Arena) -> None:
    """Return once it is well. Raises ``NotInTime``."""
    eventually(lambda: well(there), what="Redis is well", within_s=WELL_S, catch=(TargetError,))
