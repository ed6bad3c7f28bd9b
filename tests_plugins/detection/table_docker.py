"""Rows for a real staging host: what only an engine, a kernel and a network can break."""

from __future__ import annotations

from tests_plugins.detection.breaks import BACKEND, SPARE, Act, Declared, Later
from tests_plugins.detection.docker_breaks import (
    BRIDGE,
    ROOMY,
    Bound,
    CutOff,
    NoServer,
    OneOff,
    OutOfDisk,
    OverAndOver,
    Recreated,
    Removed,
    RotatedAway,
    Silent,
    SmallDisk,
    Updated,
)
from tests_plugins.detection.oom_breaks import Glutton, OutOfMemory
from tests_plugins.detection.redis_breaks import COUNTS_ARE_FORGOTTEN, Config, Held
from tests_plugins.detection.row import Row
from tests_plugins.detection.sharing_breaks import Sharing
from tests_plugins.staging import REDIS_6_2

_APPLICATION = ("python", "-m", "app")
_DRIFT = "configuration/configuration_survives_a_restart"

ROWS = (
    Row("Redis is stopped", (Act("stop"),), failed={"container/redis_is_running": "is exited, exit code 0"}),
    Row("Redis is paused", (Act("pause"),), failed={"container/redis_is_running": "is paused"}),
    Row("Redis was removed", (Removed(),), failed={"container/redis_is_running": "redis_staging"}),
    Row(
        "Redis has crashed and is back",
        (Act("crash"), Later()),
        warned={"container/restart_count_is_steady": "1 restarts by the engine since"},
    ),
    Row(
        "Redis starts over and over",
        (Recreated({"command": ["redis-server", "--no-such-directive", "1"]}), OverAndOver()),
        failed={"container/redis_is_running": "is restarting, exit code 1"},
    ),
    Row(
        "the backend starts over and over",
        (Recreated({"command": ["false"]}, service=BACKEND), OverAndOver(service=BACKEND)),
        failed={"container/backend_is_running": "is restarting, exit code 1"},
    ),
    Row(
        "the restart policy is no",
        (Updated(("--restart", "no"), undo=("--restart", "unless-stopped")),),
        warned={"container/restart_policy_brings_it_back": "'no'"},
    ),
    Row(
        "Redis was killed for want of memory, and is back",
        (OutOfMemory(), Later()),
        failed={"container/redis_is_not_oom_killed": "the kernel killed a process for want of memory"},
        warned={"container/restart_count_is_steady": "1 restarts by the engine since"},
    ),
    Row(
        "the backend was killed for want of memory, and is back",
        (Glutton(), Later()),
        failed={"container/backend_is_not_oom_killed": "the kernel killed a process for want of memory"},
    ),
    Row(
        "maxmemory 0 in a limited container",
        (Config({"maxmemory": "0"}),),
        failed={"memory/maxmemory_in_limited_container": "maxmemory 0 (no limit) in a container limited to 512.0 MiB"},
        warned={_DRIFT: 'maxmemory is "0"'},
    ),
    Row(
        "maxmemory leaves no room for a fork",
        (Updated(("--memory", "300m", "--memory-swap", "600m"), undo=ROOMY),),
        warned={"memory/maxmemory_ratio": "85% of it; Redis forks for snapshots"},
    ),
    Row(
        "the health check fails",
        (
            Recreated(
                {"healthcheck": {"test": ["CMD", "false"], "interval": "0.2s", "retries": 1, "start_period": "0s"}},
                health="unhealthy",
            ),
            Later(healthy=False),
        ),
        failed={"health/container_health": "unhealthy"},
    ),
    Row(
        "the backend's health check fails",
        (
            Recreated(
                {"healthcheck": {"test": ["CMD", "false"], "interval": "0.2s", "retries": 1, "start_period": "0s"}},
                service=BACKEND,
                health="unhealthy",
            ),
            Later(healthy=False),
        ),
        failed={"health/backend_health": "unhealthy"},
    ),
    Row(
        "another image runs",
        (Recreated({"image": REDIS_6_2}), Later()),
        failed={"container/image_is_as_declared": "was made of runbook-suite/redis:6.2"},
    ),
    Row(
        "a published port leads nowhere",
        (Recreated({"ports": ["127.0.0.1::6380"]}), Later()),
        warned={"container/published_ports_lead_to_redis": "-> 6380"},
    ),
    Row(
        "Redis is published beyond loopback",
        (Recreated({"ports": ["127.0.0.1::6379", f"{BRIDGE}::6379"]}), Later()),
        failed={"configuration/not_published_without_a_password": "without a password"},
    ),
    Row(
        "Redis listens inside its container only",
        (COUNTS_ARE_FORGOTTEN, Bound()),
        failed={"health/wire_ping": "Redis by wire 127.0.0.1"},
    ),
    Row(
        "Redis has lost its network",
        (COUNTS_ARE_FORGOTTEN, CutOff()),
        failed={"health/wire_ping": "is on no network"},
        skipped={"container/published_ports_lead_to_redis": "publishes no port"},
    ),
    Row(
        "the application uses another Redis, the backend's check this one",
        (
            Act("start", SPARE),
            Recreated({"command": ["env", f"REDIS_URL=redis://{SPARE}:6379/0", *_APPLICATION]}, service=BACKEND),
            Later(),
        ),
        failed={"health/backend_uses_this_redis": "but that of the suite's own check; its connections lead to"},
    ),
    Row(
        "the backend's log driver keeps nothing",
        (Recreated({"logging": {"driver": "none"}}, service=BACKEND),),
        unjudged={"checklist/no_connection_errors_in_logs": "none"},
    ),
    Row(
        "an error in the backend's log was rotated away",
        (
            Recreated(
                {"logging": {"driver": "json-file", "options": {"max-size": "4k", "max-file": "1"}}}, service=BACKEND
            ),
            RotatedAway("ERROR app.redis: Redis is not available"),
        ),
        unjudged={"checklist/no_connection_errors_in_logs": "the log is rotated"},
    ),
    Row(
        "a client that belongs to nobody",
        (Held(commands=[("CLIENT", "SETNAME", "stranger")], seen_as="name=stranger"),),
        warned={"connections/connections_have_an_owner": '"stranger"'},
    ),
    Row("Redis shares the network of a proxy", (Sharing(),)),
    Row(
        "Redis shares the network of a proxy that publishes it beyond loopback",
        (Sharing(f"{BRIDGE}::6379"),),
        failed={"configuration/not_published_without_a_password": "without a password"},
    ),
    Row("one-off containers of Redis and the backend", (OneOff(), OneOff("redis_staging"))),
    Row(
        "the append-only file meets a full disk",
        (SmallDisk(size="6m", flags=("--appendonly", "yes", "--save", "")), OutOfDisk()),
        failed={
            "checklist/redis_responds": "MISCONF",
            "persistence/append_only_file": "write",
            "host/disk_has_room_for_a_save": "0 MiB free on",
        },
        warned={"host/disk_used_ratio": "used, 0 MiB free"},
    ),
    Row(
        "the disk is too small for the dataset",
        (SmallDisk(size="600k"), Later()),
        warned={"host/disk_has_room_for_the_dataset": "MiB free on"},
    ),
    Row(
        "the engine does not answer",
        (Declared({"docker": ["docker", "-H", "unix:///nonexistent.sock"]}),),
        unreachable="nonexistent.sock",
    ),
    Row("there is no docker", (Declared({"docker": ["/nonexistent/docker"]}),), unreachable="/nonexistent/docker"),
    Row("the SSH server says nothing", (Silent(),), unreachable="something listens there but is silent"),
    Row("the SSH server is gone", (NoServer(),), unreachable="refused"),
)
