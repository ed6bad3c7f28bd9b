"""``report.html``, made by pytest-html on a page of our own: verdict first, then what was seen, then a row a check.

pytest-html hands node ids, environment values and table cells to the browser as markup (it escapes logs only),
so every text is escaped here, where it becomes a cell.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pytest

from plugins.active import active
from plugins.report.signs import word_of
from plugins.report.terminal import ORDER, printable
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from markupsafe import Markup

    from plugins.active import Active
    from plugins.check import CheckResult
    from plugins.options import Suite

# pytest-html filters and sorts by its own words in the column "result", and knows no "warned" or "unjudged":
# that column is hidden, and the one beside it says what the outcome is.
_HEADER = [
    '<th class="sortable hidden" data-column-type="result">Result</th>',
    '<th class="sortable" data-column-type="outcome">Outcome</th>',
    '<th class="sortable" data-column-type="testId">Promised</th>',
    '<th class="sortable" data-column-type="runbook">Runbook</th>',
    "<th>Observed, and what mends it</th>",
    '<th class="sortable" data-column-type="duration">Time</th>',
]

_rows = pytest.StashKey[dict[str, object]]()


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: object) -> None:
    """Name the page after the host and the suite."""
    # The plugin is given only the report; its configuration is the one thing that leads back to the run.
    current = active(report.config)  # type: ignore[attr-defined]  # pytest-html has no types
    if current is not None:
        label(report)
        run = current.run
        report.config.stash[_rows] = report.data["tests"]  # type: ignore[attr-defined]  # the same
        report.title = f"{run.host.name}: {run.request.suite}"  # type: ignore[attr-defined]  # the same
        _lay_out(report, run.request.suite)


def label(report: object) -> None:
    """Our words in the filters, and our order of rows; ``report`` is pytest-html's ``ReportData``."""
    words = {"passed": "passed or warned", "failed": "failed", "skipped": "skipped", "error": "unjudged"}
    for outcome, word in words.items():
        report.outcomes[outcome]["label"] = word  # type: ignore[attr-defined]  # pytest-html has no types
    report.data["initialSort"] = "original"  # type: ignore[attr-defined]  # the same


def _lay_out(report: object, suite: Suite | None) -> None:
    """Put our page in the place of pytest-html's own, which nothing but its template decides."""
    from plugins.report.document import Document  # noqa: PLC0415 - only a run that leaves a report pays for it

    for _, plugin in report.config.pluginmanager.list_name_plugin():  # type: ignore[attr-defined]  # pytest-html has no types
        if getattr(plugin, "_report", None) is report:
            plugin._template = Document(str(suite))  # noqa: SLF001 - it has no other way


def pytest_configure(config: pytest.Config) -> None:
    """Show nothing of the environment of whoever ran it: the page says what is to be known."""
    if active(config) is not None:
        from pytest_metadata.plugin import metadata_key  # noqa: PLC0415 - a bare pytest makes no report

        config.stash[metadata_key] = {}


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """The verdict, and everything that is no row, above the table."""
    current = active(session.config)
    if current is not None:
        prefix += _summary(current)
        _order_rows(session.config.stash.get(_rows, {}), current)


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_header(cells: list[str]) -> None:
    """A column for each thing that a check says."""
    cells[:] = _HEADER


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: pytest.TestReport, cells: list[str]) -> None:
    """One row a check."""
    result: CheckResult | None = getattr(report, "check", None)
    if result is None and report.passed:  # set-up and tear-down: leaving the row out spares its making
        cells.clear()
        return
    category, duration = cells[0], cells[2]
    if result is None:  # a test file that could not even be collected
        what = " ".join(report.longreprtext.split()[:60])
        texts = [
            ("outcome unjudged", "unjudged"),
            ("testId", report.nodeid),
            ("runbook", ""),
            ("seen", what),
        ]
        cells[:] = [
            category,
            *(_cell(*text) for text in texts),
            duration,
        ]
        return
    cells[:] = cells_of(result, category, duration)


def cells_of(result: CheckResult, category: str, duration: str) -> list[str]:
    """The row of one check; ``category`` and ``duration`` are cells that pytest-html made."""
    word = word_of(result.outcome)
    expected = "" if result.expected in ("", result.promise) else f"<br/>expected: {_text(result.expected)}"
    seen = _text("\n".join(dict.fromkeys(filter(None, (result.observed, result.reason)))))
    mend = f'<pre class="mend">{_text(result.remedy)}</pre>' if result.remedy else ""
    about = f"{_text(result.promise)}{expected}<br/><small>{_text(result.id)}, {result.severity}</small>"
    return [
        category,
        _cell(f"outcome {word}", word),
        f'<td class="col-testId">{about}</td>',
        _cell("runbook", "; ".join(result.runbook)),
        f'<td class="col-seen">{seen}{mend}</td>',
        duration,
    ]


def _summary(current: Active) -> list[Markup]:
    """What stands above the table, from the journal alone."""
    if current.folder.path is None:
        return []
    from plugins.report import page  # noqa: PLC0415 - only a run that leaves a report pays for it

    return page.read(current.folder.path)[1]


def _order_rows(rows: dict[str, object], current: Active) -> None:
    """What needs somebody's eye stands first; a file that could not be collected is unjudged."""

    def rank(node: tuple[str, object]) -> int:
        result = current.run.results.get(node[0])
        return ORDER.index(result.outcome if result else Outcome.ERROR)

    ordered = sorted(rows.items(), key=rank)
    rows.clear()
    rows.update(ordered)


def _cell(names: str, text: str) -> str:
    return f'<td class="col-{names}">{_text(text)}</td>'


def _text(text: str) -> str:
    return escape(printable(text))
