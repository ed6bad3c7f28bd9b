"""Which way a container's Redis is asked: the first address that answers a connection, else its own client."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from plugins.target.local import named
from plugins.target.model import ForwardingRefused, TargetError, TimedOut
from plugins.target.redis import WireRedis, addresses
from plugins.target.roads import Deadline
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from plugins.inventory import Host
    from plugins.target.model import Command, Container, Endpoint, Reply, Stack, Wire
    from plugins.target.redis import Login
    from plugins.target.roads import Road, Roads

#: Seconds for an address to connect in, where others can be tried: one that is filtered never refuses.
CONNECT_TIMEOUT_S = 1.0


class ChosenWire:
    """See ``model.Wire``. Chooses at the first question, and keeps to what once connected."""

    def __init__(  # noqa: PLR0913 - what a way is made of
        self,
        shell: Roads,
        stack: Stack,
        container: Container,
        host: Host,
        login: Login,
        *,
        note: Callable[[str], None],
    ) -> None:
        self._shell = shell
        self._container = container
        self._login = login
        self._note = note
        self._stack = stack
        self._host = host
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._failures: tuple[TargetError, ...] | None = None

    @property
    def via(self) -> str:
        """The way in words."""
        return self._wire.via if self._wire is not None else f"a way to {self._container.name} not chosen yet"

    @property
    def detour(self) -> tuple[TargetError, ...] | None:
        """Where Redis is asked inside its container: what went wrong with each address. None: over the network."""
        return self._failures

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """See ``model.Wire``."""
        deadline = Deadline(timeout_s, f"Redis in {self._container.name}")
        wire = self._chosen(deadline)
        try:
            return wire.ask(commands, timeout_s=deadline.left())
        except TargetError:
            if self._failures is not None:
                self._wire = None  # Redis may only be down: the addresses get their chance again
            raise

    def speaks_tls(self, timeout_s: float) -> bool:
        """Whether Redis takes a TLS handshake where it is asked over the network. Never raises."""
        return isinstance(self._wire, WireRedis) and self._wire.speaks_tls(timeout_s)

    def close(self) -> None:
        """Close the connection. Never raises."""
        if self._wire is not None:
            self._wire.close()

    def _chosen(self, deadline: Deadline) -> Wire:
        with self._lock:
            if self._wire is None:
                self._wire = self._choose(deadline)
            return self._wire

    def _choose(self, deadline: Deadline) -> Wire:
        """Connect to the addresses in turn; a connection is proof enough, and nothing was asked twice."""
        failures: list[TargetError] = []
        wire = self._connected(deadline, failures)
        self._failures = None if wire is not None else tuple(failures)
        if wire is not None:
            return wire
        if any(isinstance(failure, ForwardingRefused) for failure in failures):
            self._note("the SSH server forbids forwarding: Redis is asked by redis-cli through docker exec")
        elif failures and self._container.running:
            self._note(f"Redis is asked by redis-cli through docker exec: {failures[0]}")
        return self._inside()

    def _connected(self, deadline: Deadline, failures: list[TargetError]) -> Wire | None:
        """The first address that connects; ``failures`` gets what went wrong with the others.

        One that hangs may only be distant or busy: it, and those after it, are then given half of what is left, all
        at once. Who takes so long to connect to takes as long again to answer, and so does the client inside.
        """
        port = self._host.redis_port
        routed = not self._shell.is_here or sys.platform == "linux"
        places = addresses(self._container, port, routed=routed)
        for index, there in enumerate(places):
            wire = self._wire_to(there)
            try:
                wire.connect(min(CONNECT_TIMEOUT_S, deadline.left()))
            except TimedOut as error:
                known = addresses(self._container, port, routed=routed and self._routes())
                patient = [one for one in places[index:] if one in known]
                if there not in patient:
                    failures.append(error)
                return first_connected([self._wire_to(one) for one in patient], deadline.left() / 2, failures)
            except TargetError as error:
                failures.append(error)
            else:
                return wire
        return None

    def _routes(self) -> bool:
        """Whether the host routes to its containers' addresses, as all engines see to but rootless ones."""
        try:
            return not self._stack.engine().rootless
        except (TargetError, Unreachable):
            return True  # then it takes a moment longer to see

    def _wire_to(self, there: Endpoint) -> WireRedis:
        return WireRedis(f"wire {named(there)}", self._dialling(there), self._login)

    def _inside(self) -> Wire:
        from plugins.target.redis_cli import RedisCli  # noqa: PLC0415 - hardly any host needs it

        return RedisCli(self._stack, self._container, self._host, self._login)

    def _dialling(self, there: Endpoint) -> Callable[[float], Road]:
        return lambda timeout_s: self._shell.dial(there, timeout_s=timeout_s)


def first_connected(wires: Sequence[WireRedis], timeout_s: float, failures: list[TargetError]) -> WireRedis | None:
    """The first of these to connect within ``timeout_s`` seconds, all trying at once; None: ``failures`` says why."""
    pool = ThreadPoolExecutor(max(1, len(wires)), thread_name_prefix="the way to Redis")
    trying = {pool.submit(wire.connect, timeout_s): wire for wire in wires}
    pool.shutdown(wait=False)
    first = None

    def drop(late: Future[None]) -> None:
        if trying[late] is not first:
            trying[late].close()

    try:
        for done in as_completed(trying):
            try:
                done.result()
            except TargetError as error:
                failures.append(error)
            else:
                first = trying[done]
                break
    finally:
        for attempt in trying:
            attempt.add_done_callback(drop)
    return first
