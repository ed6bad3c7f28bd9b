"""Rows: the machine underneath, the engine, and what the inventory says of them.

What cannot be broken on a machine in use is told by programs that stand in for the host's own.
"""

from __future__ import annotations

from tests_plugins.detection.breaks import Declared, Lies
from tests_plugins.detection.engine_breaks import EngineGone, Reborn, SlowEngine
from tests_plugins.detection.row import Row
from twin.options import Options

#: What ``head -n 1 FILE`` prints of one of the kernel's files; of others, what is in them.
_HEAD = 'case "$3" in {0}) echo "{1}";; *) exec /usr/bin/head "$@";; esac'
_FULL = 'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/sda1 1000000 {0} {1} 99% /"'

ROWS = (
    Row(
        "the kernel does not overcommit",
        (Lies({"head": _HEAD.format("*overcommit_memory", "2")}),),
        warned={"host/overcommit_memory": "vm.overcommit_memory is 2"},
    ),
    Row(
        "huge pages are always on",
        (Lies({"head": _HEAD.format("*transparent_hugepage/enabled", "[always] madvise never")}),),
        warned={"host/transparent_huge_pages": "'always'"},
    ),
    Row(
        "the engine does not start at boot",
        (Lies({"systemctl": 'test "$*" = "is-enabled docker.service" && echo disabled; exit 1'}),),
        warned={"host/engine_starts_at_boot": "docker.service is disabled"},
    ),
    Row(
        "the clock is an hour late",
        (Lies({"date": 'echo "clock $(($(/bin/date +%s) - 3600)).0"'}),),
        warned={"host/clock_skew_s": "-36"},
    ),
    Row(
        "the disk is nearly full",
        (Lies({"df": _FULL.format(950_000, 50_000)}),),
        warned={"host/disk_used_ratio": "95% used"},
    ),
    Row(
        "the disk has no room for a save",
        (Lies({"df": _FULL.format(999_990, 10)}),),
        failed={"host/disk_has_room_for_a_save": "0 MiB free on /"},
        warned={"host/disk_used_ratio": "100% used"},
    ),
    Row(
        "the engine is slow",
        (SlowEngine(delay_s=0.6), Declared({"limits": {"engine_answer_s": 0.5}})),
        failed={"host/engine_answer_s": "processes"},
    ),
    Row(
        "another engine is meant",
        (Declared({"chaos": {"engine_id": "another"}}),),
        failed={"host/engine_is_the_declared_one": "engine processes-"},
    ),
    Row(
        "another image is declared",
        (Declared({"image": "redis:6"}),),
        failed={"container/image_is_as_declared": "was made of process:"},
    ),
    Row(
        "the restart policy is no",
        (Reborn(Options(restart="no")),),
        warned={"container/restart_policy_brings_it_back": "'no'"},
    ),
    Row(
        "Redis is published to everybody, without a password",
        (Reborn(Options(publish="0.0.0.0")),),  # noqa: S104 - only said: the twin listens on loopback
        failed={"configuration/not_published_without_a_password": "anybody can be user"},
    ),
    Row("the engine is gone", (EngineGone(),), unreachable="is gone"),
)
