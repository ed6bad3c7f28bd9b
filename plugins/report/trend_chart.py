"""A fault's recoveries as a picture: one panel for wire PING, one for the slowest vantage point.

Drawing takes a second to begin with, which a gate does not have: runs of chaos draw, and keep the picture beside the
runs; whoever writes the index takes what is there. The colours are the page's, by the names of its variables.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from markupsafe import Markup

from plugins.report.past import FOLDER, read_regular, write_beside
from plugins.report.trend import ENOUGH, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from plugins.report.trend import FaultTrend, Point, Series

#: Grows when the picture of the same figures changes.
_VERSION = 3
#: Panels of one picture: wire PING and the slowest of the others.
PANELS = 2
#: No picture is larger, in bytes.
_LARGEST = 512 << 10
_SHAPES = {"within": "circle", "beyond": "triangle-up", "failed": "diamond", "never well": "cross"}
_COLOURS = {
    "within": "var(--ok)",
    "beyond": "var(--degraded)",
    "failed": "var(--bad)",
    "never well": "var(--bad)",
}
#: All that a picture is made of. What else stands in a file is nothing that this module drew.
_ELEMENTS = re.compile(r"<(?!/?(?:svg|g|path|text|tspan|rect|line|circle|defs|clipPath|title|desc)[\s>/])")
_ACTIVE = re.compile(r"[\s\"'/](?:on\w+|href|xlink:\w+|src|style)\s*=|url\s*\(\s*[^#\s]", re.IGNORECASE)


def kind_of(point: Point) -> str:
    """What a point says beside its figure, in a word."""
    if point.recovery_s is None:
        return "never well"
    if point.outcome == "failed":
        return "failed"
    return "beyond" if point.is_beyond else "within"


def file_of(host: str, fault: FaultTrend) -> str:
    """The name under which the picture is kept: another one for every run that adds a figure."""
    newest = max(series.newest.run_id for series in fault.series)
    key = json.dumps([_VERSION, host, fault.fault, newest])
    return f"{_host_mark(host)}-{_short(key)}.svg"


def kept(report_dir: Path, host: str, fault: FaultTrend) -> Markup:
    """The picture that was drawn; empty where there is none."""
    try:
        text = read_regular(report_dir / FOLDER / file_of(host, fault), _LARGEST).decode()
    except (OSError, ValueError):
        return Markup("")
    harmless = text.startswith("<svg ") and not _ELEMENTS.search(text) and not _ACTIVE.search(text)
    return Markup(text if harmless else "")  # noqa: S704 - drawn by this module, and looked at


def draw(report_dir: Path, host: str, faults: Iterable[FaultTrend]) -> None:
    """Draw what is missing of a host's faults, and remove what was drawn of them before. Raises ``OSError``."""
    wanted = {file_of(host, fault): fault for fault in faults}
    there = {path.name for path in (report_dir / FOLDER).glob(f"{_host_mark(host)}-*.svg")}
    missing = wanted.keys() - there
    if missing:
        from plugins.report import vega  # noqa: PLC0415 - takes a second

        for name in sorted(missing):
            label = f"Recovery from {wanted[name].fault} on {host}, run by run; the figures stand below"
            write_beside(report_dir, name, vega.drawn(json.dumps(spec(wanted[name])), label))
    for name in there - wanted.keys():
        with suppress(OSError):
            (report_dir / FOLDER / name).unlink()


def _host_mark(host: str) -> str:
    return _short(host)[:8]


def _short(text: str) -> str:
    return sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


def spec(fault: FaultTrend) -> dict[str, object]:
    """The picture in Vega-Lite."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": None,
        "vconcat": [_panel(series) for series in fault.series[:PANELS]],
        "config": {
            "aria": False,
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "title": {"color": "var(--ink)", "anchor": "end", "fontSize": 12, "fontWeight": 600},
            "axis": {
                "labelColor": "var(--quiet)",
                "titleColor": "var(--quiet)",
                "gridColor": "var(--line)",
                "domainColor": "var(--line)",
                "tickColor": "var(--line)",
            },
        },
    }


def _panel(series: Series) -> dict[str, object]:
    newest = series.newest
    figures = [one.recovery_s for one in series.points if one.recovery_s is not None]
    top = max([1.0, *figures, *([newest.window_s] if newest.window_s else [])]) * 1.05
    layers: list[dict[str, object]] = []
    if newest.band is not None:
        if newest.band.runs >= ENOUGH:
            low, high = newest.band.low_s(newest.uncertainty_s), min(top, newest.band.high_s(newest.uncertainty_s))
            band = {"y": _y("low", top), "y2": {"field": "high"}}
            area = {"type": "rect", "color": "var(--ok)", "fillOpacity": 0.18}
            layers.append(_layer([{"low": low, "high": high}], area, band))
        layers.append(_rule(newest.band.median_s, top, "var(--ok)", [4, 3]))
    if newest.window_s is not None:
        layers.append(_rule(newest.window_s, top, "var(--window)", []))
        label = {"type": "text", "align": "left", "dx": 4, "dy": 9, "x": 0, "color": "var(--window)", "text": "window"}
        layers.append(_layer([{"y": newest.window_s}], label, {"y": _y("y", top)}))
    layers += _points(series.points, top)
    return {"width": 520, "height": 110, "title": words_of(series.vantage), "layer": layers}


def _points(points: Sequence[Point], top: float) -> list[dict[str, object]]:
    rows = [
        {
            "run": f"{at}",
            "s": top if one.recovery_s is None else one.recovery_s,
            "kind": kind_of(one),
        }
        for at, one in enumerate(points)
    ]
    written = json.dumps(labels([one.run_id for one in points]))  # digits and dashes: an array for the expression
    x = {
        "field": "run",
        "type": "ordinal",
        "sort": None,
        "axis": {
            "title": None,
            "labelAngle": 0,
            "labelOverlap": "greedy",
            "labelExpr": f"{written}[toNumber(datum.value)]",
        },
    }
    encoding = {"x": x, "y": _y("s", top)}
    marks = {
        "color": {
            "field": "kind",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
        },
        "shape": {
            "field": "kind",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": list(_SHAPES), "range": list(_SHAPES.values())},
        },
    }
    return [
        _layer(rows, {"type": "line", "color": "var(--quiet)", "strokeWidth": 1}, encoding),
        _layer(rows, {"type": "point", "filled": True, "size": 55, "fillOpacity": 1}, {**encoding, **marks}),
    ]


def labels(runs: Sequence[str]) -> list[list[str]]:
    """The day of each run, by its name; where two are of one day, with the time below it."""
    days = [f"{run[4:6]}-{run[6:8]}" for run in runs]
    if len(set(days)) == len(days):
        return [[day] for day in days]
    return [[day, f"{run[9:11]}:{run[11:13]}"] for day, run in zip(days, runs, strict=True)]


def _rule(at: float, top: float, colour: str, dash: list[int]) -> dict[str, object]:
    mark = {"type": "rule", "color": colour, "strokeWidth": 1.5, "strokeDash": dash}
    return _layer([{"y": at}], mark, {"y": _y("y", top)})


def _layer(rows: Sequence[Mapping[str, object]], mark: object, encoding: object) -> dict[str, object]:
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _y(field: str, top: float) -> dict[str, object]:
    """Small figures are the common ones: a root scale gives them room under the window."""
    scale = {"type": "sqrt", "domain": [0, top], "nice": False}
    return {"field": field, "type": "quantitative", "title": "seconds", "scale": scale, "axis": {"tickCount": 4}}
