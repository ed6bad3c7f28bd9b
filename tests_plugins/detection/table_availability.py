"""Rows: Redis or the backend is away, hangs, refuses, or is another one."""

from __future__ import annotations

from tests_plugins.detection.breaks import (
    BACKEND,
    REDIS,
    SPARE,
    Act,
    Arguments,
    Counted,
    Declared,
    Environ,
    Later,
    Logged,
    Orders,
    Unsaid,
)
from tests_plugins.detection.engine_breaks import Frozen, Secured
from tests_plugins.detection.redis_breaks import COUNTS_ARE_FORGOTTEN, Asked, Config, Full, Held, Relocked
from tests_plugins.detection.row import Row
from twin.options import Options

#: Lua that ends when it is told to, and not before.
_FOR_EVER = "while true do end"
_LOST = "ERROR app.sessions: lost the connection to redis"
_LOCKED = Options(password="correct horse")  # noqa: S106 - of a twin

_OF_THE_BACKEND = (
    *("checklist/backend_connects", "checklist/readiness_includes_redis", "checklist/no_connection_errors_in_logs"),
    *("container/backend_is_running", "container/backend_is_not_oom_killed"),
    *("container/backend_restart_count_is_steady", "health/backend_health", "health/readiness_schema"),
    *("health/readiness_time_s", "health/readiness_http_status", "health/backend_uses_this_redis"),
)

ROWS = (
    Row("Redis is stopped", (Act("stop"),), failed={"container/redis_is_running": "is exited"}),
    Row("Redis is killed", (Act("kill"),), failed={"container/redis_is_running": "exit code 137"}),
    Row("Redis is paused", (Act("pause"),), failed={"container/redis_is_running": "is paused"}),
    Row(
        "no container of Redis",
        (Declared({"redis_service": "redis_production"}),),
        failed={"container/redis_is_running": "redis_production"},
    ),
    Row(
        "Redis hangs",
        (COUNTS_ARE_FORGOTTEN, Frozen()),
        failed={"checklist/redis_responds": "no answer in time"},
    ),
    Row(
        "a script keeps Redis busy",
        (
            COUNTS_ARE_FORGOTTEN,
            Config({"lua-time-limit": "50"}),
            Held(commands=[("EVAL", _FOR_EVER, 0)]),
            Asked(undo=[("SCRIPT", "KILL")]),
        ),
        failed={"checklist/redis_responds": "BUSY"},
    ),
    Row(
        "maxclients is reached",
        (COUNTS_ARE_FORGOTTEN, Full(places=40)),
        failed={"checklist/redis_responds": "max number of clients"},
    ),
    Row(
        "the suite has a wrong password",
        (Environ({"TWIN_REDIS_PASSWORD": "wrong"}), Counted()),
        unjudged={"checklist/redis_responds": "the suite's credentials were refused"},
        options=_LOCKED,
    ),
    Row(
        "a password is needed and none is declared",
        (Declared({"redis_password_env": None}), Counted()),
        unjudged={"checklist/redis_responds": "add redis_password_env to the inventory"},
        options=_LOCKED,
    ),
    Row(
        "a password is needed, none is declared, and nobody can vouch",
        (Declared({"redis_password_env": None, "backend_service": None, "readiness_url": None}), Counted()),
        unjudged={"checklist/redis_responds": "add redis_password_env to the inventory"},
        options=_LOCKED,
        skipped=dict.fromkeys(_OF_THE_BACKEND, "the inventory names no"),
    ),
    Row(
        "Redis wants TLS",
        (Secured(),),
        unjudged={"checklist/redis_responds": "Redis wants TLS, which the suite does not speak"},
        warned={"container/published_ports_lead_to_redis": "->"},
    ),
    Row(
        "Redis wants another password than anybody has",
        (COUNTS_ARE_FORGOTTEN, Relocked("nobody's")),
        failed={
            "checklist/redis_responds": "the suite's credentials were refused",
            "checklist/backend_connects": "Redis not available",
            "checklist/no_connection_errors_in_logs": "AuthenticationError",
        },
        options=_LOCKED,
    ),
    Row(
        "the inventory names another port",
        (Declared({"redis_port": 1}),),
        failed={"checklist/redis_responds": "is redis_port 1 the right one?"},
    ),
    Row(
        "a password is declared and none is needed",
        (
            Declared({"redis_password_env": "SOME_PASSWORD"}),
            Environ({"SOME_PASSWORD": "superfluous"}),
            Counted(),
        ),
    ),
    Row("the backend is stopped", (Act("stop", BACKEND),), failed={"container/backend_is_running": "is exited"}),
    Row(
        "the backend uses another Redis",
        (Act("start", SPARE), Orders(spare=True)),
        failed={"health/backend_uses_this_redis": "no connection from"},
    ),
    Row(
        "the backend's check says false",
        (Orders(available="false"),),
        failed={
            "checklist/backend_connects": "Redis not available",
            "health/vantage_points_agree": "the odd one out: backend",
        },
    ),
    Row(
        "the backend's check raises",
        (Orders(available="raises"),),
        failed={
            "checklist/backend_connects": "the Redis client is not configured",
            "health/vantage_points_agree": "the odd one out: backend",
        },
    ),
    Row(
        "the backend's check hangs",
        (Orders(available="hangs"),),
        failed={
            "checklist/backend_connects": "no answer in time",
            "health/vantage_points_agree": "the odd one out: backend",
        },
    ),
    Row(
        "Redis has crashed and is back",
        (Act("crash"), Later()),
        warned={"container/restart_count_is_steady": "1 restarts by the engine since"},
    ),
    Row(
        "the backend has crashed and is back",
        (Act("crash", BACKEND), Later()),
        warned={"container/backend_restart_count_is_steady": '_staging-1" 1'},
    ),
    Row(
        "Redis was restarted a moment ago, and nobody says when",
        (Logged(_LOST), Act("restart", REDIS), Later(), Unsaid(), Declared({"windows": {"restart": 60}})),
        skipped={"checklist/no_connection_errors_in_logs": "its window of 60 s is not over"},
    ),
    Row(
        "green does not hold",
        (Orders(readiness="down"), Arguments(("--stable-for", "1"))),
        failed={
            "checklist/readiness_includes_redis": "'down'",
            "health/green_holds": "readiness",
            "health/vantage_points_agree": "the odd one out: readiness",
        },
    ),
)
