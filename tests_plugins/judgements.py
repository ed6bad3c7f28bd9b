"""Everything that checks ask of the facts of Redis, for tests that try all of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from plugins.target.model import Container

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.facts.finding import Finding
    from plugins.facts.keyspace import Keyspace
    from plugins.facts.server import RedisFacts

CONTAINER = Container("i", "redis-1", "redis", argv=("redis-server",))
JUDGEMENTS: dict[str, Callable[[RedisFacts], object]] = {
    "run_id": lambda facts: facts.server.run_id,
    "started_at": lambda facts: facts.server.started_at,
    "memory": lambda facts: facts.memory.headroom(0).used_ratio,
    "fragmentation": lambda facts: facts.memory.fragmentation.judged_ratio,
    "fork": lambda facts: facts.fork_room(1 << 30).describe(),
    "eternal": lambda facts: facts.eternal_keys.judged,
    "agreement": lambda facts: facts.databases.agreement(0).gap,
    "clients": lambda facts: facts.clients.used_ratio,
    "listed": lambda facts: facts.clients.monitoring.offenders,
    "ownerless": lambda facts: facts.clients.ownerless({"10.0.0.1"}).offenders,
    "slowlog": lambda facts: facts.slowlog.slower(10_000, datetime.now(UTC)).offenders,
    "counters": lambda facts: facts.counters,
    "snapshot": lambda facts: facts.persistence.describe_snapshot(),
    "durability": lambda facts: facts.persistence.durability("none").offenders,
    "drift": lambda facts: facts.drift(CONTAINER, None).offenders,
    "users": lambda facts: facts.users,
}


def of_keyspace(keyspace: Keyspace) -> list[Finding]:
    """Everything that a survey of the keys is judged by."""
    return [keyspace.types, keyspace.ttls, keyspace.max_ttls, keyspace.counts, keyspace.sizes]
