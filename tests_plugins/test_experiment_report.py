"""What a person is told of experiments: in the terminal, in the page, and how to go on where one failed."""

from __future__ import annotations

import html
import importlib.util
import inspect
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.experiment_result import ExperimentResult, Writes
from plugins.inventory import Environment, Host, Windows
from plugins.recovery import Recovery
from plugins.remedy import render
from plugins.report.experiments import cut_short, line, observed
from plugins.verdict import Outcome
from tests_plugins.chaos import ROOT, environ_for, play, select
from tests_plugins.test_run import make_result
from twin import up
from twin.options import Options

if TYPE_CHECKING:
    from tests_plugins.chaos import Played

WINDOW = {"ping": 5.0, "backend": 5.0}


def recovery(vantage: str, recovery_s: float | None, outage_s: float | None) -> Recovery:
    return Recovery(
        vantage,
        recovery_s,
        outage_s,
        uncertainty_s=0.02,
        settled=True,
        flapped=False,
        operations=100,
        hold_s=2.0,
        well_s=recovery_s,
    )


def result(*recoveries: Recovery, lost: int = 0, reason: str = "") -> ExperimentResult:
    return ExperimentResult(
        "restart",
        "restart",
        Outcome.FAILED if reason else Outcome.PASSED,
        reason=reason,
        window_s=WINDOW,
        recoveries=recoveries,
        writes=Writes(900, lost, 2),
    )


@pytest.mark.parametrize(
    ("experiment", "words"),
    [
        (
            result(recovery("ping", 0.41, 0.38), recovery("backend", 0.9, 1.2)),
            (
                "restart: wire PING away 0.38 s, well 0.41 s ± 0.02 after the command;"
                " the slowest: backend away 1.20 s, well 0.90 s ± 0.02 after the command;"
                " of 5 s; 900 writes acknowledged, none lost"
            ),
        ),
        (
            result(recovery("ping", 0.0, None), recovery("backend", 0.0, None), lost=3),
            (
                "restart: wire PING never away, well when the command returned;"
                " of 5 s; 900 writes acknowledged, 3 lost, as the persistence permits"
            ),
        ),
    ],
)
def test_an_experiment_that_went_well_is_one_line(experiment: ExperimentResult, words: str) -> None:
    """What a client saw, the slowest to come back, the window, and the writes."""
    assert line(experiment) == words


def test_an_experiment_that_was_cut_short_says_by_what_and_whether_it_is_undone() -> None:
    """No check tells of it: its test was ended, too."""
    cut = replace(result(), outcome=Outcome.ERROR, reason="ended by KeyboardInterrupt", writes=Writes())
    assert line(replace(cut, phases_s={"fault": 0.1})) == "restart: ended by KeyboardInterrupt; the fault is undone"
    assert line(replace(cut, undone=False)) == "restart: ended by KeyboardInterrupt; the fault is not undone"
    assert cut_short([cut, result()], []) == [cut]
    assert cut_short([cut], [replace(make_result(Outcome.ERROR), id="restart/it[restart]")]) == []


def test_writes_that_nobody_read_back_are_not_told_as_none() -> None:
    """The figures are all 0 until then."""
    early = replace(result(recovery("ping", 0.4, 0.4)), writes=Writes())
    assert "writes: not read back" in early.describe()
    assert line(early).endswith("writes not read back")
    assert "writes: 0 acknowledged" in replace(early, phases_s={"checks": 1.0}).describe()


def test_why_it_failed_is_told_first() -> None:
    """And once, however the reasons and what was seen overlap."""
    told = observed(result(recovery("ping", 6.0, 7.0), reason="recovered_within_window: ping\nchecklist/x: red"))
    assert told.splitlines()[:2] == ["recovered_within_window: ping", "checklist/x: red"]
    assert len(set(told.splitlines())) == len(told.splitlines())


def remedies() -> list[tuple[str, str]]:
    """The experiments' tests with their templates."""
    found = []
    for path in sorted((ROOT / "tests_chaos").glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"described_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_"):
                marks = {mark.name: mark.args for mark in getattr(test, "pytestmark", ())}
                found.append((name, "".join(marks.get("remedy", ()))))
    return found


@pytest.mark.parametrize(("name", "template"), remedies())
def test_every_experiment_says_how_to_go_on(name: str, template: str) -> None:
    """In commands that a shell can read, for any host."""
    commands = render(template, Host(name="h", environment=Environment.STAGING, project_dir="~/it's here"))
    assert commands, name
    done = subprocess.run(["/bin/sh", "-n"], input=commands, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One run of an experiment that passes, one that must fail for want of time, and one that may not be played."""
    folder = tmp_path_factory.mktemp("told")
    with up(kind="processes", options=Options(start_delay_s=0.3)) as twin:
        environ = environ_for(twin, folder, windows=Windows(kill=1e-6, hold_s=0.5))
        return play(*select("client_kill_one", "kill", "crash"), "-rs", reports=folder / "r", environ=environ)


def told(played: Played) -> str:
    """What the terminal shows at the end."""
    return played.output.partition("= runbook =")[2]


def test_the_terminal_tells_of_each_experiment(mixed: Played) -> None:
    """The good one on a line, the skipped one with its reason, the failed one with its reasons and a mend."""
    assert (mixed.exit_code, mixed.outcomes) == (
        1,
        {"client_kill_one": "passed", "crash": "skipped", "kill": "failed"},
    ), mixed.output
    end = told(mixed)
    assert re.search(r"^passed client_kill_one: wire PING .*writes acknowledged, none lost$", end, re.MULTILINE)
    assert re.search(r"^skipped \S*\[crash\]: crash is not among the faults", end, re.MULTILINE)
    failed = end.partition("FAILED ")[2]
    assert re.search(r"^  observed  recovered_within_window: .*\(window 1e-06 s\)", failed, re.MULTILINE)
    assert re.search(r"^  mend      cd .*\n.*docker compose .* ps --all$", failed, re.MULTILINE)


def test_the_page_has_a_row_for_each_experiment(mixed: Played) -> None:
    """What was expected, what was seen, and the mend where it failed."""
    page = (mixed.folder / "report.html").read_text(encoding="utf-8")
    blob = re.search(r'data-jsonblob="([^"]*)"', page)
    assert blob is not None
    rows = {
        name: "".join(runs[0]["resultsTableRow"]) for name, runs in json.loads(html.unescape(blob[1]))["tests"].items()
    }
    (failed,) = (row for name, row in rows.items() if name.endswith("[kill]"))
    (passed,) = (row for name, row in rows.items() if name.endswith("[client_kill_one]"))
    assert "well again within 1e-06 s or 5 s" in failed
    assert "recovered_within_window: " in failed
    assert "logs --tail 50" in failed
    assert "acknowledged" in passed
    assert "logs --tail 50" not in passed


def test_the_machine_reads_the_same(mixed: Played) -> None:
    """The reason stands in run.json, with the figures that it rests on."""
    kill = mixed.experiments["kill"]
    assert "recovered_within_window" in kill["reason"]
    assert kill["window_s"]["ping"] == pytest.approx(1e-6)
    assert kill["recovery_s"]["ping"] > 0
    assert Path(mixed.folder, "junit.xml").is_file()
