"""How much memory Redis uses, of how much, and whether that leaves room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.units import size, whole
from plugins.verdict import Blocked, NotApplicable

if TYPE_CHECKING:
    from plugins.facts.info import Info

#: The check that is red when Redis has no limit inside a container that has one.
IN_LIMITED = "memory/maxmemory_in_limited_container"
#: Below both of these a fragmentation ratio says nothing: an idle, empty server shows 6 and more.
MEANINGFUL_USED = 64 << 20
MEANINGFUL_WASTE = 10 << 20  # what Redis's own MEMORY DOCTOR starts to talk at


@dataclass(frozen=True)
class Headroom:
    """Memory used of the least limit that applies, in bytes."""

    used: int
    limit: int
    whose: str

    @property
    def used_ratio(self) -> float:
        """The part of the limit that is used; 1 is all of it."""
        return self.used / self.limit

    def describe(self) -> str:
        """``200.0 MiB used of 256.0 MiB (maxmemory), 78%``."""
        return f"{size(self.used)} used of {size(self.limit)} ({self.whose}), {self.used_ratio:.1%}"


@dataclass(frozen=True)
class Fit:
    """``maxmemory`` against the memory limit of the container that Redis runs in, in bytes; 0: no limit."""

    maxmemory: int
    container_limit: int
    forks: str = ""  # why Redis forks a child to write, empty when it does not

    @property
    def inside(self) -> bool:
        """Redis stops growing before the kernel kills it. ``NotApplicable`` where the container has no limit."""
        limit = self._limit
        return 0 < self.maxmemory < limit

    @property
    def forking_ratio(self) -> float:
        """``maxmemory`` as a part of the container's limit, where a forked child shares that.

        Raises ``NotApplicable`` where the container has no limit or Redis never forks, ``Blocked`` while
        ``maxmemory`` is 0.
        """
        limit = self._limit
        if not self.maxmemory:
            raise Blocked(IN_LIMITED, self.describe())
        if not self.forks:
            raise NotApplicable("Redis never forks: it writes no snapshots, no append-only file, and has no replicas")
        return self.maxmemory / limit

    @property
    def _limit(self) -> int:
        if not self.container_limit:
            raise NotApplicable("the container has no memory limit")
        return self.container_limit

    def describe(self) -> str:
        """Both figures, and why Redis forks."""
        own = f"maxmemory {size(self.maxmemory)}" if self.maxmemory else "maxmemory 0 (no limit)"
        if not self.container_limit:
            return f"{own} in a container without a limit"
        share = f", {self.maxmemory / self.container_limit:.0%} of it" if self.maxmemory else ""
        why = f"; Redis forks for {self.forks}" if self.forks else ""
        return f"{own} in a container limited to {size(self.container_limit)}{share}{why}"


@dataclass(frozen=True)
class Fragmentation:
    """What the allocator holds beyond what it gave out."""

    ratio: float
    wasted: int  # bytes
    used: int  # bytes

    @property
    def judged_ratio(self) -> float:
        """The ratio. Raises ``NotApplicable`` on a server too empty for it to mean anything."""
        if self.used < MEANINGFUL_USED and self.wasted < MEANINGFUL_WASTE:
            raise NotApplicable(f"too little memory in use for fragmentation to mean anything: {self.describe()}")
        return self.ratio

    def describe(self) -> str:
        """Ratio and bytes."""
        return f"allocator fragmentation {self.ratio:.2f}, {size(self.wasted)} wasted beside {size(self.used)} used"


@dataclass(frozen=True)
class Memory:
    """INFO's memory section. Every property raises ``NotApplicable`` for a field that this version lacks."""

    info: Info

    @property
    def used(self) -> int:
        """What Redis has allocated, in bytes."""
        return self.info.number("used_memory")

    @property
    def resident(self) -> int:
        """What the kernel counts for the process, in bytes."""
        return self.info.number("used_memory_rss")

    @property
    def maxmemory(self) -> int:
        """Redis's own limit in bytes; 0: none."""
        return self.info.number("maxmemory")

    @property
    def policy(self) -> str:
        """What Redis evicts at its limit."""
        return self.info.text("maxmemory_policy")

    @property
    def evicts(self) -> bool:
        """The policy lets Redis drop keys that have not expired."""
        return self.policy != "noeviction"

    def headroom(self, container_limit: int) -> Headroom:
        """Use against the least of ``maxmemory``, the container's limit (0: none) and the host's memory."""
        ceilings = [
            (self.maxmemory, "maxmemory"),
            (container_limit, "the container's limit; maxmemory is 0"),
        ]
        if self.maxmemory and 0 < container_limit < self.maxmemory:
            ceilings = [(container_limit, "the container's limit, which is below maxmemory")]
        for limit, whose in ceilings:
            if limit:
                return Headroom(self.used, limit, whose)
        return Headroom(self.used, self.info.number("total_system_memory"), "all of the host's; no limit is set")

    def fit(self, container_limit: int, forks: str = "") -> Fit:
        """``maxmemory`` within the container's limit (0: none)."""
        return Fit(self.maxmemory, container_limit, forks)

    @property
    def fragmentation(self) -> Fragmentation:
        """The allocator's own account (``allocator_frag_ratio``), which leaves out code and idle pages.

        Valkey 8.1 on a jemalloc that is not its own says 0 bytes whatever they are, but what they follow from.
        """
        ratio, wasted = self.info.ratio("allocator_frag_ratio"), self.info.number("allocator_frag_bytes")
        active, allocated = (
            whole(self.info.get(field, "0"), f"INFO {field}") for field in ("allocator_active", "allocator_allocated")
        )
        if not wasted and 0 < allocated < active:
            ratio, wasted = active / allocated, active - allocated
        return Fragmentation(ratio, wasted, self.used)

    def describe(self) -> str:
        """Use, limit and policy."""
        limit = size(self.maxmemory) if self.maxmemory else "no limit"
        return f"{size(self.used)} used ({size(self.resident)} resident), maxmemory {limit}, policy {self.policy}"
