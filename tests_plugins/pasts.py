"""Report directories for tests: run.json files of runs that never were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def name_of(number: int, *, host: str = "staging", suite: str = "chaos") -> str:
    """The name of the run with this number, in the order of the numbers."""
    return f"202601{1 + number // 24:02d}T{number % 24:02d}0000Z-{host}-{suite}-{number:04x}"


def experiment(recovery_s: float | None = 0.4, *, fault: str = "restart", outcome: str = "passed") -> dict[str, Any]:
    """An experiment as run.json has it, seen from two vantage points."""
    return {
        "fault": fault,
        "outcome": outcome,
        "window_s": {"ping": 5.0, "backend": 5.0},
        "recovery_s": {"ping": recovery_s, "backend": 0.9},
        "uncertainty_s": {"ping": 0.02, "backend": 0.5},
    }


def document(
    number: int,
    *experiments: Mapping[str, Any],
    host: str = "staging",
    suite: str = "chaos",
    checks: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A run.json."""
    return {
        "schema": 1,
        "run_id": name_of(number, host=host, suite=suite),
        "suite": suite,
        "host": host,
        "verdict": "pass",
        "exit_code": 0,
        "duration_s": 1.25,
        "checks": [{"id": name, "outcome": outcome} for name, outcome in (checks or {}).items()],
        "experiments": list(experiments),
    }


def leave(reports: Path, content: Mapping[str, Any]) -> Path:
    """Leave a run's folder with this run.json."""
    folder = reports / str(content["run_id"])
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def campaigns(reports: Path, *recoveries: float | None) -> list[dict[str, Any]]:
    """A run of chaos for each of these recoveries from a restart, oldest first."""
    documents = [document(number, experiment(each)) for number, each in enumerate(recoveries)]
    for each in documents:
        leave(reports, each)
    return documents
