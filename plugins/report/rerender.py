"""``--render RUNDIR``: the report of an old run once more, from its journal alone; of a killed one as far as it got."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from plugins.journal import NAME
from plugins.report import html, page
from plugins.report.document import Document
from plugins.report.terminal import ORDER, printable, spoken
from plugins.verdict import Exit, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Literal

    from plugins.check import CheckResult

#: How pytest-html counts a check, and shows it under its filters.
_AS: dict[Outcome, Literal["passed", "failed", "skipped"]] = {
    Outcome.PASSED: "passed",
    Outcome.WARNED: "passed",
    Outcome.SKIPPED: "skipped",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "failed",
}


def rerender(config: pytest.Config, folder: Path) -> int:
    """Write ``report.html`` into the run's folder anew, and say where. Raises ``pytest.UsageError``."""
    gc.disable()  # as in a run: hundreds of thousands of operations make no garbage, and counting them takes as long
    try:
        story, parts = page.read(folder.absolute())
    except OSError as error:
        hint = "; name a run's folder, with its journal.jsonl" if str(error.filename).endswith(NAME) else ""
        raise pytest.UsageError(f"--render {folder}: {error.strerror}: {error.filename}{hint}") from error
    if not story.run_id:
        raise pytest.UsageError(f"--render {folder}: its journal.jsonl tells of no run")
    path = folder.absolute() / "report.html"
    try:
        _write(config, path, parts, story.checks, f"{story.host}: {story.suite}")
    except OSError as error:
        raise pytest.UsageError(f"--render {folder}: {error.strerror}: {error.filename}") from error
    word = spoken(story.exit_code).upper() if story.exit_code is not None else "CUT SHORT"
    print(f"{printable(story.run_id)}: {word}\nreport: {path}")  # noqa: T201 - this is what was asked for
    return int(Exit.PASS)


def _write(
    config: pytest.Config, path: Path, parts: Sequence[str], checks: tuple[CheckResult, ...], title: str
) -> None:
    from pytest_html.report_data import ReportData  # noqa: PLC0415 - only who renders pays for it
    from pytest_html.selfcontained_report import SelfContainedReport  # noqa: PLC0415 - likewise

    data = ReportData(config)
    suite = title.rpartition(" ")[2]
    report = SelfContainedReport(str(path), config, data, Document(suite), "")
    data.title = title
    data.set_data("environment", {})
    html.label(data)
    config.hook.pytest_html_results_table_header(cells=data.table_header)
    for check in sorted(checks, key=lambda one: ORDER.index(one.outcome)):
        for told in _reports(check):
            report.pytest_runtest_logreport(told)
    data.additional_summary["prefix"] += parts
    data.running_state = "finished"
    report._generate_report()  # noqa: SLF001 - its own hook would ask for a session


def _reports(check: CheckResult) -> list[pytest.TestReport]:
    """What pytest would have told of this check."""

    def told(
        when: Literal["setup", "call", "teardown"], outcome: Literal["passed", "failed", "skipped"]
    ) -> pytest.TestReport:
        return pytest.TestReport(check.id, ("", None, ""), {}, outcome, None, when)

    call = told("setup" if check.outcome is Outcome.ERROR else "call", _AS[check.outcome])
    call.duration = check.duration_s
    call.check = check  # type: ignore[attr-defined] # as ``judging`` does
    before = [] if call.when == "setup" else [told("setup", "passed")]
    return [*before, call, told("teardown", "passed")]
