"""``summary.md``: a run in Markdown, short enough for a comment, also where a pipeline shows summaries of its steps.

What came from the host stands between ``<code>`` tags with everything escaped that Markdown, HTML, tables or mentions
know of, or in a fence that is longer than any in the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plugins.experiment_result import NO_VERDICT, lost_of, unsettled
from plugins.figures import figure
from plugins.probe import Vantage
from plugins.report.signs import word_of
from plugins.report.terminal import headline, printable, target_line
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.check import CheckResult
    from plugins.experiment_result import ExperimentResult
    from plugins.recovery import Recovery
    from plugins.report.run_json import Target
    from plugins.run import Run

#: A comment on GitHub holds 65,536 characters.
LARGEST = 58_000
#: Of one text so many characters are shown in a table, and in a fence.
_CELL = 300
_FENCE = 1_500

AMISS = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED)


def summary(run: Run, target: Target, exit_code: int, report: str) -> str:
    """The run in Markdown; ``report`` is where its page lies. At most ``LARGEST`` characters."""
    verdict = "" if run.stopped is None else code(run.stopped[1], _FENCE)
    head = [f"## {code(headline(run, exit_code))}", verdict, f"Target: {code(target_line(target))}"]
    head += [*_experiments(run), *_notes(run)]
    foot = f"\nReport: {code(report)}\n" if report else "\n"
    amiss = [result for outcome in AMISS for result in run.results.values() if result.outcome is outcome]
    if amiss:
        head.append("| | check | observed |\n|---|---|---|")
    return _fitted("\n\n".join(filter(None, head)), amiss, foot)


def _fitted(head: str, amiss: list[CheckResult], foot: str) -> str:
    """As many checks as there is room for, each with its row and, below the table, its remedy; the worst come first."""
    room = LARGEST - len(head) - len(foot) - 100
    rows: list[str] = []
    mends: list[str] = []
    for result in amiss:
        row, mend = _row(result), _mend(result)
        room -= len(row) + len(mend) + 2
        if room < 0:
            break
        rows.append(row)
        mends.append(mend)
    left = len(amiss) - len(rows)
    more = [f"\n{left} more: see the report."] if left else []
    return "\n".join([head, *rows, *filter(None, mends), *more, foot])[:LARGEST]


def _row(result: CheckResult) -> str:
    return f"| {word_of(result.outcome)} | {code(result.id)} | {code(result.reason or result.observed)} |"


def _mend(result: CheckResult) -> str:
    return f"\nMend {code(result.id)}:\n{fenced(result.remedy)}" if result.remedy else ""


def _notes(run: Run) -> Iterator[str]:
    for note in run.notes[:10]:
        yield f"Note: {code(note)}"


def _experiments(run: Run) -> Iterator[str]:
    if run.experiments:
        rows = ["| | experiment | wire PING | slowest | writes lost |", "|---|---|---|---|---|"]
        yield "\n".join(rows + [_experiment(one) for one in run.experiments[:50]])


def _experiment(one: ExperimentResult) -> str:
    if one.outcome is Outcome.SKIPPED:
        return f"| {word_of(one.outcome)} | {code(one.fault)} | {code(one.reason)} | | |"
    seen = {each.vantage: each for each in one.recoveries}
    slowest = max(
        seen.values(), key=lambda each: _INFINITE if each.recovery_s is None else each.recovery_s, default=None
    )
    ping = _recovery(one, seen.get(Vantage.PING))
    lost = lost_of(one.writes, one.phases_s)
    return f"| {word_of(one.outcome)} | {code(one.fault)} | {ping} | {_recovery(one, slowest, named=True)} | {lost} |"


_INFINITE = float("inf")


def _recovery(one: ExperimentResult, seen: Recovery | None, *, named: bool = False) -> str:
    if seen is None:
        return ""
    name = f"{code(Vantage(seen.vantage).words)} " if named else ""
    window = f" of {one.window_s[seen.vantage]:g} s" if seen.vantage in one.window_s else ""
    if seen.recovery_s is None:
        return f"{name}{unsettled(one.outcome)}{'' if one.outcome in NO_VERDICT else window}"
    return f"{name}{figure(seen.recovery_s, seen.uncertainty_s)}{window}"


def code(text: str, most: int = _CELL) -> str:
    """A text from anywhere, on one line, that says what it says and does nothing."""
    lines = " ".join(printable(_cut(text, most)).split())
    return f"<code>{re.sub(r'[^A-Za-z0-9 ,.;()=%/+-]|(?<=www)[.]', _as_number, lines)}</code>"


def _as_number(found: re.Match[str]) -> str:
    """ASCII only: letters of other alphabets mean nothing to Markdown."""
    return f"&#{ord(found[0])};" if found[0].isascii() else found[0]


def fenced(text: str) -> str:
    """A text from anywhere as a block, line by line."""
    shown = printable(_cut(text, _FENCE))
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{shown}\n{fence}\n"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"
