"""The real gate for tests: run in a process of its own, as a pipeline runs it, and read from its ``run.json``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
#: A gate that takes longer (seconds) hangs.
PATIENCE_S = 90.0


@dataclass(frozen=True)
class Judged:
    """One check as ``run.json`` has it. ``said``: what was observed, and why there is no verdict."""

    id: str
    severity: str
    outcome: str
    observed: str
    reason: str
    remedy: str

    @property
    def said(self) -> str:
        """Observation and reason in one text."""
        return f"{self.observed}\n{self.reason}".strip()


@dataclass(frozen=True)
class Gate:
    """What one run of the gate came to. ``checks`` is empty where nothing could be judged."""

    exit_code: int
    checks: Mapping[str, Judged]
    output: str
    took_s: float
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def those(self, outcome: str) -> frozenset[str]:
        """The checks with this outcome."""
        return frozenset(check.id for check in self.checks.values() if check.outcome == outcome)


def run_gate(*arguments: str, reports: Path, environ: Mapping[str, str] = os.environ) -> Gate:
    """Run ``pytest -m verify`` with these arguments. ``reports`` is its report directory."""
    argv = [sys.executable, "-m", "pytest", "-m", "verify", "-q", "--report-dir", str(reports), *arguments]
    start = time.monotonic()
    done = subprocess.run(
        argv,
        cwd=ROOT,
        # Neither this pytest's own variables nor a twin of somebody else's may steer it.
        env={name: value for name, value in environ.items() if not name.startswith("PYTEST_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        timeout=PATIENCE_S,
        check=False,
    )
    took_s = time.monotonic() - start
    document = _document(reports)
    return Gate(done.returncode, _checks(document), done.stdout, took_s, document)


def _document(reports: Path) -> Mapping[str, Any]:
    """The newest run's ``run.json``; empty where the run left none, as after a wrong command line."""
    try:
        document: dict[str, Any] = json.loads((reports / "latest" / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return document


def _checks(document: Mapping[str, Any]) -> dict[str, Judged]:
    fields = ("id", "severity", "outcome", "observed", "reason", "remedy")
    return {check["id"]: Judged(*(check[name] for name in fields)) for check in document.get("checks", [])}
