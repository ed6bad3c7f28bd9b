"""Whether the backend is connected to *this* Redis, and not merely to some Redis. Pure.

The suite's own check in the backend's container proves nothing: the application's processes may have another address
of Redis in their environment. What counts is a connection that outlives the check, or that was closed again while the
application itself was asked for its readiness: the backend's own list of connections knows closed ones for a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.exposure import beyond_loopback
from plugins.facts.sockets import plain, read_sockets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from plugins.facts.sockets import Socket

#: Seconds by which the closing of a connection may seem older than the check that opened it: two of the kernel's ticks.
_SLACK_S = 0.02
_USUAL_PORT = 6379  # what listens there is taken for a Redis, whatever the port of this one
_SHOWN = 5


@dataclass(frozen=True)
class Bond:
    """``connected`` None: there is no way to know, and ``detail`` says why."""

    connected: bool | None
    detail: str


def together(bonds: Mapping[str, Bond]) -> Bond:
    """What several replicas come to, by name: all must be connected, and the detail names those that are not."""
    for verdict in (False, None, True):
        such = {name: bond.detail for name, bond in bonds.items() if bond.connected is verdict}
        if such:
            named = "; ".join(f"{name}: {detail}" for name, detail in such.items())
            return Bond(verdict, named if len(bonds) > 1 else next(iter(such.values())))
    return Bond(connected=None, detail="there is no backend to ask")


@dataclass(frozen=True)
class Place:
    """Where a service is on the network. No addresses: it shares the network of something else."""

    addresses: frozenset[str]
    port: int = 0
    published: frozenset[int] = frozenset()  # ports on the host that lead to it

    @classmethod
    def of(cls, addresses: Collection[str], port: int = 0, published: Collection[int] = ()) -> Place:
        """With the addresses in their plain form."""
        return cls(frozenset(map(plain, addresses)), port, frozenset(published))

    def has(self, endpoint: tuple[str, int]) -> bool:
        """Whether the endpoint is this service's own."""
        return endpoint[0] in self.addresses and endpoint[1] == self.port


@dataclass(frozen=True)
class Times:
    """When the application and the suite's own check were asked, in seconds before the connections were read."""

    check_s: float  # its beginning
    readiness_s: tuple[float, float] | None = None  # beginning and end; None: it was not asked
    error_s: float = 0.0  # by which these may be wrong

    def recent(self, closed_s: float | None) -> bool:
        """Open, or closed since the check began."""
        return closed_s is None or closed_s <= self.check_s + self.error_s + _SLACK_S

    def by_application(self, closed_s: float | None) -> bool:
        """Closed while readiness was asked, and before the check began, which may close connections of its own."""
        if closed_s is None or self.readiness_s is None:
            return False
        begin_s, end_s = self.readiness_s
        slack_s = self.error_s + _SLACK_S
        return closed_s > self.check_s + slack_s and end_s - slack_s <= closed_s <= begin_s + slack_s


@dataclass(frozen=True)
class Around:
    """What else there is between the backend and a Redis."""

    clients: frozenset[str] = frozenset()  # who is connected to this Redis and is no replica of it
    project: frozenset[str] = frozenset()  # where the project's containers are
    by_file: bool = False  # both have a folder in which Redis's unix socket may be
    asked: bool = True  # the suite's check is known to connect; else no connection at all proves nothing

    def proxy(self, one: Socket, backend: Place) -> bool:
        """Whether it leads to somebody who is connected to this Redis in turn."""
        return one.remote[0] in self.clients - backend.addresses

    def through_host(self, one: Socket, redis: Place) -> bool:
        """Whether it leads to a port of the host's that is published for this Redis."""
        return one.remote[1] in redis.published and one.remote[0] not in self.project


def by_address(peers: Collection[str], backend: Place, redis: Place) -> Bond | None:
    """The backend's own address among ``peers`` (IPs in CLIENT LIST); None where it is not there.

    An address that is Redis's too tells nothing: anybody on that machine has it.
    """
    found = sorted(set(map(plain, peers)) & (backend.addresses - redis.addresses))
    return Bond(connected=True, detail=f"CLIENT LIST has connections from {', '.join(found)}") if found else None


def by_trace(table: str, backend: Place, redis: Place, times: Times, around: Around) -> Bond:
    """What the backend's own connections show, open ones and those that were closed a moment ago.

    ``table`` is ``/proc/net/tcp`` and ``tcp6`` as read inside the backend's container after the suite's check.
    """
    own = [one for one in read_sockets(table) if one.local[0] in backend.addresses]
    for one in own:
        if redis.has(one.remote) and one.established:
            return Bond(connected=True, detail=f"the backend has a connection to {_at(one.remote)}")
    for one in own:
        if redis.has(one.remote) and times.by_application(one.closed_s):
            return Bond(
                connected=True, detail=f"the backend closed a connection to {_at(one.remote)} as it answered readiness"
            )
    recent = [one for one in own if times.recent(one.closed_s) or times.by_application(one.closed_s)]
    if through := _named(one for one in recent if around.through_host(one, redis)):
        return Bond(connected=None, detail=f"the backend goes through the host's published port ({through})")
    return _without(recent, backend, redis, times, around)


def _without(recent: list[Socket], backend: Place, redis: Place, times: Times, around: Around) -> Bond:
    """The bond of a backend whose application was not seen to be connected to this Redis."""
    elsewhere = [one for one in recent if one.remote[0] not in backend.addresses and not redis.has(one.remote)]
    proxies = [one for one in elsewhere if around.proxy(one, backend)]
    # On loopback, another port is another process's, and may be another Redis.
    beside = [one for one in elsewhere if one.remote[0] in redis.addresses and beyond_loopback(one.remote[0])]
    strangers = [one for one in elsewhere if one not in proxies and one not in beside]
    rivals = [one for one in strangers if one.remote[1] in {redis.port, _USUAL_PORT}]
    by_check = any(redis.has(one.remote) for one in recent)
    who = ", ".join(sorted(backend.addresses)) or "the backend"
    said = f"no connection from {who} to this Redis"
    if any(one.established or times.by_application(one.closed_s) for one in rivals):
        but = " but that of the suite's own check" if by_check else ""
        return Bond(connected=False, detail=f"{said}{but}; its connections lead to {_named(rivals)}")
    if beside:  # its TLS port, or the one that the inventory should name
        through = f"the backend is connected to {_named(beside)}, another port of this Redis's container"
        return Bond(connected=None, detail=through)
    if proxies:
        through = f"the backend goes through {_named(proxies)}, which is connected to this Redis, and perhaps to others"
        return Bond(connected=None, detail=through)
    if by_check:
        return Bond(
            connected=None,
            detail=f"{said} but that of the suite's own check: whether the application uses it cannot be told",
        )
    if not rivals and (around.by_file or not around.asked):
        how = "a unix socket in a shared folder would not show" if around.by_file else "its check need not make one"
        return Bond(connected=None, detail=f"no connection of the backend to any Redis was seen, and {how}")
    told = f"; its connections lead to {_named(elsewhere)}" if elsewhere else ""
    return Bond(connected=False, detail=f"{said}, though the backend's check has just passed{told}")


def by_owner(peers: Collection[tuple[str, int]], table: str, inodes: Collection[int]) -> Bond | None:
    """For a backend that shares its network: a CLIENT LIST entry whose socket is one of the backend's own."""
    entries = {(plain(ip), port) for ip, port in peers}
    for one in read_sockets(table):
        if one.inode in inodes and one.local in entries:
            return Bond(connected=True, detail=f"CLIENT LIST has the backend's own connection {_at(one.local)}")
    return None


def _named(sockets: Iterable[Socket]) -> str:
    return ", ".join(sorted({_at(one.remote) for one in sockets})[:_SHOWN])


def _at(endpoint: tuple[str, int]) -> str:
    ip, port = endpoint
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
