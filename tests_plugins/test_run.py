"""What a run comes to: the contract's exit codes and their precedence."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.check import CheckResult
from plugins.inventory import Environment, Host
from plugins.options import Request, Suite
from plugins.run import Run, verdict
from plugins.verdict import PRECEDENCE, Exit, Outcome, Severity, worst


def make_run(*, strict: bool = False, name: str = "staging") -> Run:
    request = Request(
        suite=Suite.VERIFY,
        host=name,
        inventory=Path("hosts.toml"),
        report_dir=Path("reports"),
        wait_s=0,
        stable_for_s=0,
        since=None,
        strict=strict,
        plan=False,
        inspect=None,
        redact=False,
    )
    return Run(request, Host(name=name, environment=Environment.STAGING), redact=str)


def make_result(outcome: Outcome, severity: Severity = Severity.GATE) -> CheckResult:
    return CheckResult(
        id="a/b",
        promise="It holds.",
        severity=severity,
        outcome=outcome,
        runbook=(),
        expected="",
        observed="",
        remedy="",
        reason="",
        duration_s=0.0,
    )


@pytest.mark.parametrize(
    ("outcome", "severity", "code"),
    [
        (Outcome.PASSED, Severity.GATE, 0),
        (Outcome.FAILED, Severity.GATE, 1),
        (Outcome.ERROR, Severity.GATE, 10),
        (Outcome.WARNED, Severity.ADVICE, 0),
        (Outcome.ERROR, Severity.ADVICE, 0),
        (Outcome.SKIPPED, Severity.GATE, 10),
    ],
)
def test_one_check_decides_the_exit_code(outcome: Outcome, severity: Severity, code: int) -> None:
    """A run of one check ends with what that check came to; nothing but skips is not green."""
    run = make_run()
    run.results["x"] = make_result(outcome, severity)
    assert run.exit_code(0) == code


def test_a_skip_beside_a_pass_is_green() -> None:
    """What does not apply does not spoil what does."""
    run = make_run()
    run.results["x"] = make_result(Outcome.PASSED)
    run.results["y"] = make_result(Outcome.SKIPPED)
    assert run.exit_code(0) == 0


def test_unjudged_advice_is_fatal_only_when_strict() -> None:
    """``--strict`` makes advice weigh as much as a gate, also where it could not be judged."""
    run = make_run(strict=True)
    run.results["x"] = make_result(Outcome.ERROR, Severity.ADVICE)
    assert run.exit_code(0) == Exit.UNJUDGED


def test_runs_are_named_in_the_order_in_which_they_began() -> None:
    """Within one second, too: the newest baseline is the one whose name is the last."""
    second = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    began = [second + timedelta(milliseconds=after) for after in (0, 1, 90, 500, 999, 1000)]
    names = [replace(make_run(), started=instant).run_id for instant in began]
    assert (names, len(set(names))) == (sorted(names), len(names))


@pytest.mark.parametrize(("kept", "lost"), list(itertools.combinations(PRECEDENCE, 2)))
def test_precedence(kept: Exit, lost: Exit) -> None:
    """Of two codes, the one that comes first in the contract's order wins."""
    assert worst([lost, kept]) == kept


def test_an_interrupted_run_says_so_even_if_a_check_had_failed() -> None:
    """2 outranks 1: the run did not see everything."""
    run = make_run()
    run.results["x"] = make_result(Outcome.FAILED)
    assert run.exit_code(2) == 2


def test_nothing_selected_keeps_pytests_own_code() -> None:
    """No test matched ``-k``: 5, as everywhere."""
    assert make_run().exit_code(5) == 5


def test_an_unreachable_host_is_unjudged() -> None:
    """Nothing ran because nothing was reached."""
    run = make_run()
    run.stop(Exit.UNJUDGED, "no route")
    assert run.exit_code(0) == Exit.UNJUDGED


@pytest.mark.parametrize(("code", "word"), [(0, "pass"), (1, "fail"), (10, "unjudged"), (11, "dirty"), (12, "refused")])
def test_each_exit_code_has_its_word(code: int, word: str) -> None:
    """``run.json`` says in a word what the exit code says in a number."""
    assert verdict(code) == word


@pytest.mark.parametrize("code", [2, 3, 5, 99])
def test_a_run_that_did_not_finish_is_unjudged(code: int) -> None:
    """Interrupted, broken or empty: never a pass."""
    assert verdict(code) == "unjudged"


def test_a_hosts_name_cannot_leave_the_report_directory() -> None:
    """The run's folder is named after the host, whatever the host is named."""
    assert "/" not in make_run(name="../../etc/x y").run_id


@pytest.mark.parametrize(("kept", "lost"), list(itertools.combinations((Exit.REFUSED, Exit.DIRTY, Exit.INTERNAL), 2)))
def test_a_run_that_ends_for_two_reasons_keeps_the_one_that_comes_first(kept: Exit, lost: Exit) -> None:
    """An undo that is owed is told, whatever else broke then."""
    for first, second in ((kept, lost), (lost, kept)):
        run = make_run()
        run.stop(first, str(first))
        run.stop(second, str(second))
        assert run.stopped == (kept, str(kept))


def test_a_file_that_cannot_be_collected_is_not_green() -> None:
    """Its checks are missing, and all the others may well have passed."""
    run = make_run()
    run.results["x"] = make_result(Outcome.PASSED)
    run.break_off("tests_verify/test_x.py cannot be collected")
    assert (run.exit_code(1), run.notes) == (
        Exit.UNJUDGED,
        ["a fault in the suite: tests_verify/test_x.py cannot be collected"],
    )


def test_a_skip_that_nothing_red_explains_is_unjudged() -> None:
    """Redis stopped and its own check not selected: what is blocked by it must not be green."""
    run = make_run()
    run.results["x"] = make_result(Outcome.PASSED)
    run.results["y"] = replace(make_result(Outcome.SKIPPED), blocked_by="container/redis_is_running")
    assert run.exit_code(0) == Exit.UNJUDGED


def test_a_skip_that_something_red_explains_adds_nothing() -> None:
    """One broken Redis is one red."""
    run = make_run()
    run.results["x"] = replace(make_result(Outcome.FAILED), id="container/redis_is_running")
    run.results["y"] = replace(make_result(Outcome.SKIPPED), blocked_by="container/redis_is_running")
    assert run.exit_code(1) == Exit.FAILED


def test_checks_that_never_ran_are_not_green() -> None:
    """Stopped early, by ``-x`` or a broken test file: what was not asked is not known."""
    run = make_run()
    run.selected = 2
    run.results["x"] = make_result(Outcome.PASSED)
    assert run.exit_code(1) == Exit.UNJUDGED
