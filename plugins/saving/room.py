"""How much memory Redis has left for the replies that saving asks of it. Pure.

A reply stands in Redis's memory until it is on its way, and counts against ``maxmemory``: asked for too much at a time,
Redis evicts the very keys that are to be saved, or refuses everybody's writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.units import size
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from plugins.facts.info import Info

#: Bytes of values that one trip asks for: about ten milliseconds of the server's time.
TRIP_BYTES = 1 << 20
#: Of what is left, a trip may take this share: others need some meanwhile.
SHARE = 4
#: Reading a value takes so many times its size for a moment: it is built, and then copied into the reply.
COPIES = 3


@dataclass(frozen=True)
class Room:
    """Bytes left, None without a limit, and whose limit it is."""

    left: int | None = None
    limit: str = ""

    @property
    def trip(self) -> int:
        """How many bytes of values one trip may ask for; a single one may be larger, see ``fits``."""
        return TRIP_BYTES if self.left is None else min(TRIP_BYTES, self.left // SHARE)

    def fits(self, key_size: int) -> bool:
        """Whether a single key of this size can be read."""
        return self.left is None or key_size * COPIES <= self.left

    def describe(self, key_size: int) -> str:
        """Why a key of this size cannot be read."""
        return f"to read a key of {size(key_size)} takes more memory than is left: {self.limit}"


def room(info: Info, container_limit: int, *, paused: bool) -> Room:
    """What is left now. ``container_limit``: bytes, 0: none. Raises ``Unjudged`` where INFO reads oddly.

    While clients are paused nothing is evicted or refused for want of memory, so then only the container's counts.
    """
    found = []
    maximum = _number(info, "maxmemory")
    if maximum and not paused:
        left = maximum - _number(info, "used_memory") + _number(info, "mem_not_counted_for_evict")
        policy = info.get("maxmemory_policy", "an unknown policy")
        found.append((left, f"{size(max(0, left))} below maxmemory under {policy}"))
    if container_limit:
        left = container_limit - _number(info, "used_memory_rss")
        found.append((left, f"{size(max(0, left))} below the container's limit"))
    if not found:
        return Room()
    left, limit = min(found)
    return Room(max(0, left), limit)


def _number(info: Info, field: str) -> int:
    try:
        return info.number(field)
    except NotApplicable:
        return 0
