"""What GitHub is told of a run, and what it is kept from taking for a command."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from plugins.lock import Entry
from plugins.project import ROOT
from plugins.report.annotations import MOST, commands, fenced, mistake
from plugins.verdict import Exit, Outcome, Severity
from tests_plugins.hostile import any_text, hostile
from tests_plugins.test_options import on_a_trap, run_pytest
from tests_plugins.test_run import make_result, make_run

if TYPE_CHECKING:
    from plugins.run import Run

#: One workflow command, as the runner reads it: nothing else may stand on its line.
COMMAND = re.compile(r"::(error|warning) title=[^:,]*(?:,file=[^:,]*)?::[^\r\n]*")
NODE = "tests_verify/test_health.py::test_it"


def with_results(**counts: int) -> Run:
    """A run with so many checks of each outcome."""
    run = make_run()
    for word, count in counts.items():
        outcome = Outcome[word.upper()]
        severity = Severity.ADVICE if outcome is Outcome.WARNED else Severity.GATE
        for number in range(count):
            run.results[f"{word}{number}"] = replace(make_result(outcome, severity), id=f"{word}/{number}")
    return run


def levels(said: list[str]) -> list[str]:
    return [line.split(" ")[0].strip(":") for line in said]


def test_a_failure_is_an_error_and_what_is_not_judged_a_warning() -> None:
    """What passed or was skipped is nothing to look at; what is not judged comes before advice."""
    said = commands(with_results(warned=1, passed=3, error=1, failed=1, skipped=2), 1)
    assert [re.sub(r"::.*", "", line[2:]) for line in said] == [
        "error title=staging verify%3A failed/0",
        "warning title=staging verify%3A error/0",
        "warning title=staging verify%3A warned/0",
    ]


def test_it_says_promise_observation_and_mend() -> None:
    """In lines, with the file where the workspace has it."""
    run = make_run()
    run.results[NODE] = replace(make_result(Outcome.FAILED), observed="50%\nof it", remedy="a\nb")
    (line,) = commands(run, 1, ROOT.parent)
    assert line == (
        f"::error title=staging verify%3A a/b,file={ROOT.name}/tests_verify/test_health.py"
        "::promised: It holds.%0Aobserved: 50%25%0Aof it%0Amend: a%0Ab"
    )
    run.results[NODE] = replace(make_result(Outcome.ERROR), reason="no answer")
    assert commands(run, 10)[0].endswith("::promised: It holds.%0Areason: no answer")
    assert ",file=" not in commands(run, 1, Path("/elsewhere"))[0]


@pytest.mark.parametrize(
    ("code", "word"), [(Exit.UNJUDGED, "not judged"), (Exit.DIRTY, "the host is dirty"), (12, "refused")]
)
def test_a_run_that_was_stopped_is_one_error(code: int, word: str) -> None:
    """No check ran that a plugin for pytest could tell of."""
    run = make_run()
    run.stop(Exit(code), "there: why")
    assert commands(run, code) == [f"::error title=staging verify%3A {word}::there: why"]


def test_a_host_on_which_somebody_is_at_work_is_busy() -> None:
    """It is not dirty: nothing is owed."""
    run = make_run()
    run.stop(Exit.DIRTY, f"staging: {Entry('r', holder='ann', alive=True)}")
    assert commands(run, 11)[0].startswith("::error title=staging verify%3A the host is busy::")


@pytest.mark.parametrize(("code", "count"), [(0, 0), (2, 1), (3, 1), (5, 1), (10, 1)])
def test_an_exit_code_that_no_check_explains_is_an_error(code: int, count: int) -> None:
    """Interrupted, say, or every check skipped."""
    assert levels(commands(with_results(passed=1), code)) == ["error"] * count


@pytest.mark.parametrize(("failing", "level"), [(False, "warning"), (True, "error")])
def test_a_regression_weighs_what_it_weighs_for_the_exit_code(failing: bool, level: str) -> None:
    """A note, or a failure."""
    run = with_results(passed=1)
    run.request = replace(run.request, fail_on_regression=failing)
    run.regressions = ("restart took longer",)
    assert levels(commands(run, int(failing))) == [level]


def test_no_more_than_are_shown_are_written() -> None:
    """The last of ten says how many there are beyond it."""
    said = commands(with_results(failed=12, error=10, warned=3), 1)
    assert levels(said) == ["error"] * MOST + ["warning"] * MOST
    assert said[MOST - 1].endswith("::3 more: see the report.")
    assert said[-1].endswith("::4 more: see the report.")


@hostile
@given(any_text)
def test_hostile_text_stays_inside_its_command(text: str) -> None:
    """In the title as in the message."""
    run = make_run(name=text)
    run.results["n"] = replace(make_result(Outcome.FAILED), id=text, observed=text, remedy=text, promise=text)
    run.stop(Exit.REFUSED, text)
    run.regressions = (text,)
    for line in [*commands(run, 12), mistake(text)]:
        assert COMMAND.fullmatch(line), line


def test_nothing_between_the_fences_is_a_command() -> None:
    """Nobody can guess the word that ends it; what the run came to follows."""
    said: list[str] = []
    end = fenced(said.append, lambda: ["::error::x"])
    end()
    token = said[0].removeprefix("::stop-commands::")
    assert (said[1:], len(token) >= 32) == ([f"::{token}::", "::error::x"], True)


def test_a_reader_that_is_gone_is_no_fault() -> None:
    """The exit code is still right."""

    def write(text: str) -> None:
        if not text.startswith("::stop"):
            raise BrokenPipeError

    fenced(write, list)()


def on_github(folder: Path) -> dict[str, str]:
    return {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "step.md")}


def test_github_is_told_of_a_host_that_is_not_reached(tmp_path: Path) -> None:
    """After the fence, and in the summary of the step, which keeps what was there."""
    (tmp_path / "step.md").write_text("before\n", encoding="utf-8")
    done = run_pytest(*on_a_trap(tmp_path), environ=on_github(tmp_path))
    assert done.returncode == 10, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.lstrip().startswith("::")]
    token = lines[0].removeprefix("::stop-commands::")
    assert (lines[1], len(lines)) == (f"::{token}::", 3)
    assert lines[2].startswith("::error title=there verify%3A not judged::nobody@127.0.0.1 cannot be reached")
    step = (tmp_path / "step.md").read_text(encoding="utf-8")
    assert step == "before\n" + (tmp_path / "r" / "latest" / "summary.md").read_text(encoding="utf-8")


def test_github_is_told_of_a_wrong_command_line(tmp_path: Path) -> None:
    """It leaves no report."""
    done = run_pytest("-m", "verify", "--host", "nobody", environ=on_github(tmp_path))
    assert done.returncode == 4
    assert re.search(r"^::error title=Redis runbook%3A usage::.*there is no such host", done.stdout, re.MULTILINE)


def test_elsewhere_there_are_no_commands(tmp_path: Path) -> None:
    """People read it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    assert "::" not in run_pytest(*on_a_trap(tmp_path), environ=environ).stdout
