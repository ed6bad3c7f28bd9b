"""What a person reads in the terminal: the target, then the verdict and what to do about it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest

from plugins.active import active, left_out
from plugins.experiment_result import NO_VERDICT
from plugins.report.experiments import cut_short, line
from plugins.report.signs import word_of
from plugins.run import verdict
from plugins.verdict import Exit, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _pytest.terminal import TerminalReporter

    from plugins.check import CheckResult
    from plugins.report.run_json import Target
    from plugins.run import Run

_COLOURS = {
    Outcome.FAILED: {"red": True, "bold": True},
    Outcome.ERROR: {"red": True},
    Outcome.WARNED: {"yellow": True},
}
ORDER = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.PASSED, Outcome.SKIPPED)
#: What ``-r`` shows beyond what is always shown, by its letters. (``-v`` lists what passed as it goes.)
_LISTED = {Outcome.PASSED: "pPA", Outcome.SKIPPED: "saA"}
#: How ``lock.Entry`` tells of a run that lives.
_BUSY = "holds the lock"
_listed = pytest.StashKey[list[Outcome]]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave the results to this plugin: pytest would show them once more, as tracebacks."""
    if active(config) is not None and hasattr(config.option, "reportchars"):  # there is a terminal: no -p no:terminal
        wanted = config.option.reportchars.rpartition("N")[2] + ("s" if config.option.verbose > 0 else "")
        config.stash[_listed] = [outcome for outcome, letters in _LISTED.items() if set(letters) & set(wanted)]
        config.option.tbstyle = "no"
        config.option.reportchars = ""


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which host this run is about."""
    current = active(config)
    if current is None:
        return []
    host = current.run.host
    return [f"host: {host.name} ({host.environment}), {host.ssh or 'this machine'}, {host.project_dir}"]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let GitHub's runner take nothing of what follows for a command; what the run came to it is told at the end."""
    current, out = active(session.config), session.config.pluginmanager.get_plugin("terminalreporter")
    if current is not None and isinstance(out, pytest.TerminalReporter) and os.environ.get("GITHUB_ACTIONS") == "true":
        from plugins.report import annotations  # noqa: PLC0415 - only paid for there

        session.config.add_cleanup(annotations.fenced(out.write_line, partial(annotations.commands_of, current)))


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The failures with their mend, what could not be judged, the notes, the verdict, the report."""
    current = active(config)
    if current is None:
        for suite in sorted(left_out(config)):
            terminalreporter.write_line(f"tests_{suite} asks a live host: pytest -m {suite} --host NAME", yellow=True)
        return
    run, out = current.run, terminalreporter
    out.section("runbook")
    _show_results(out, run, config.stash[_listed])
    if (current.facts is not None or current.identity is not None) and run.stopped is None:
        out.write_line(f"target: {printable(target_line(current.identify()))}")
    for note in run.notes:
        out.write_line(f"note: {printable(note)}")
    if run.stopped is not None:
        out.write_line(printable(run.stopped[1]), red=True, bold=True)
    code = current.exit_code
    out.write_line(headline(run, code), bold=True, red=code != 0, green=code == 0)
    page = current.folder.path / "report.html" if current.folder.path is not None else None
    if page is not None and page.is_file() and code != Exit.USAGE:
        out.write_line(f"report: {page}")


def headline(run: Run, exit_code: int) -> str:
    """The verdict in one line."""
    outcomes = [result.outcome for result in run.results.values()]
    suite = str(run.request.suite)
    what = ", ".join(counted(outcomes)) or "nothing was checked"
    if exit_code == Exit.INTERRUPTED and run.selected:
        what = so_far(outcomes, run.selected, suite)
    return f"{run.host.name} {suite}: {spoken(exit_code).upper()} (exit {exit_code}): {what}, in {run.duration_s:.2f} s"


def spoken(exit_code: int) -> str:
    """The verdict as people read it: the contract has no word of its own for a run that somebody ended."""
    return "interrupted" if exit_code == Exit.INTERRUPTED else verdict(exit_code)


def is_busy(reason: str) -> bool:
    """Whether the host is dirty only since another run is at work on it."""
    return reason.endswith(_BUSY)


def counted(outcomes: Sequence[Outcome]) -> list[str]:
    """How many there are of each, the worst first."""
    return [f"{outcomes.count(outcome)} {word_of(outcome)}" for outcome in ORDER if outcome in outcomes]


def so_far(outcomes: Sequence[Outcome], selected: int, suite: str) -> str:
    """How many of those that were to be judged have been, as "1 of 3 experiments judged (1 passed)"."""
    judged = sum(outcome not in NO_VERDICT for outcome in outcomes)
    what = f"{'experiment' if suite == 'chaos' else 'check'}{'s' * (selected != 1)}"
    counts = f" ({', '.join(counted(outcomes))})" if outcomes else ""
    return f"{judged} of {selected} {what} judged{counts}"


def printable(text: str) -> str:
    """The text with control characters made visible: what a host sends must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def _show_results(out: TerminalReporter, run: Run, listed: list[Outcome]) -> None:
    """What is amiss in full, the worst last; of the others a line each, where it is listed or an experiment."""
    for experiment in run.experiments:
        if experiment.outcome is Outcome.PASSED:
            out.write("passed ", green=True)
            out.line(printable(line(experiment)))
        elif experiment.outcome is Outcome.SKIPPED and Outcome.SKIPPED not in listed:
            out.line(printable(f"skipped {experiment.fault}: {experiment.reason}"))
    for experiment in cut_short(run.experiments, run.results.values()):
        out.write("UNJUDGED ", **_COLOURS[Outcome.ERROR])
        out.line(printable(line(experiment)))
    for outcome in (Outcome.WARNED, Outcome.ERROR, Outcome.FAILED, *listed):
        for result in run.results.values():
            if result.outcome is outcome and outcome in listed:
                out.write_line(f"{outcome} {result.id}: {printable(result.reason or result.observed)}")
            elif result.outcome is outcome:
                _show(out, result)


def _show(out: TerminalReporter, result: CheckResult) -> None:
    sections = "; ".join(result.runbook)
    out.write(f"{word_of(result.outcome).upper()} ", **_COLOURS[result.outcome])
    out.line(result.id + (f"  [{sections}]" if sections else ""))
    for text in printable(result.describe()).splitlines():
        out.line(f"  {text}")


def target_line(target: Target) -> str:
    """Which host, Redis and containers the run was about, as far as they were reached."""
    return ", ".join(_target_words(target))


def _target_words(target: Target) -> Iterator[str]:
    yield target["hostname"] or "engine unknown"
    run = f" (run {target['redis_run_id'][:8]})" if target["redis_run_id"] else ""
    yield f"Redis {target['redis_version']}{run}" if target["redis_version"] else "Redis unknown"
    if target["containers"]:
        yield f"containers {', '.join(target['containers'])}"
