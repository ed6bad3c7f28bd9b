"""How each fault's recoveries are shown in the index: a picture, a sentence for each vantage point, and the figures."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.figures import figure
from plugins.report.trend import ENOUGH, FaultTrend, Point, Series, fault_trends, words_of
from plugins.report.trend_chart import PANELS, draw, kept, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from markupsafe import Markup

    from plugins.report.past import PastRun


@dataclass(frozen=True)
class Panel:
    """One fault: its picture, what is to be said of each vantage point shown, and the figures, newest run first."""

    fault: str
    picture: Markup
    said: tuple[str, ...]
    vantages: tuple[str, ...]
    figures: tuple[tuple[str, tuple[str, ...]], ...]  # the run's id, and a cell for each vantage point
    beyond: tuple[str, ...]  # the ids of the runs with a mark


def panels_of(report_dir: Path, host: str, campaigns: Sequence[PastRun], *, drawing: bool) -> tuple[Panel, ...]:
    """A panel for every fault, of one host's runs, oldest first; those beyond their band in the newest run first.

    ``drawing``: pictures that are missing, too. One that cannot be drawn or kept is left out: its figures are there.
    """
    faults = fault_trends(campaigns)
    if drawing:
        with suppress(OSError, ValueError, ImportError):  # ValueError: the library's own, of what it cannot draw
            draw(report_dir, host, faults)
    panels = [_panel(report_dir, host, fault) for fault in faults]
    newest = campaigns[-1].run_id if campaigns else ""
    return tuple(sorted(panels, key=lambda panel: newest not in panel.beyond))


def _panel(report_dir: Path, host: str, fault: FaultTrend) -> Panel:
    by_run: dict[str, dict[str, Point]] = {}
    for series in fault.series:
        for point in series.points:
            by_run.setdefault(point.run_id, {})[series.vantage] = point
    runs = sorted(by_run, reverse=True)
    return Panel(
        fault=fault.fault,
        picture=kept(report_dir, host, fault),
        said=tuple(_said(series) for series in fault.series[:PANELS]),
        vantages=tuple(words_of(series.vantage) for series in fault.series),
        figures=tuple(
            (run, tuple(_figure(by_run[run].get(series.vantage)) for series in fault.series)) for run in runs
        ),
        beyond=tuple(run for run in runs if any(point.is_beyond for point in by_run[run].values())),
    )


def _said(series: Series) -> str:
    """The newest figure, and what the runs before it lead one to expect."""
    point, band = series.newest, series.newest.band
    window = f", window {point.window_s:g} s" if point.window_s is not None else ""
    start = f"{words_of(series.vantage)}: {_seconds(point)}{window}"
    if band is None:
        return f"{start}; no earlier run to compare with"
    runs = "1 run" if band.runs == 1 else f"{band.runs} runs"
    middle = f"{start}; the {runs} before: median {band.median_s:.2f} s"
    if band.runs < ENOUGH:
        return f"{middle}; a band takes {ENOUGH}"
    low, high = band.low_s(point.uncertainty_s), band.high_s(point.uncertainty_s)
    return f"{middle}, band {low:.2f} to {high:.2f} s"


def _seconds(point: Point) -> str:
    return "never well" if point.recovery_s is None else figure(point.recovery_s, point.uncertainty_s)


def _figure(point: Point | None) -> str:
    if point is None:
        return ""
    marks = {"beyond": " ▲ beyond its band", "failed": " ◆ experiment failed"}
    return _seconds(point) + marks.get(kind_of(point), "")
