"""Real runs, of which pages are made: a host that is well, one that is not, and those that were broken on purpose."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from plugins.inventory import Windows
from tests_plugins.chaos import BRIEF, environ_for, play, select
from tests_plugins.gate import run_gate
from twin import standing, up
from twin.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from twin.handle import Twin

#: Seconds that Redis is away in a restart: a picture without an outage shows nothing.
AWAY_S = 0.4
_REFUSED = """2026-01-02 03:04:05,678 ERROR app.sessions: cannot load the session
redis.exceptions.ConnectionError: Error 111 connecting to redis_staging:6379. Connection refused.
"""


def verify_runs(reports: Path) -> dict[str, Path]:
    """The folders of a gate that passed and of one that failed, by name."""
    with up(kind="processes") as twin:
        twin.redis("HSET", "session:42", "user", "7")
        passed = _judged(twin, reports)
        twin.write_log(_REFUSED)
        twin.redis("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        twin.redis("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        return {"verify-pass": passed, "verify-fail": _judged(twin, reports)}


def _judged(twin: Twin, reports: Path) -> Path:
    file = reports.with_suffix(".json")
    standing.save(twin, file)
    environ = {**os.environ, **twin.environ, standing.VARIABLE: str(file)}
    gate = run_gate("--host", "twin", "--since", "5m", reports=reports, environ=environ)
    assert gate.exit_code in (0, 1), gate.output
    return (reports / "latest").resolve()


def chaos_runs(reports: Path, *faults: str) -> dict[str, Path]:
    """The folders of chaos that Redis has recovered from in time, and too late, by name; played side by side."""
    late = Windows(restart=0.01, hold_s=0.5)
    with ThreadPoolExecutor() as pool:
        jobs = {
            "chaos-pass": pool.submit(_played, reports / "pass", faults or ("restart",), BRIEF, 0),
            "chaos-fail": pool.submit(_played, reports / "fail", faults or ("restart",), late, 1),
        }
        return {name: job.result() for name, job in jobs.items()}


def _played(reports: Path, faults: tuple[str, ...], windows: Windows, code: int) -> Path:
    reports.mkdir(parents=True)
    with up(kind="processes", options=Options(start_delay_s=AWAY_S)) as twin:
        run = play(*select(*faults), reports=reports, environ=environ_for(twin, reports, windows=windows))
    assert run.exit_code == code, run.output
    return run.folder.resolve()
