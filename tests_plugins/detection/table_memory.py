"""Rows: how much memory Redis uses, of how much, and which keys take it."""

from __future__ import annotations

from tests_plugins.detection.breaks import Declared
from tests_plugins.detection.redis_breaks import Config, Crumbs, Evicted, Filled, Keys
from tests_plugins.detection.row import Row
from twin.options import Options

_DRIFT = "configuration/configuration_survives_a_restart"
_SMALL = Options(maxmemory="16mb")
_SESSION = "session:broken"


def _pattern(what: dict[str, object]) -> Declared:
    return Declared({"patterns": {"session:*": what}})


ROWS = (
    Row(
        "nine tenths of the memory are used",
        (Filled(count=220, size=60_000),),
        failed={"memory/used_memory_ratio": "used of 16.0 MiB (maxmemory)"},
        options=_SMALL,
    ),
    Row(
        "Redis has evicted keys",
        (Evicted(count=300, size=65_536),),
        warned={"memory/evictions": "evicted keys since"},
        options=_SMALL,
    ),
    Row(
        "somebody has changed the policy",
        (Config({"maxmemory-policy": "volatile-ttl"}),),
        failed={"memory/policy_as_declared": "policy volatile-ttl"},
        warned={_DRIFT: 'maxmemory-policy is "volatile-ttl", the next start gives "allkeys-lru"'},
    ),
    Row("the allocator is fragmented", (Crumbs(),), warned={"memory/fragmentation_ratio": "wasted beside"}),
    Row(
        "a key never expires",
        (Keys({_SESSION: ("SET", _SESSION, "x")}, life_s=None),),
        warned={"keyspace/eternal_keys": "1 of 1 key without a TTL under allkeys-lru, which drops them"},
    ),
    Row(
        "a big key",
        (Keys({_SESSION: ("SETRANGE", _SESSION, 2_000_000, "x")}),),
        warned={"keyspace/big_key_bytes": '"session:broken" takes'},
    ),
    Row(
        "the keys are in another database",
        (Keys({_SESSION: ("SET", _SESSION, "x")}, database=3),),
        warned={"keyspace/database_in_use": "redis_db is 0; db3: 1 key"},
    ),
    Row(
        "a session is no hash",
        (Keys({_SESSION: ("SET", _SESSION, "x")}), _pattern({"type": "hash"})),
        failed={"keyspace/pattern_types": '"session:*": 1 key not hash: "session:broken" is "string"'},
    ),
    Row(
        "a session never expires",
        (Keys({_SESSION: ("SET", _SESSION, "x")}, life_s=None), _pattern({"ttl": True})),
        failed={"keyspace/pattern_ttls": '"session:*": 1 key without a TTL: "session:broken"'},
        warned={"keyspace/eternal_keys": "1 of 1 key"},
    ),
    Row(
        "a session lives too long",
        (Keys({_SESSION: ("SET", _SESSION, "x")}, life_s=7200), _pattern({"max_ttl_s": 3600})),
        failed={"keyspace/pattern_max_ttls": "expire later than in 60 min"},
    ),
    Row(
        "too many sessions",
        (Keys({f"session:{n}": ("SET", f"session:{n}", "x") for n in range(5)}), _pattern({"max_count": 4})),
        failed={"keyspace/pattern_max_counts": '"session:*": 5 keys, at most 4'},
    ),
    Row(
        "the sessions take too much",
        (Keys({_SESSION: ("SETRANGE", _SESSION, 20_000, "x")}), _pattern({"max_bytes": 10_000})),
        failed={"keyspace/pattern_max_bytes": "in 1 key, at most 9.8 KiB"},
    ),
)
