"""The pipelines in ``docs/gate`` are what they say: well-formed, whole, and their commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from plugins.report.readme import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = (ROOT / "docs" / "gate" / "github-actions.yml").read_text(encoding="utf-8")
GITLAB = (ROOT / "docs" / "gate" / "gitlab-ci.yml").read_text(encoding="utf-8")
#: YAML 1.1 takes the key "on" for true.
WORKFLOW: dict[Any, Any] = yaml.safe_load(GITHUB)
CALL = WORKFLOW[True]["workflow_call"]
(JOB,) = WORKFLOW["jobs"].values()
STEPS = {step.get("id") or step.get("name") or step["uses"]: step for step in JOB["steps"]}
GITLAB_JOB: dict[str, Any] = yaml.safe_load(GITLAB)["redis-gate"]
STAGING = {"STAGING_USER": "nobody", "STAGING_HOST": "127.0.0.1", "STAGING_DOMAIN": "localhost", "SINCE": "5m"}


def used(kind: str) -> set[str]:
    """The names behind ``secrets.`` and the like in the workflow's expressions."""
    text = "\n".join(line for line in GITHUB.splitlines() if not line.lstrip().startswith("#"))
    return set(re.findall(rf"\b{kind}\.(\w+)", "\n".join(re.findall(r"\$\{\{(.*?)\}\}", text))))


#: Every shell script of both pipelines.
SCRIPTS = [
    *(step["run"] for step in STEPS.values() if "run" in step),
    *("\n".join(GITLAB_JOB[part]) for part in ("before_script", "script", "after_script")),
]


@pytest.mark.parametrize("kind", ["secrets", "inputs"])
def test_a_called_workflow_declares_what_it_is_given(kind: str) -> None:
    """Else the caller's secrets and inputs never arrive."""
    assert used(kind) == set(CALL[kind])


def test_the_exit_code_reaches_the_caller() -> None:
    """From the step by the job to the workflow, each of which has to pass it on."""
    assert CALL["outputs"]["code"]["value"] == "${{ jobs.verify.outputs.code }}"
    assert JOB["outputs"]["code"] == "${{ steps.verify.outputs.code }}"
    assert '"code=$code" >> "$GITHUB_OUTPUT"' in STEPS["verify"]["run"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.split()[0])
def test_a_shell_can_read_every_script(script: str) -> None:
    """A slip there would be met only in the pipeline."""
    done = subprocess.run(["/bin/bash", "-n"], input=script, text=True, capture_output=True, timeout=10, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder whose ``.venv/bin/pytest`` is this one."""
    program = tmp_path / ".venv" / "bin" / "pytest"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pytest "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return tmp_path


def run_script(script: str, folder: Path, inventory: str = "") -> subprocess.CompletedProcess[str]:
    """A script as the pipeline's shell runs it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    known = {**STAGING, "INVENTORY": inventory, "GITHUB_OUTPUT": str(folder / "output"), "CI_PROJECT_DIR": str(folder)}
    argv = ["/bin/bash", "-e", "-c", script]
    return subprocess.run(
        argv, cwd=folder, env={**environ, **known}, text=True, capture_output=True, timeout=60, check=False
    )


def inventory_of_nobody(folder: Path) -> str:
    """A host that cannot be reached."""
    (folder / "ssh_config").write_text("Host *\n  ProxyCommand false\n", encoding="utf-8")
    text = (ROOT / "hosts.toml").read_text(encoding="utf-8")
    named = text.replace("[hosts.staging]\n", '[hosts.staging]\nssh_config = "ssh_config"\n')
    (folder / "hosts.toml").write_text(named, encoding="utf-8")
    return "hosts.toml"


def test_a_host_that_is_not_reached_is_a_warning_on_github(checkout: Path) -> None:
    """The step succeeds and says 10."""
    done = run_script(STEPS["verify"]["run"], checkout, inventory_of_nobody(checkout))
    assert (done.returncode, (checkout / "output").read_text()) == (0, "code=10\n"), done.stdout + done.stderr
    assert "::warning" in done.stdout


def test_a_wrong_inventory_is_an_error_on_github(checkout: Path) -> None:
    """The step fails with the gate's own code."""
    done = run_script(STEPS["verify"]["run"], checkout, "nowhere.toml")
    assert (done.returncode, (checkout / "output").read_text()) == (4, "code=4\n"), done.stdout + done.stderr
    assert "::error" in done.stdout


def test_a_host_that_is_not_reached_is_the_code_that_gitlab_allows(checkout: Path) -> None:
    """Shown there as a warning, too."""
    script = "\n".join(line for line in GITLAB_JOB["script"] if not line.startswith("cd "))
    done = run_script(script, checkout, inventory_of_nobody(checkout))
    assert [done.returncode] == GITLAB_JOB["allow_failure"]["exit_codes"], done.stdout + done.stderr
    after = run_script("\n".join(GITLAB_JOB["after_script"]), checkout)
    assert (after.returncode, (checkout / "redis-gate" / "run.json").is_file()) == (0, True), after.stderr
