"""``index.html``: how a host's runs compare, rewritten at the end of every run from what the report directory holds.

The page is put together of parts, one for each host and suite. A part is kept beside the runs until a run of its kind
comes or goes, so that a gate renders its own part and no other.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from plugins.report.document import policy
from plugins.report.past import (
    FOLDER,
    LOOK_BACK,
    kind_of,
    kinds_of,
    read_past,
    read_regular,
    replace_text,
    write_beside,
)
from plugins.report.signs import SIGNS, word_of
from plugins.report.strips import SHOWN, Strip, median, strips
from plugins.report.templating import render
from plugins.report.terminal import spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from plugins.report.past import PastRun

FILE = "index.html"
POLICY = policy()

#: What somebody may want to look at: these cells lead to the run.
_AMISS = ("failed", "error", "warned")
_CELLS = {
    "": Markup("<td></td>"),  # not in that run
    **{outcome: Markup('<td class="{}">{}</td>').format(outcome, sign) for outcome, sign in SIGNS.items()},
}
_LINKED = Markup('<td class="{}"><a href="{}" aria-label="{}">{}</a></td>')
#: Grows when a part of the same runs looks different.
_VERSION = 5
#: No part is larger, in bytes.
_LARGEST = 8 << 20


class Row(NamedTuple):
    """A strip as cells."""

    name: str
    cells: Markup
    is_well: bool


def write_index(report_dir: Path, newest: PastRun) -> None:
    """Write the index after this run, whose ``run.json`` is there; a run of chaos draws, too.

    Raises ``OSError`` where the directory cannot be read or written.
    """
    kinds = kinds_of(report_dir)
    hosts: dict[str, dict[str, Markup]] = {}
    beyond: list[str] = []
    for kind, names in kinds.items():
        host, _, suite = kind.rpartition("-")
        told = beyond if kind == kind_of(newest.run_id) else None
        hosts.setdefault(host, {})[suite] = _part(report_dir, kind, names, newest.run_id, told)
    word = spoken(newest.exit_code)
    text = render("trend.html", policy=POLICY, newest=newest, word=word, beyond=beyond, hosts=hosts, signs=SIGNS)
    replace_text(report_dir / FILE, text)


def _part(report_dir: Path, kind: str, names: list[str], newest: str, beyond: list[str] | None) -> Markup:
    """The part of one host and suite: as it was kept, where it still holds.

    That of the newest run is rendered anew, and ``beyond`` takes the faults that are beyond their band in it.
    """
    key = sha256(repr((_VERSION, names)).encode()).hexdigest()
    mark = Markup("<!-- {} -->\n").format(key)
    file = f"{kind}.html"
    if beyond is None:
        try:
            text = read_regular(report_dir / FOLDER / file, _LARGEST).decode()
        except (OSError, ValueError):
            text = ""
        if text.startswith(mark):
            return Markup(text)  # noqa: S704 - it was rendered here, and only the page's own owner can write there
    part = _render_part(report_dir, kind, names, newest, beyond)
    try:
        write_beside(report_dir, file, mark + part)
    except OSError:
        return part  # the next run renders it anew
    return part


def _render_part(report_dir: Path, kind: str, names: list[str], newest: str, beyond: list[str] | None) -> Markup:
    host, _, suite = kind.rpartition("-")
    past = read_past(report_dir, names, SHOWN if suite == "verify" else LOOK_BACK)
    runs = past.runs[:SHOWN][::-1]
    links = {run.run_id: link(report_dir, run.run_id, newest) for run in past.runs}
    common = {"host": host, "runs": runs, "links": links, "past": past, "most": SHOWN}
    if suite == "verify":
        rows = rows_of(strips([run.checks for run in runs]), runs, links)
        judged = [run.duration_s for run in runs if run.checks]
        return render("trend_verify.html", rows=rows, median_s=median(judged) if judged else None, **common)
    from plugins.report.trend_chaos import panels_of  # noqa: PLC0415 - a gate has no recovery to show

    rows = rows_of(strips([{one.fault: one.outcome for one in run.experiments} for run in runs]), runs, links)
    panels = panels_of(report_dir, host, past.runs[::-1], drawing=beyond is not None)
    if beyond is not None:
        beyond += [panel.fault for panel in panels if newest in panel.beyond]
    return render("trend_chaos.html", rows=rows, panels=panels, **common)


def link(report_dir: Path, run_id: str, newest: str) -> str:
    """Where a run is told of: its page, which of the newest is about to come; the data where there is none."""
    there = run_id == newest or (report_dir / run_id / "report.html").is_file()
    return f"{run_id}/{'report.html' if there else 'run.json'}"


def rows_of(found: Iterable[Strip], runs: Sequence[PastRun], links: Mapping[str, str]) -> tuple[Row, ...]:
    """The strips as rows of a table."""
    return tuple(Row(strip.name, _cells(strip, runs, links), strip.is_well) for strip in found)


def _cells(strip: Strip, runs: Sequence[PastRun], links: Mapping[str, str]) -> Markup:
    cells = [
        _LINKED.format(outcome, links[run.run_id], f"{word_of(outcome)} on {run.when}", SIGNS[outcome])
        if outcome in _AMISS
        else _CELLS[outcome]
        for outcome, run in zip(strip.outcomes, runs, strict=True)
    ]
    return Markup("".join(cells))  # noqa: S704 - each is one already
