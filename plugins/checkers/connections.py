"""Which connections to Redis the backend held before a fault, and what there is of them after it. Pure.

Who is asked for the backend may answer for himself alone: its check is a process of its own that connects anew each
time, and readiness may say what it remembers. CLIENT LIST knows better. What counts before the fault is what was there
at two looks, seconds apart: whoever connects for each request and closes again holds nothing that could be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.sockets import plain
from plugins.facts.units import plural, shown
from plugins.target.model import SUITE_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from plugins.facts.clients import Client
    from plugins.fault import Scene
    from plugins.target.model import Container

#: A connection that was used so many seconds ago at most, at both looks, is one that the backend uses all the time: it
#: is made anew by itself. Of another it is known only that nobody asked for it.
IN_USE_S = 2


@dataclass(frozen=True)
class Connections:
    """One backend's: how many it held before the fault, whether it used one then, and what there was afterwards."""

    backend: str
    held: int
    in_use: bool
    kept: int = 0  # of those that it held
    fresh: int = 0  # younger than the fault

    @property
    def there(self) -> bool:
        """Whether it is connected."""
        return bool(self.kept or self.fresh)

    def describe(self) -> str:
        """For a person: what CLIENT LIST had."""
        who, held = f"the backend's container {shown(self.backend)}", plural(self.held, "connection")
        if self.fresh:
            return f"{who} has connected to Redis again: CLIENT LIST has {self.fresh} of its own"
        if self.kept:
            return f"{who} has kept {self.kept} of its {held} to Redis"
        used = f"used its {held}" if self.in_use else f"held {held} that nobody used"
        return f"{who} {used} to Redis before the fault, and CLIENT LIST has none of its own afterwards"


@dataclass(frozen=True)
class Bonds:
    """Of the backends that held any; ``untold``: why of others, or of all, nothing is known."""

    connections: tuple[Connections, ...] = ()
    untold: str = "nobody looked"

    @property
    def whole(self) -> bool:
        """Whether there is nothing to wait for."""
        return all(one.there for one in self.connections)


def bonds(before: Scene, eve: Scene, now: Scene, lasting: Collection[int]) -> Bonds:
    """What each backend holds ``now``, after a fault that two looks came before.

    ``lasting``: the ids of the connections that were not made for an instant, as a container's health check makes one.
    """
    if not (before.clients and eve.clients and now.clients and eve.run_id and now.run_id):
        return Bonds(untold="CLIENT LIST, or which server process it is, could not be read")
    found, untold = [], []
    same = now.run_id == eve.run_id
    newest = max(one.id for one in eve.clients) if same else 0
    for one in eve.backends:
        own = _own_addresses(one, eve)
        held = _held(own, before, eve)
        if not held:
            why = "held none before the fault" if own else "has no address of its own to tell them by"
            untold.append(f"{shown(one.name)} {why}")
            continue
        mine = _of(now, own | _own_addresses(_again(one, now), now)).keys()
        kept = held.keys() & mine if same else set()
        fresh = [number for number in mine if number > newest and number in lasting]
        found.append(Connections(one.name, len(held), any(map(_is_in_use, held.values())), len(kept), len(fresh)))
    return Bonds(tuple(found), "; ".join(untold))


def _held(own: Collection[str], before: Scene, eve: Scene) -> dict[int, tuple[Client, Client]]:
    """Connections that were there at both looks, by their ids."""
    if before.run_id != eve.run_id:
        return {}
    first, second = _of(before, own), _of(eve, own)
    return {number: (first[number], second[number]) for number in first.keys() & second.keys()}


def _is_in_use(looks: Sequence[Client]) -> bool:
    return all(one.idle_s <= IN_USE_S for one in looks)


def _of(scene: Scene, addresses: Collection[str]) -> dict[int, Client]:
    there = (one for one in scene.clients if not (one.name.startswith(SUITE_NAME) or one.replicates))
    return {one.id: one for one in there if plain(one.ip) in addresses}


def _own_addresses(backend: Container, scene: Scene) -> frozenset[str]:
    """Those that no other container here has: what is Redis's own, too, may be anybody's on that machine."""
    others = {plain(ip) for one in (scene.redis, *scene.backends) if one.id != backend.id for ip in one.addresses}
    return frozenset(map(plain, backend.addresses)) - others


def _again(backend: Container, scene: Scene) -> Container:
    return next((one for one in scene.backends if one.id == backend.id), backend)
