"""How a check is judged, and how pytest is told.

A check is a pytest test. It passes by returning, fails by ``assert``, and reaches no verdict by raising one of
``verdict.NotJudged``. This plugin turns that into a ``CheckResult``, which every report is rendered from.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest

from plugins.active import active
from plugins.check import Check, CheckResult, check_id
from plugins.mishap import told
from plugins.options import Suite
from plugins.remedy import render
from plugins.verdict import Blocked, NotApplicable, Outcome, Severity, Unjudged, Unreachable

if TYPE_CHECKING:
    from collections.abc import Generator

    from plugins.active import Active
    from plugins.inventory import Host

_recorder = pytest.StashKey[Check]()


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """Where a check writes down what it expected and what it saw."""
    recorder: Check = request.node.stash[_recorder]
    return recorder


def severity_of(item: pytest.Item) -> Severity:
    """The severity that the check's marker states. Raises ``pytest.UsageError`` when it states none, or both."""
    if item.get_closest_marker(Suite.CHAOS):
        return Severity.GATE
    marked = [severity for severity in Severity if item.get_closest_marker(severity)]
    if len(marked) != 1:
        raise pytest.UsageError(f"{item.nodeid}: mark it either @pytest.mark.gate or @pytest.mark.advice")
    return marked[0]


def promise_of(item: pytest.Item) -> str:
    """The test's docstring in one line: what the check promises."""
    text = inspect.getdoc(getattr(item, "function", item)) or item.name
    return re.sub(r"\s+", " ", text).strip()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lay out the recorder that the check writes to."""
    if active(item.config) is not None:
        remedy = item.get_closest_marker("remedy")
        item.stash[_recorder] = Check(promise_of(item), remedy=remedy.args[0] if remedy else "")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the check and let pytest's report say the same."""
    report = yield
    current = active(item.config)
    if current is None or _recorder not in item.stash:
        return report
    if report.when == "call" or (report.when == "setup" and call.excinfo is not None):
        result = _judge(item, call, current)
        current.judged(report.nodeid, result)
        _tell_pytest(report, result)
    elif call.excinfo is not None:
        current.run.break_off(f"{report.nodeid}, tear-down: {call.excinfo.exconly()}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that cannot be collected holds checks that nobody judges."""
    report = yield
    current = active(collector.config)
    if current is not None and report.failed:
        current.run.break_off(f"{report.nodeid} cannot be collected")
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show warned checks as such, not as passed."""
    result: CheckResult | None = getattr(report, "check", None)
    if result is not None and report.when == "call" and result.outcome is Outcome.WARNED:
        return "warned", "w", ("WARNED", {"yellow": True})
    return None


def _judge(item: pytest.Item, call: pytest.CallInfo[None], current: Active) -> CheckResult:
    run, recorder = current.run, item.stash[_recorder]
    severity = severity_of(item)
    outcome, reason = outcome_of(call.excinfo, severity, strict=run.request.strict)
    runbook = item.get_closest_marker("runbook")
    amiss = outcome in (Outcome.FAILED, Outcome.WARNED)
    clean = run.redact
    return CheckResult(
        id=check_id(item.nodeid),
        promise=promise_of(item),
        severity=severity,
        outcome=outcome,
        runbook=(*(runbook.args if runbook else ()), *recorder.runbook),
        expected=clean(recorder.expected),
        observed=clean(recorder.observed),
        remedy=clean(render(recorder.remedy, _site(current))) if amiss and recorder.remedy else "",
        reason=clean(reason),
        duration_s=round(call.duration, 6),
        blocked_by=_blocker(call.excinfo),
    )


def _site(current: Active) -> Host:
    """The host as a person would find it who mends it."""
    return current.facts.site if current.facts is not None else current.run.host


def _blocker(excinfo: pytest.ExceptionInfo[BaseException] | None) -> str:
    return excinfo.value.by if excinfo is not None and isinstance(excinfo.value, Blocked) else ""


def outcome_of(
    excinfo: pytest.ExceptionInfo[BaseException] | None, severity: Severity, *, strict: bool
) -> tuple[Outcome, str]:
    """The outcome, and why there is no verdict where there is none."""
    if excinfo is None:
        return Outcome.PASSED, ""
    match excinfo.value:
        case AssertionError():
            fatal = severity is Severity.GATE or strict
            return (Outcome.FAILED if fatal else Outcome.WARNED), ""
        case Blocked() | NotApplicable() as absent:
            return Outcome.SKIPPED, absent.reason
        case Unjudged() | Unreachable() as unknown:
            return Outcome.ERROR, str(unknown)
        case pytest.skip.Exception() as skipped:
            return Outcome.SKIPPED, str(skipped)
        case fault:  # a fault of the suite itself must never look like a verdict on the host
            return Outcome.ERROR, f"fault in the suite: {told(fault)}"


def _tell_pytest(report: pytest.TestReport, result: CheckResult) -> None:
    """Give pytest, and through it junit.xml, the outcome that was reached."""
    report.user_properties += [
        ("severity", str(result.severity)),
        ("outcome", str(result.outcome)),
        ("runbook", "; ".join(result.runbook)),
        ("expected", result.expected),
        ("observed", result.observed),
    ]
    report.sections.clear()
    report.check = result  # type: ignore[attr-defined]  # reports carry what plugins put on them
    match result.outcome:
        case Outcome.PASSED | Outcome.WARNED:
            report.outcome, report.longrepr = "passed", None
        case Outcome.SKIPPED:
            path, line, _ = report.location
            report.outcome, report.longrepr = "skipped", (path, line or 0, result.reason)
        case Outcome.FAILED:
            report.outcome, report.longrepr = "failed", result.describe()
        case Outcome.ERROR:
            # junit.xml has <error> for what breaks in set-up and <failure> for what breaks in the call:
            # just the difference between "could not be judged" and "is bad".
            report.outcome, report.longrepr, report.when = "failed", result.describe(), "setup"
