"""The schedules in ``docs/schedule`` can be read by what runs them, and their commands end as they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from plugins.report.readme import ROOT
from tests_plugins.staging import skip_or_fail

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "docs" / "schedule"
WORKFLOW: dict[Any, Any] = yaml.safe_load((FOLDER / "github-actions.yml").read_text(encoding="utf-8"))
(JOB,) = WORKFLOW["jobs"].values()
STEPS = {step.get("name") or step.get("run") or step["uses"]: step for step in JOB["steps"]}
CRONTAB = [line for line in (FOLDER / "crontab").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
SCRIPTS = [*(step["run"] for step in STEPS.values() if "run" in step), CRONTAB[-1].split(None, 5)[-1]]


def shell(script: str, code: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder whose ``pytest`` ends with that exit code."""
    program = folder / ".venv" / "bin" / "pytest"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho judged\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    argv = ["/bin/bash", "-e", "-c", script]
    return subprocess.run(argv, cwd=folder, text=True, capture_output=True, timeout=10, check=False, env=os.environ)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.split()[0])
def test_a_shell_can_read_every_script(script: str) -> None:
    """A slip there would be met only at night."""
    done = subprocess.run(["/bin/sh", "-n"], input=script, text=True, capture_output=True, timeout=10, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("code", "step"), [(0, 0), (1, 1), (10, 0), (11, 11), (12, 12), (2, 2)])
def test_the_workflow_fails_where_recovery_or_the_host_did(code: int, step: int, tmp_path: Path) -> None:
    """What could not be judged is a warning: a night without a network proves nothing."""
    assert shell(STEPS["Chaos"]["run"], code, tmp_path).returncode == step


@pytest.mark.parametrize(("code", "mailed"), [(0, ""), (11, "judged\nexit 11\n")])
def test_cron_mails_only_what_went_wrong(code: int, mailed: str, tmp_path: Path) -> None:
    """Cron sends whatever is printed."""
    line = CRONTAB[-1].split(None, 5)[-1]
    settings = tmp_path / "settings"
    settings.write_text("STAGING_USER=deploy\n", encoding="utf-8")
    script = line.replace("/opt/redis-runbook-suite", str(tmp_path)).replace(f"{tmp_path}.env", str(settings))
    script = script.replace("/etc/redis-runbook-suite.env", str(settings))
    assert shell(script, code, tmp_path).stdout == mailed


def test_cron_takes_no_percent_sign_for_a_line_end() -> None:
    """In a crontab an unescaped one ends the command, and the rest becomes its input."""
    assert not re.search(r"(?<!\\)%", CRONTAB[-1])


def test_systemd_can_read_the_units(tmp_path: Path) -> None:
    """As systemd itself judges them; the program and its user are elsewhere."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        skip_or_fail("systemd-analyze is not there")
        return
    for name in ("redis-chaos.service", "redis-chaos.timer"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text), encoding="utf-8")
    argv = [analyze, "verify", "--man=no", str(tmp_path / "redis-chaos.timer"), str(tmp_path / "redis-chaos.service")]
    done = subprocess.run(argv, text=True, capture_output=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if "redis-chaos" in line]
    assert ours == []
