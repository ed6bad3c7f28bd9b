"""Memory against its limits."""

from __future__ import annotations

import pytest

from plugins.facts.info import parse_info
from plugins.facts.memory import Fit, Fragmentation, Memory
from plugins.verdict import Blocked, NotApplicable

MIB = 1 << 20


def memory(used: int, maxmemory: int, total: int = 1000 * MIB) -> Memory:
    """A server that reports these figures, in bytes."""
    fields = {"used_memory": used, "maxmemory": maxmemory, "total_system_memory": total}
    lines = "".join(f"{name}:{value}\r\n" for name, value in fields.items())
    return Memory(parse_info(f"# Memory\r\n{lines}".encode()))


@pytest.mark.parametrize(
    ("ratio", "wasted", "seen"),
    [("3.80", 26 * MIB, (3.8, 26 * MIB)), ("1.00", 0, (4.0, 30 * MIB))],
)
def test_fragmentation_is_worked_out_where_the_server_does_not_know(
    ratio: str, wasted: int, seen: tuple[float, int]
) -> None:
    """Valkey with the system's jemalloc reports no waste; what the allocator holds and gave out tell it."""
    lines = (
        f"allocator_frag_ratio:{ratio}\r\nallocator_frag_bytes:{wasted}\r\nused_memory:{10 * MIB}\r\n"
        f"allocator_active:{40 * MIB}\r\nallocator_allocated:{10 * MIB}\r\n"
    )
    fragmentation = Memory(parse_info(f"# Memory\r\n{lines}".encode())).fragmentation
    assert (fragmentation.ratio, fragmentation.wasted) == seen


@pytest.mark.parametrize(
    ("maxmemory", "container", "ratio", "whose"),
    [
        (200 * MIB, 0, 0.5, "maxmemory"),
        (200 * MIB, 400 * MIB, 0.5, "maxmemory"),
        (200 * MIB, 125 * MIB, 0.8, "the container's limit, which is below maxmemory"),
        (0, 400 * MIB, 0.25, "the container's limit; maxmemory is 0"),
        (0, 0, 0.1, "all of the host's; no limit is set"),
    ],
)
def test_the_least_limit_that_applies_counts(maxmemory: int, container: int, ratio: float, whose: str) -> None:
    """maxmemory, then the container's limit, then the host's memory; the report says which."""
    headroom = memory(100 * MIB, maxmemory).headroom(container)
    assert (headroom.used_ratio, headroom.whose) == (ratio, whose)


@pytest.mark.parametrize(
    ("maxmemory", "inside"), [(0, False), (99 * MIB, True), (100 * MIB, False), (101 * MIB, False)]
)
def test_maxmemory_must_be_set_and_below_the_containers_limit(maxmemory: int, inside: bool) -> None:
    """Else the kernel kills Redis before Redis evicts anything."""
    assert Fit(maxmemory, 100 * MIB).inside is inside


def test_a_container_without_a_limit_asks_for_nothing() -> None:
    """A stock container has no limit, and needs no maxmemory."""
    fit = Fit(0, 0)
    with pytest.raises(NotApplicable):
        fit.inside  # noqa: B018 - the property raises


def test_room_for_a_fork_matters_only_where_redis_forks() -> None:
    """Without snapshots, append-only file and replicas there is no child to copy pages for."""
    fit = Fit(90 * MIB, 100 * MIB)
    with pytest.raises(NotApplicable):
        fit.forking_ratio  # noqa: B018 - the property raises


def test_room_for_a_fork_is_a_share_of_the_containers_limit() -> None:
    """What counts is maxmemory, not what happens to be used."""
    assert Fit(90 * MIB, 100 * MIB, "snapshots").forking_ratio == 0.9


def test_without_maxmemory_one_red_check_is_enough() -> None:
    """The room for a fork waits for the check that maxmemory is set."""
    fit = Fit(0, 100 * MIB, "snapshots")
    with pytest.raises(Blocked, match="memory/maxmemory_in_limited_container"):
        fit.forking_ratio  # noqa: B018 - the property raises


def test_fragmentation_means_nothing_on_an_empty_server() -> None:
    """A ratio of 6 on a server that holds a megabyte is no finding."""
    fragmentation = Fragmentation(6.5, 4 * MIB, 1 * MIB)
    with pytest.raises(NotApplicable, match=r"6\.50"):
        fragmentation.judged_ratio  # noqa: B018 - the property raises


@pytest.mark.parametrize(("wasted", "used"), [(20 * MIB, 10 * MIB), (1 * MIB, 100 * MIB)])
def test_fragmentation_means_something_where_there_is_much(wasted: int, used: int) -> None:
    """Much in use, or much wasted: either makes the ratio worth judging."""
    assert Fragmentation(3.0, wasted, used).judged_ratio == 3.0


def test_a_version_without_a_field_costs_only_what_needs_it() -> None:
    """Use is judged although the allocator's account is missing."""
    old = memory(1, 2)
    assert old.used == 1
    with pytest.raises(NotApplicable):
        old.fragmentation  # noqa: B018 - the property raises
