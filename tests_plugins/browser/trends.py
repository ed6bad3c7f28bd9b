"""A report directory with the runs of some weeks, of which ``index.html`` is made."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from plugins.report.index import FILE, write_index
from plugins.report.past import past_run
from tests_plugins.browser.hostile import TEXTS
from tests_plugins.pasts import document, experiment, leave

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Nights: in a picture, and where one is not looked at by people.
MANY, FEW = 28, 10
CHECKS = ("checklist/redis_responds", "memory/used_memory_ratio", "checklist/no_connection_errors_in_logs", "host/disk")
FAULTS = ("restart", "stop_start", "kill", "client_kill_backend", "flushall")
OUTCOMES = ("passed",) * 12 + ("failed", "warned", "skipped")


def leave_trend(reports: Path, nights: int = FEW) -> Path:
    """The page, of a host whose last restart took longer than ever before."""
    return _leave(reports, nights, CHECKS, FAULTS)


def leave_hostile_trend(reports: Path) -> Path:
    """The page, of a host whose checks and faults have names that mean harm."""
    return _leave(reports, FEW, [f"{CHECKS[0]}{text}" for text in TEXTS], [f"restart{text}" for text in TEXTS[:3]])


def _leave(reports: Path, nights: int, checks: Sequence[str], faults: Sequence[str]) -> Path:
    chance = random.Random(4)  # noqa: S311 - a picture, no secret
    for day in range(nights):
        outcomes = {check: chance.choice(OUTCOMES) for check in checks}
        gate = _run(reports, day, document(day, suite="verify", checks=outcomes), chance)
        recoveries: dict[str, float | None] = {fault: chance.gauss(0.6, 0.05) for fault in faults}
        if day == nights // 2:
            recoveries[faults[-1]] = None
        if day == nights - 1:
            recoveries[faults[0]] = 3.4
        played = [experiment(each, fault=fault, outcome=_outcome(each)) for fault, each in recoveries.items()]
        chaos = _run(reports, day, document(day, *played), chance)
    write_index(reports, past_run(gate))
    write_index(reports, past_run(chaos))
    return reports / FILE


def _outcome(recovery_s: float | None) -> str:
    return "failed" if recovery_s is None else "passed"


def _run(reports: Path, day: int, content: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Leave the run of a night, with the verdict that its outcomes come to."""
    is_well = all(one["outcome"] != "failed" for one in (*content["checks"], *content["experiments"]))
    run = {
        **content,
        "run_id": f"202601{day + 1:02d}T0315{content['run_id'][13:]}",
        "verdict": "pass" if is_well else "fail",
        "exit_code": 0 if is_well else 1,
        "duration_s": chance.gauss(1.3, 0.1) if content["checks"] else chance.gauss(62, 2),
    }
    leave(reports, run)
    return run
