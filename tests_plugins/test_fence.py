"""A flush that comes too late: sent by a runner that slept meanwhile, or out of a network that was cut."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.fault import Scene, fault_name, of_families
from plugins.fence import Fence
from plugins.hands import LiveHands
from plugins.target.ledger import Ledger
from plugins.target.local import LocalShell
from plugins.target.means import ProcessMeans
from plugins.target.model import TargetError
from plugins.undo import Undo
from tests_plugins.keyspaces import Place, here
from tests_plugins.leases import ENGINE, end_watcher, gone, shared_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.fault import Fault

KEYS = (b"session:a b", b"cache:1")


@pytest.fixture
def place() -> Iterator[Place]:
    """A Redis with keys that every flush takes."""
    with here() as made:
        for key in KEYS:
            made.ask("SET", key, "1")
        yield made


def flush(place: Place, fault: Fault, fence: Fence) -> LiveHands:
    """The flush, as an experiment does it."""
    means = ProcessMeans(Path(), place.redis.service)
    hands = LiveHands(place.target, place.redis, means, journal=lambda _: None, fence=fence)
    try:
        fault.inject(Scene(place.target.host, place.redis, (), "", "", ()), hands)
    finally:
        hands.close()
    return hands


@pytest.mark.parametrize("fault", of_families("flush"), ids=fault_name)
def test_a_flush_behind_its_fence_takes_hold(place: Place, fault: Fault) -> None:
    """As long as nobody puts anything back."""
    assert sum(flush(place, fault, Fence.put_up(place.target, place.redis)).seen.values())
    assert place.ask("EXISTS", *KEYS) < len(KEYS)


@pytest.mark.parametrize("fault", of_families("flush"), ids=fault_name)
def test_a_flush_that_comes_after_the_lease_takes_nothing(place: Place, fault: Fault) -> None:
    """The host has put the keys back, or has begun to: from then on they stay."""
    with shared_folder() as base:
        ledger = Ledger(LocalShell(os.environ), ENGINE, "project", base=base)
        fence = Fence.put_up(place.target, place.redis)
        saved = place.save().behind(fence)
        page = ledger.begin(LocalShell(os.environ), "run-1", "tester@here", 60)
        page.write(Undo(fault.name, restore=saved.restore))
        saved.close()
        end_watcher(base)
        eventually(lambda: gone(base), what="the lease has fired", within_s=10)
        with pytest.raises(TargetError, match="FENCED"):
            flush(place, fault, fence)
        assert (place.ask("EXISTS", *KEYS), len(ledger.reports())) == (len(KEYS), 1)


def test_a_fence_is_never_another_s(place: Place) -> None:
    """A flush of an earlier run does not find a later run's."""
    first, second = (Fence.put_up(place.target, place.redis) for _ in range(2))
    assert first.key != second.key
    assert 0 < place.ask("PTTL", first.key) <= 600_000


def test_where_no_fence_can_be_taken_away_there_is_no_flush(place: Place) -> None:
    """Else no key could be put back; it shows before anything is lost."""
    place.ask("ACL", "SETUSER", "default", "-unlink")
    with pytest.raises(TargetError, match="UNLINK was refused"):
        Fence.put_up(place.target, place.redis)
