"""What a run leaves beside its reports, and that none of it changes a verdict which nobody asked it to."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins import course
from plugins.active import Active
from plugins.experiment_result import ExperimentResult
from plugins.options import Suite
from plugins.recovery import Recovery
from plugins.report import aftermath, folder, past
from plugins.run import Run
from plugins.verdict import Exit, Outcome
from tests_plugins.pasts import campaigns, document, experiment, leave, name_of
from tests_plugins.test_options import ROOT, on_a_trap, run_pytest, trap
from tests_plugins.test_run import make_result, make_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "s3cret-of-redis"  # noqa: S105 - planted, to be looked for in everything that is written


def begin(reports: Path, *, keep: int | None = None, failing: bool = False, recovery_s: float = 0.4) -> Active:
    """A run of chaos that has played a restart, and is about to end."""
    bare = make_run()
    request = replace(bare.request, suite=Suite.CHAOS, report_dir=reports, keep=keep, fail_on_regression=failing)
    run = Run(request, bare.host, lambda text: text.replace(SECRET, "***"))
    run.results["n"] = make_result(Outcome.PASSED)
    ping = Recovery("ping", recovery_s, 0.4, 0.02, settled=True, flapped=False, operations=9, hold_s=2.0)
    run.experiments.append(
        ExperimentResult("restart", "restart", Outcome.PASSED, window_s={"ping": 5.0}, recoveries=(ping,))
    )
    return Active(run, folder.make(reports, run.run_id))


def end(current: Active) -> int:
    """The exit code, once all is written down."""
    course.conclude(current, 0)
    return current.exit_code


def said(current: Active) -> str:
    return "\n".join(current.run.notes)


@pytest.mark.parametrize(("failing", "code"), [(False, Exit.PASS), (True, Exit.FAILED)])
def test_a_regression_is_a_note_and_fails_where_it_is_asked_to(tmp_path: Path, failing: bool, code: int) -> None:
    """Well inside the window, and far from what the runs before it took; run.json says so, too."""
    campaigns(tmp_path, *[0.4] * 5)
    current = begin(tmp_path, failing=failing, recovery_s=1.5)
    assert end(current) == code
    assert "restart took longer than it used to: wire PING 1.50 s ± 0.02" in said(current)
    assert json.loads((tmp_path / "latest" / "run.json").read_text("utf-8"))["notes"] == current.run.notes
    assert "▲ beyond its band" in (tmp_path / "index.html").read_text("utf-8")


@pytest.mark.parametrize(("worse", "code"), [(Outcome.ERROR, Exit.FAILED), (Outcome.FAILED, Exit.FAILED)])
def test_a_regression_has_the_place_of_a_failure(tmp_path: Path, worse: Outcome, code: int) -> None:
    """Before what could not be judged, in the contract's order."""
    campaigns(tmp_path, *[0.4] * 5)
    current = begin(tmp_path, failing=True, recovery_s=1.5)
    current.run.results["other"] = make_result(worse)
    assert end(current) == code


def test_a_dirty_host_weighs_more_than_a_regression(tmp_path: Path) -> None:
    """As it weighs more than any failure."""
    campaigns(tmp_path, *[0.4] * 5)
    current = begin(tmp_path, failing=True, recovery_s=1.5)
    current.run.stop(Exit.DIRTY, "an undo is owed")
    assert end(current) == Exit.DIRTY


def test_without_a_history_a_run_says_so_and_does_not_fail(tmp_path: Path) -> None:
    """Where regressions are to fail it; else nobody asked."""
    for folder_of in ("asked", "unasked"):
        campaigns(tmp_path / folder_of, *[0.4] * 4)
    asked = begin(tmp_path / "asked", failing=True, recovery_s=4.0)
    unasked = begin(tmp_path / "unasked", recovery_s=4.0)
    assert (end(asked), end(unasked)) == (Exit.PASS, Exit.PASS)
    assert asked.run.notes == ["no regression can be told yet of restart (4): 5 earlier runs are needed"]
    assert unasked.run.notes == []


def test_older_runs_go_and_latest_stays_right(tmp_path: Path) -> None:
    """They are compared with before they go; the index tells of those that stay."""
    campaigns(tmp_path, *[0.4] * 6)
    current = begin(tmp_path, keep=2, failing=True, recovery_s=1.5)
    assert end(current) == Exit.FAILED
    assert (tmp_path / "latest").resolve().name == current.run.run_id
    assert {path.name for path in tmp_path.glob("2*")} == {current.run.run_id, name_of(5)}
    assert name_of(4) not in (tmp_path / "index.html").read_text("utf-8")


def fill_disk(monkeypatch: pytest.MonkeyPatch, *, spare: str) -> None:
    """No file can be written whole any more, but for those whose name ends so."""
    whole = past.replace_text

    def refuse(path: Path, text: str) -> None:
        if not (spare and path.name.endswith(spare)):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        whole(path, text)

    for module in (past, aftermath):
        monkeypatch.setattr(module, "replace_text", refuse)
    monkeypatch.setattr("plugins.report.index.replace_text", refuse)


@pytest.mark.parametrize("spare", ["", ".svg", "index.html"])
def test_a_full_disk_costs_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: str) -> None:
    """Each thing that cannot be written is one note."""
    fill_disk(monkeypatch, spare=spare)
    current = begin(tmp_path)
    assert end(current) == Exit.PASS
    lacking = ["no summary"] if spare == "index.html" else ["no index", "no summary"]
    assert [note.partition(": ")[0] for note in current.run.notes] == lacking
    assert all(f"{tmp_path}/" in note and "No space left on device" in note for note in current.run.notes)


def test_a_disk_that_takes_no_page_costs_no_verdict(tmp_path: Path) -> None:
    """Though it is one of pytest's plugins that writes it: no file may be longer than four blocks here."""
    command = [sys.executable, "-m", "pytest", *on_a_trap(tmp_path)]
    limited = ["/bin/sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "there verify: UNJUDGED (exit 10)" in done.stdout) == (10, True), done.stdout + done.stderr
    assert "note: the reports are incomplete: [Errno 27] File too large" in done.stdout


def lose(current: Active) -> None:
    assert current.folder.path is not None
    (current.folder.path / "journal.jsonl").unlink(missing_ok=True)
    current.folder.path.rmdir()


def supplant(current: Active) -> None:
    lose(current)
    (current.run.request.report_dir / current.run.run_id).write_text("a file in its place", encoding="utf-8")


@pytest.mark.parametrize("spoil", [lose, supplant])
def test_a_folder_that_is_gone_costs_no_verdict(tmp_path: Path, spoil: Callable[[Active], None]) -> None:
    """Somebody tidied up meanwhile."""
    current = begin(tmp_path)
    current.run.results["other"] = make_result(Outcome.FAILED)
    spoil(current)
    assert end(current) == Exit.FAILED
    assert "the report is incomplete" in said(current)


def test_a_report_directory_that_is_a_file_costs_no_verdict(tmp_path: Path) -> None:
    """The verdict is printed, and the exit code right; so it is on GitHub, where the step has its summary."""
    arguments = on_a_trap(tmp_path)
    (tmp_path / "r").touch()
    environ = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "step.md")}
    done = run_pytest(*arguments, "--keep=1", environ=environ)
    assert (done.returncode, trap(tmp_path).exists()) == (10, True), done.stdout
    assert "there verify: UNJUDGED (exit 10)" in done.stdout
    assert "cannot be reached" in (tmp_path / "step.md").read_text("utf-8")


def test_a_step_summary_that_cannot_be_written_is_one_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's own is there all the same."""
    monkeypatch.setenv(aftermath.STEP_SUMMARY, str(tmp_path))
    current = begin(tmp_path / "r")
    assert end(current) == Exit.PASS
    assert [note.partition(":")[0] for note in current.run.notes] == ["no summary in $GITHUB_STEP_SUMMARY"]
    assert (tmp_path / "r" / "latest" / "summary.md").is_file()


def test_a_fault_of_the_suite_costs_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is; and what it says holds no secret."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr("plugins.report.index.write_index", fail)
    current = begin(tmp_path)
    assert end(current) == Exit.PASS
    assert current.run.notes == ["no index: ZeroDivisionError: ***"]


def test_unreadable_runs_cost_no_verdict(tmp_path: Path) -> None:
    """They are no history."""
    campaigns(tmp_path, *[0.4] * 5)
    for each in tmp_path.glob("2*/run.json"):
        each.write_text("{", encoding="utf-8")
    leave(tmp_path, document(7, experiment(), host="other"))
    current = begin(tmp_path, failing=True, recovery_s=4.0)
    assert end(current) == Exit.PASS
    assert "restart (0)" in said(current)


def test_a_run_that_was_not_reached_is_in_the_trend(tmp_path: Path) -> None:
    """And counts for --keep."""
    arguments = [*on_a_trap(tmp_path), "--keep=2"]
    for _ in range(3):
        assert run_pytest(*arguments).returncode == 10
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    names = {path.name for path in (tmp_path / "r").glob("2*")}
    assert (len(names), all(f"{name}/report.html" in page for name in names)) == (2, True)
