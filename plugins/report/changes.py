"""What INFO says now that it did not say before. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Fields that are another at every look, whatever happens: clocks, totals, rates, and what follows from them.
_RESTLESS = re.compile(
    r"uptime_in_|lru_clock|server_time|used_cpu_|total_|instantaneous_|_kbps$|keyspace_(?:hits|misses)|_seconds$"
    r"|mem_|allocator_|rss_|used_memory_(?:rss|peak|overhead|dataset|startup|scripts|vm|functions|lua)|io_threads"
    r"|_human$|_perc$|client_recent_max|acl_access_denied|expire_cycle|stat_|reply_buffer|eventloop|_time_usec$"
    r"|number_of_cached_scripts|slave_|repl_backlog|second_repl_offset|master_repl|cluster_|tracking_|dump_payload"
    r"|latency_|cmdstat_|executable|config_file|process_id|hz$|arch_bits|pubsub|clients_in_timeout|current_"
)

#: Counters that are news when they grow, though they look like the others.
_TELLING = re.compile(r"errorstat_|error_replies$|rejected_connections|evicted_keys|expired_keys")


@dataclass(frozen=True)
class Change:
    """A field of INFO that differs; empty where it was not there."""

    field: str
    before: str
    now: str


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    """The fields that differ, in INFO's order, without those that always do; none where either look is missing."""
    if not before or not now:
        return ()
    fields = dict.fromkeys([*now, *before])
    return tuple(
        Change(field, before.get(field, ""), now.get(field, ""))
        for field in fields
        if before.get(field) != now.get(field) and (_TELLING.search(field) or not _RESTLESS.search(field))
    )
