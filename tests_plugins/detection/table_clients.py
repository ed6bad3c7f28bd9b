"""Rows: who is connected, what is slow, what is asked that should not be, and what fails."""

from __future__ import annotations

from tests_plugins.detection.redis_breaks import Asked, Config, Held, Keys, Rejected
from tests_plugins.detection.row import Row

_DRIFT = "configuration/configuration_survives_a_restart"
#: Lua that takes a tenth of a second or two.
_SLOW = "for number = 1, 2e7 do end"
_UNREAD = "session:unread"
_BLOB = 100_000

ROWS = (
    Row(
        "maxclients is nearly reached",
        (Config({"maxclients": "100"}), Held(count=85)),
        failed={"connections/clients_ratio": "of 100 connections"},
    ),
    Row(
        "a connection was rejected",
        (Rejected(),),
        warned={"connections/rejected_connections": "connections since"},
    ),
    Row(
        "a client waits in BLPOP",
        (Held(commands=[("BLPOP", "queue:nobody", 0)], seen_as="cmd=blpop"),),
        warned={"connections/blocked_clients": 'last "blpop"'},
    ),
    Row(
        "a client does not read its replies",
        (
            Keys({_UNREAD: ("SETRANGE", _UNREAD, _BLOB, "x")}),
            Held(commands=[("GET", _UNREAD)] * 400, seen_as="cmd=get"),
        ),
        warned={"connections/output_buffer_bytes": "unread by id"},
    ),
    Row(
        "somebody is in MONITOR",
        (Held(commands=[("MONITOR",)], seen_as="cmd=monitor"),),
        warned={"performance/monitor": "1 of"},
    ),
    Row(
        "a command was slow",
        (Asked([("EVAL", _SLOW, 0)]),),
        warned={"performance/slow_commands": '"EVAL"'},
    ),
    Row(
        "the slow log is off",
        (Config({"slowlog-log-slower-than": "-1"}),),
        warned={"performance/slowlog_threshold_us": "(off)", _DRIFT: "slowlog-log-slower-than"},
        skipped={"performance/slow_commands": "the slow log does not record"},
    ),
    Row("somebody used KEYS", (Asked([("KEYS", "session:*")]),), warned={"performance/keys_command": "1 KEYS since"}),
    Row("somebody used FLUSHALL", (Asked([("FLUSHALL",)]),), warned={"performance/flush_commands": "1 FLUSHALL"}),
    Row(
        "a command had too few arguments",
        (Asked([("SET", "session:1")], refused="ERR wrong number"),),
        warned={"performance/rejected_calls": '"set" 1'},
    ),
    Row(
        "a command met a key of another type",
        (Keys({_UNREAD: ("SET", _UNREAD, "text")}), Asked([("LPUSH", _UNREAD, "x")], refused="WRONGTYPE")),
        warned={"performance/failed_calls": '"lpush" 1', "performance/error_replies": '"WRONGTYPE" 1'},
    ),
    Row(
        "CONFIG SET will be lost at the next restart",
        (Config({"maxmemory": "128mb"}),),
        warned={_DRIFT: 'maxmemory is "134217728", the next start gives "256mb"'},
    ),
)
