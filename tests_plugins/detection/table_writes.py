"""Rows: PING says PONG, and yet nothing can be written, or not as declared; and what becomes of the data."""

from __future__ import annotations

from tests_plugins.detection.breaks import Declared, Environ
from tests_plugins.detection.files import Loads, RewriteFails, SnapshotFails
from tests_plugins.detection.redis_breaks import COUNTS_ARE_FORGOTTEN, Asked, Config, Filled
from tests_plugins.detection.row import Row
from twin.options import Options

_WRITE, _DRIFT = "checklist/redis_accepts_writes", "configuration/configuration_survives_a_restart"
_SMALL = Options(maxmemory="16mb", policy="noeviction")
_APPENDS = Options(redis_args=("--appendonly", "yes"))
_SLOW_TO_LOAD = Options(redis_args=("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"))

_AS_LIMITED = Declared({"redis_username_env": "SOME_USER", "redis_password_env": "SOME_PASSWORD"})
_KNOWN = Environ({"SOME_USER": "limited", "SOME_PASSWORD": "open sesame"})

ROWS = (
    Row(
        "memory is full, and nothing may be evicted",
        (COUNTS_ARE_FORGOTTEN, Filled(count=300, size=60_000, overflows=True)),
        failed={_WRITE: "OOM", "memory/used_memory_ratio": "(maxmemory)"},
        warned={
            "memory/oom_errors": "OOM errors since",
            "performance/error_replies": '"OOM"',
            "performance/rejected_calls": '"set"',
        },
        options=_SMALL,
    ),
    Row(
        "the last snapshot failed, so writes are stopped",
        (COUNTS_ARE_FORGOTTEN, SnapshotFails()),
        failed={"checklist/redis_responds": "MISCONF", "persistence/last_snapshot": '"err"'},
        warned={"performance/error_replies": '"MISCONF"', "performance/rejected_calls": '"ping"'},
    ),
    Row(
        "the last snapshot failed, and writes go on",
        (Config({"stop-writes-on-bgsave-error": "no"}), SnapshotFails()),
        failed={"persistence/last_snapshot": '"err"'},
        warned={_DRIFT: "stop-writes-on-bgsave-error"},
    ),
    Row(
        "the append-only file cannot be rewritten",
        (RewriteFails(),),
        failed={"persistence/append_only_file": "rewrite"},
        options=_APPENDS,
        since=7,  # before, INFO did not tell of it
    ),
    Row(
        "Redis follows a master that is away",
        (COUNTS_ARE_FORGOTTEN, Asked([("REPLICAOF", "127.0.0.1", 1)], undo=[("REPLICAOF", "NO", "ONE")])),
        failed={
            _WRITE: "READONLY",
            "persistence/role_as_declared": "role replica",
            "persistence/replication_link": 'is "down"',
        },
        warned={_DRIFT: "replicaof"},
    ),
    Row(
        "too few replicas are connected",
        (COUNTS_ARE_FORGOTTEN, Config({"min-replicas-to-write": "1"})),
        failed={_WRITE: "NOREPLICAS"},
        warned={_DRIFT: "min-replicas-to-write"},
    ),
    Row(
        "the ACL user may use cache:* only",
        (
            Asked(
                [("ACL", "SETUSER", "limited", "on", ">open sesame", "~cache:*", "+@all")],
                undo=[("ACL", "DELUSER", "limited")],
            ),
            _AS_LIMITED,
            _KNOWN,
        ),
        unjudged={_WRITE: "the ACL user may not write the canary key"},
    ),
    Row(
        "the ACL user may not write as the canary does",
        (
            Asked(
                [("ACL", "SETUSER", "limited", "on", ">open sesame", "~*", "+@all", "-psetex")],
                undo=[("ACL", "DELUSER", "limited")],
            ),
            _AS_LIMITED,
            _KNOWN,
        ),
        unjudged={_WRITE: "grant +psetex"},
    ),
    Row(
        "the ACL user may not select the database",
        (
            Asked(
                [("ACL", "SETUSER", "limited", "on", ">open sesame", "~*", "+@all", "-select")],
                undo=[("ACL", "DELUSER", "limited")],
            ),
            _AS_LIMITED,
            Declared({"redis_db": 1}),
            _KNOWN,
        ),
        unjudged={"health/wire_ping": "grant +select"},
    ),
    Row(
        "Redis is still loading",
        (COUNTS_ARE_FORGOTTEN, Loads(keys=2_000, size=2_000)),
        failed={"checklist/redis_responds": "LOADING", "persistence/not_loading": "loading, "},
        options=_SLOW_TO_LOAD,
        since=7,  # before, Redis did not know the flag that lets it answer in between
    ),
    Row(
        "another durability is declared",
        (Declared({"durability": "appendfsync always"}),),
        failed={"persistence/durability_as_declared": "appendonly"},
    ),
)
