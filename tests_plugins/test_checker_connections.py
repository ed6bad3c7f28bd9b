"""Checkers: which connections to Redis the backend held before a fault, and holds after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins.checkers.connections import Bonds, Connections, bonds
from plugins.facts.clients import Client
from plugins.fault import Scene
from plugins.inventory import Environment, Host
from plugins.target.model import SUITE_NAME, Container

HOST = Host(name="h", environment=Environment.STAGING, project_dir="/p")
REDIS = Container("r", "redis-1", "redis", addresses=("172.18.0.2",))
BACKEND = Container("b", "backend-1", "backend", addresses=("172.18.0.3",))
OTHER = Container("c", "backend-2", "backend", addresses=("172.18.0.4",))


def client(number: int, ip: str = "172.18.0.3", **fields: object) -> Client:
    """A connection that was used a moment ago."""
    return Client({"id": str(number), "addr": f"{ip}:5000", "idle": "0", **{key: str(fields[key]) for key in fields}})


def scene(*clients: Client, run_id: str = "a", backends: tuple[Container, ...] = (BACKEND,)) -> Scene:
    """Somebody of this machine is always connected: who asks."""
    return Scene(HOST, REDIS, backends, run_id, "7.0.0", (client(1, "172.18.0.1"), *clients))


HELD = scene(client(7), client(8))


def after(now: Scene, *, before: Scene = HELD, eve: Scene = HELD, lasting: tuple[int, ...] = (1, 3, 7, 8, 9)) -> Bonds:
    return bonds(before, eve, now, lasting)


@pytest.mark.parametrize(
    ("now", "kept", "fresh"),
    [
        (scene(client(9)), 0, 1),
        (scene(client(8)), 1, 0),
        (scene(client(8), client(9)), 1, 1),
        (scene(), 0, 0),
        (scene(client(10)), 0, 0),  # there for an instant only, as a health check is
        (scene(client(9, "172.18.0.4")), 0, 0),
        (scene(client(9, "::ffff:172.18.0.3")), 0, 1),
        (scene(client(9, name=f"{SUITE_NAME}-probe")), 0, 0),
        (scene(client(9, flags="S")), 0, 0),
        (scene(client(3)), 0, 0),  # older than the fault, though nobody saw it then
        (scene(client(3), run_id="b"), 0, 1),  # another server process counts from the beginning
        (scene(client(8), run_id="b"), 0, 1),
        (scene(client(9, "172.18.0.9"), backends=(replace(BACKEND, addresses=("172.18.0.9",)),)), 0, 1),
    ],
)
def test_connections_are_kept_or_made_anew(now: Scene, kept: int, fresh: int) -> None:
    """By the backend's address, and by ids, which no server process gives twice."""
    assert after(now) == Bonds((Connections("backend-1", 2, in_use=True, kept=kept, fresh=fresh),), "")


@pytest.mark.parametrize(
    ("idle", "in_use"), [(("0", "0"), True), (("2", "2"), True), (("0", "9"), False), (("9", "0"), False)]
)
def test_in_use_is_what_was_used_at_both_looks(idle: tuple[str, str], in_use: bool) -> None:
    """Once is a coincidence."""
    first, second = (scene(client(7, idle=one)) for one in idle)
    (found,) = after(scene(), before=first, eve=second).connections
    assert (found.held, found.in_use, found.there) == (1, in_use, False)


def test_every_replica_is_asked_for_its_own() -> None:
    """One's connection proves no other's."""
    both = (BACKEND, OTHER)
    held = scene(client(7), client(8, "172.18.0.4"), backends=both)
    found = after(scene(client(9), backends=both), before=held, eve=held)
    assert [(one.backend, one.there) for one in found.connections] == [("backend-1", True), ("backend-2", False)]
    assert not found.whole


SHARED = (replace(BACKEND, addresses=REDIS.addresses),)


@pytest.mark.parametrize(
    ("before", "eve", "now", "said"),
    [
        (scene(client(7)), scene(client(8)), scene(), '"backend-1" held none before the fault'),
        (scene(), scene(client(8)), scene(), '"backend-1" held none before the fault'),
        (scene(client(7), run_id="z"), scene(client(7)), scene(), '"backend-1" held none before the fault'),
        (replace(HELD, clients=()), HELD, scene(), "CLIENT LIST, or which server process it is, could not be read"),
        (HELD, HELD, replace(HELD, clients=()), "CLIENT LIST, or which server process it is, could not be read"),
        (HELD, HELD, scene(run_id=""), "CLIENT LIST, or which server process it is, could not be read"),
        (
            scene(client(7, "172.18.0.2"), backends=SHARED),
            scene(client(7, "172.18.0.2"), backends=SHARED),
            scene(backends=SHARED),
            '"backend-1" has no address of its own to tell them by',
        ),
    ],
)
def test_where_nothing_can_be_told_it_is_said_why(before: Scene, eve: Scene, now: Scene, said: str) -> None:
    """Who connects for each request holds nothing, and there is nothing to wait for."""
    found = after(now, before=before, eve=eve)
    assert (found.connections, found.untold, found.whole) == ((), said, True)
