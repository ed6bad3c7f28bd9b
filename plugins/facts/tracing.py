"""Asking for the traces of the backend's connections; ``bond`` reads them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from plugins.facts.bond import Around, Bond, Place, Times, by_address, by_owner, by_trace, together
from plugins.facts.clients import REPLICA, parse_clients
from plugins.facts.exposure import beyond_loopback
from plugins.facts.replies import QUESTIONS
from plugins.facts.sockets import plain
from plugins.inventory import Host
from plugins.target.model import SUITE_NAME, TargetError
from plugins.verdict import NotApplicable, NotJudged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from plugins.facts.clients import Client
    from plugins.facts.readiness import Readiness
    from plugins.facts.server import RedisFacts
    from plugins.probe import Answer
    from plugins.target.model import Container
    from plugins.target.open import Target

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
#: The kernel's list of connections, as the backend's container sees it.
CONNECTIONS = ("cat", *_TABLES)
#: What the backend's own processes have open, beside the tables: its container sees no others.
OWNED = ("sh", "-c", 'ls -l /proc/[0-9]*/fd 2>/dev/null; cat "$@"', "sh", *_TABLES)

#: Seconds by which a connection may be younger than CLIENT LIST says: Redis's clock has whole seconds.
_AGE_S = 2.0
#: The check that is known to connect to Redis.
_DEFAULT_CHECK = next(field.default for field in fields(Host) if field.name == "backend_check")


@dataclass(frozen=True)
class Seen:
    """What a look has seen before the bond is asked for."""

    server: RedisFacts
    check: Answer  # the backend's own, which has just passed: what it left behind is not older than it is
    readiness: Readiness | None
    project: frozenset[str]  # the addresses of the project's containers

    @property
    def clients(self) -> tuple[Client, ...]:
        """CLIENT LIST; empty where the ACL user may not ask: the backend's own side may still tell."""
        try:
            return self.server.clients.listed
        except NotJudged:
            return ()

    def settled(self) -> tuple[str, ...]:
        """The addresses of connections that are older than the check, so none of its own."""
        least_s = time.monotonic() - (self.check.at - self.check.took_s) + _AGE_S
        return tuple(one.ip for one in self.clients if one.age_s >= least_s)

    def times(self, read: float, error_s: float) -> Times:
        """When was asked what, by an instant (monotonic) and what it may be wrong by."""
        said = self.readiness
        asked = (read - (said.at - said.took_s), read - said.at) if said is not None and said.at else None
        return Times(read - (self.check.at - self.check.took_s), asked, error_s)

    def around(self, redis: Container, backend: Container, *, asked: bool) -> Around:
        """What may stand between a replica and Redis."""
        strangers = (one for one in self.clients if not one.local and not one.name.startswith(SUITE_NAME))
        others = frozenset(plain(one.ip) for one in strangers if REPLICA not in one.flags)
        return Around(others, frozenset(map(plain, self.project)), self._by_file(redis, backend), asked)

    def _by_file(self, redis: Container, backend: Container) -> bool:
        if not any(_nested(a, b) for a in redis.mounts.values() for b in backend.mounts.values()):
            return False
        try:
            return self.server.config.set("unixsocket")
        except NotJudged:
            return True


def _nested(one: str, other: str) -> bool:
    """Whether a folder that is mounted is in another, or the same."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def trace(target: Target, redis: Container, backends: Sequence[Container], seen: Seen) -> Bond:
    """The bond between the backend and this Redis: every replica's own, for one's connection proves no other's.

    Raises ``NotApplicable`` where it cannot be told of a replica, and of no other that it has none.
    """
    bonds, untold = {}, {}
    for one in backends:
        try:
            bonds[one.name] = _trace_one(target, redis, one, seen)
        except NotApplicable as unknown:
            untold[one.name] = Bond(connected=None, detail=unknown.reason)
    bond = together(bonds | untold)
    if untold and bond.connected is not False:
        raise NotApplicable(bond.detail)
    return bond


def _trace_one(target: Target, redis: Container, backend: Container, seen: Seen) -> Bond:
    """One replica's bond, by the cheapest evidence that is to be had. Raises as ``trace``."""
    published = [one.host_port for one in redis.ports if beyond_loopback(one.host_ip)]  # nobody else's loopback leads
    there = Place.of(redis.addresses, target.host.redis_port, published)
    here = Place.of(backend.addresses)
    found = by_address(seen.settled(), here, there)
    if found is not None:
        return found
    if not here.addresses - there.addresses:
        return _among_neighbours(target, backend, seen.clients)
    asked = time.monotonic()
    table = _read(target, backend, CONNECTIONS)
    took_s = time.monotonic() - asked
    if "local_address" in table:
        around = seen.around(redis, backend, asked=target.host.backend_check == _DEFAULT_CHECK)
        bond = by_trace(table, here, there, seen.times(asked + took_s / 2, took_s / 2), around)
        if bond.connected is None:
            raise NotApplicable(bond.detail)
        return bond
    again = by_address(_ask_again(target, redis), here, there)
    return again or Bond(
        connected=None, detail="the backend's address is not in CLIENT LIST, and /proc/net is unreadable"
    )


def _among_neighbours(target: Target, backend: Container, clients: Sequence[Client]) -> Bond:
    text = _read(target, backend, OWNED)
    inodes = {int(number) for number in re.findall(r"socket:\[(\d+)\]", text)}
    peers = {endpoint for client in clients if (endpoint := _endpoint(client)) is not None}
    found = by_owner(peers, text, inodes) if target.stack.engine().kind == "docker" else None
    if found is None:
        raise NotApplicable("the backend shares its network with others: whose a connection is cannot be told")
    return found


def _endpoint(client: Client) -> tuple[str, int] | None:
    port = client.fields.get("addr", "").rpartition(":")[2]
    return (client.ip, int(port)) if port.isascii() and port.isdigit() else None


def _read(target: Target, backend: Container, argv: tuple[str, ...]) -> str:
    """What a replica prints; nothing where it cannot be asked."""
    try:
        return target.stack.execute(backend, argv).text
    except TargetError:
        return ""


def _ask_again(target: Target, redis: Container) -> Collection[str]:
    wire = target.wire(redis)
    try:
        (reply,) = wire.ask((QUESTIONS["clients"],))
    finally:
        wire.close()
    return [client.ip for client in parse_clients(reply)] if isinstance(reply, bytes) else []
