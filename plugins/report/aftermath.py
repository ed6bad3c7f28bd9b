"""What a run leaves beside its own reports: notes on its history, the index, the summary; and which runs go.

None of it may change a verdict but for what ``--fail-on-regression`` asks: what goes wrong here is a note.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.options import Suite
from plugins.report import run_json
from plugins.report.past import Past, PastRun, kind_of, kinds_of, past_run, read_past, replace_text
from plugins.run import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugins.active import Active

#: Where a pipeline shows a summary of its step in Markdown.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def compare_with_history(current: Active) -> None:
    """Note which faults took longer to recover from than in earlier runs, before the exit code is known."""
    if current.run.request.suite is Suite.CHAOS and current.run.experiments:
        _do(current, "nothing was compared with earlier runs", lambda: _compare(current))


def _compare(current: Active) -> None:
    from plugins.report.trend import ENOUGH, compare  # noqa: PLC0415 - a gate has no recovery to compare

    run = current.run
    newest = past_run(run_json.document(run, current.identify(), 0))
    names = [name for name in _kinds(run.request.report_dir).get(kind_of(run.run_id), []) if name != run.run_id]
    past = read_past(run.request.report_dir, names) if names else Past(())
    found = compare(newest, past.runs)
    run.regressions = found.beyond
    run.notes += found.beyond
    if run.request.fail_on_regression and found.unproven:
        told = ", ".join(found.unproven)
        run.notes.append(f"no regression can be told yet of {told}: {ENOUGH} earlier runs are needed")


def _kinds(report_dir: Path) -> dict[str, list[str]]:
    return kinds_of(report_dir) if report_dir.is_dir() else {}


def leave(current: Active) -> None:
    """Remove what is not to be kept; write the index and the summary. Notes that this makes go into run.json, too."""
    run, folder = current.run, current.folder.path
    before = len(run.notes)
    if folder is not None:
        if run.request.keep is not None:
            _do(current, "older runs are still there", lambda: _prune(current, folder))
        _do(current, "no index", lambda: _index(current, folder.parent))
    _do(current, "no summary", lambda: _summarise(current, folder))
    if folder is not None and len(run.notes) > before:
        _do(current, "run.json lacks the last notes", lambda: run_json.write(folder / "run.json", _document(current)))


def _document(current: Active) -> Mapping[str, object]:
    return run_json.document(current.run, current.identify(), current.exit_code)


def _prune(current: Active, folder: Path) -> None:
    from plugins.report.keep import keep_newest  # noqa: PLC0415 - only paid for when asked

    complaints = keep_newest(folder.parent, folder.name, current.run.request.keep or 1)
    if complaints:
        more = f"; and {len(complaints) - 1} more" if len(complaints) > 1 else ""
        current.run.notes.append(f"older runs cannot be removed: {complaints[0]}{more}")


def _index(current: Active, report_dir: Path) -> None:
    from plugins.report.index import write_index  # noqa: PLC0415 - a run that leaves no report needs none

    run = current.run
    suite, word = run.request.suite or "", verdict(current.exit_code)
    newest = PastRun(run.run_id, run.host.name, suite, current.exit_code, word, run.duration_s, {}, ())
    write_index(report_dir, newest)


def _summarise(current: Active, folder: Path | None) -> None:
    from plugins.report.summary import summary  # noqa: PLC0415 - by now the checks are over

    report = f"{folder}/report.html" if folder is not None else ""
    text = summary(current.run, current.identify(), current.exit_code, report)
    step = os.environ.get(STEP_SUMMARY)
    if step:
        _do(current, f"no summary in ${STEP_SUMMARY}", lambda: _append(Path(step), text))
    if folder is not None:
        replace_text(folder / "summary.md", text)


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def _do(current: Active, otherwise: str, act: Callable[[], object]) -> None:
    """Do it; where that fails, whatever the fault, the verdict is still owed."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - see above
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, OSError) and error.strerror:  # a write that fails does not say where
            said = f"{error.filename or current.folder.path}: {error.strerror}"
        current.run.notes.append(current.run.redact(f"{otherwise}: {said}"))
