"""The picture of an experiment: a timeline, and under it the latency of every operation, as one inline SVG.

Drawn by Vega-Lite. Colours are the page's CSS variables, so light and dark are the page's business; states differ in
height, dash and shape too. Vega itself is imported only when something is drawn.
"""

from __future__ import annotations

import csv
import io
import json
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from plugins.report.drawing import HEIGHT, WIDTH, State
from plugins.report.vega import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.report.drawing import Drawing

    Spec = dict[str, Any]  # Vega-Lite's own shape

#: In the plot's units: the height of a lane, where in it its bar's middle is, and what is above all lanes.
_LANE, _MIDDLE, _HEAD = 44, 30, 20
_COLOUR: Mapping[State, str] = {
    State.OK: "var(--ok)",
    State.DEGRADED: "var(--degraded)",
    State.FAILED: "var(--bad)",
    State.UNKNOWN: "var(--unknown)",
}
#: How high a bar is: the worse, the higher.
_BAR: Mapping[State, int] = {State.OK: 5, State.DEGRADED: 11, State.FAILED: 18, State.UNKNOWN: 14}
#: Marks of what was not well; what was is a dot.
_SHAPE: Mapping[State, str] = {
    State.DEGRADED: "triangle-up",
    State.FAILED: "M-1,-1L1,1M1,-1L-1,1",
    State.UNKNOWN: "diamond",
}


def picture(drawing: Drawing) -> Markup:
    """The timeline and the latency as an ``<svg>`` that scales, with nothing in it but shapes and text."""
    return Markup(drawn(*order(drawing)))  # noqa: S704 - serialized as XML, which escapes every text


def order(drawing: Drawing) -> tuple[str, str]:
    """What ``vega.drawn`` needs to draw it, in whatever process."""
    label = f"Timeline and latency of the experiment {drawing.fault}, as in the table beside it"
    return json.dumps(spec(drawing)), label


def spec(drawing: Drawing) -> Spec:
    """The picture in Vega-Lite's words."""
    line, ink = "var(--line)", "var(--ink)"
    return {
        "background": None,
        "padding": 2,
        "spacing": 14,
        "config": {
            "aria": False,
            "view": {"stroke": None},
            "text": {"fill": ink, "fontSize": 13},
            "axis": {
                "labelColor": ink,
                "titleColor": ink,
                "domainColor": line,
                "tickColor": line,
                "gridColor": line,
                "gridWidth": 0.5,
                "labelFontSize": 11,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
            },
            "header": {"labelColor": ink, "labelFontSize": 13, "title": None},
        },
        "vconcat": [_timeline(drawing), _latency(drawing)],
    }


def _timeline(drawing: Drawing) -> Spec:
    height = _HEAD + _LANE * len(drawing.lanes)
    return {"width": WIDTH, "height": height, "layer": [*_around(drawing, height), *_bars(drawing), *_names(drawing)]}


def _around(drawing: Drawing, height: int) -> Iterator[Spec]:
    """The fault's band, zero, and each lane's window."""
    zero = [{"x": 0.0, "y": _HEAD, "y2": height}]
    if drawing.injected is None:
        return
    band = [{"x": drawing.injected, "x2": 0.0, "y": _HEAD - 4, "y2": height}]
    yield _layer(drawing, band, {"type": "rect", "fill": "var(--fault)", "fillOpacity": 0.6})
    yield _layer(drawing, zero, {"type": "rule", "stroke": "var(--ink)", "strokeWidth": 1})
    yield _text(drawing, [{**zero[0], "text": "fault"}], {"align": "right", "dy": -12})
    windows = [
        {"x": lane.window_s, "y": _HEAD + _LANE * index, "y2": _HEAD + _LANE * (index + 1)}
        for index, lane in enumerate(drawing.lanes)
        if lane.window_s is not None and lane.window_s <= drawing.end
    ]
    rule = {"type": "rule", "stroke": "var(--window)", "strokeWidth": 2, "strokeDash": [6, 3]}
    yield _layer(drawing, windows, rule)
    room = 0.3 * (drawing.end - drawing.begin)
    for span in sorted({one["x"] for one in windows}):
        label = [{"x": span, "y": _HEAD - 4, "text": f"window {span:g} s"}]
        align = "right" if span > room else "left"
        yield _text(drawing, label, {"align": align, "dy": -8, "fill": "var(--window)"})


def _bars(drawing: Drawing) -> Iterator[Spec]:
    """A bar for every interval; what is unknown is hollow and dashed."""
    rows: dict[bool, list[Spec]] = {True: [], False: []}
    for index, one in drawing.bars:
        middle, half = _HEAD + _LANE * index + _MIDDLE, _BAR[one.state] / 2
        row = {"x": one.start, "x2": one.end, "y": middle - half, "y2": middle + half, "fill": _COLOUR[one.state]}
        rows[one.state is State.UNKNOWN].append(row)
    full, hollow = _layer(drawing, rows[False], {"type": "rect"}), _layer(drawing, rows[True], _DASHED)
    full["encoding"]["fill"] = full["encoding"]["stroke"] = {"field": "fill", "scale": None, "type": "nominal"}
    yield full
    yield hollow


_DASHED: Spec = {
    "type": "rect",
    "fill": "var(--paper)",
    "stroke": "var(--unknown)",
    "strokeDash": [3, 2],
    "strokeWidth": 1.5,
}


def _names(drawing: Drawing) -> Iterator[Spec]:
    """Each lane's name with its recovery, and a triangle where that is."""
    names, recovered = [], []
    for index, lane in enumerate(drawing.lanes):
        top = _HEAD + _LANE * index
        names.append({"x": drawing.begin, "y": top + 12, "text": f"{lane.words}  {lane.told}"})
        if lane.recovery_s is not None:
            recovered.append({"x": lane.recovery_s, "y": top + _MIDDLE + 9})
    mark = {"type": "point", "shape": "triangle-up", "size": 70, "filled": True, "fill": "var(--ink)"}
    yield _layer(drawing, recovered, mark)
    yield _text(drawing, names, {"align": "left"})


def _layer(drawing: Drawing, rows: list[Spec], mark: Spec) -> Spec:
    """Marks at instants, and at heights in the plot's own units."""
    y = {"field": "y", "type": "quantitative", "scale": None, "axis": None}
    encoding: Spec = {"x": _time(drawing, "x"), "y": y}
    if mark["type"] in {"rect", "rule"}:
        encoding["y2"] = {"field": "y2"}
    if mark["type"] == "rect":
        encoding["x2"] = {"field": "x2"}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _text(drawing: Drawing, rows: list[Spec], mark: Spec) -> Spec:
    layer = _layer(drawing, rows, {"type": "text", "baseline": "alphabetic", **mark})
    layer["encoding"]["text"] = {"field": "text", "type": "nominal"}
    return layer


def _time(drawing: Drawing, field: str, title: str = "") -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [drawing.begin, drawing.end], "nice": False, "zero": False},
        "axis": {"title": title or None, "tickCount": 8, "grid": True},
    }


def _latency(drawing: Drawing) -> Spec:
    """A row for each lane. What was well is drawn as dots of one line for each row: ten times smaller than symbols."""
    least, most = drawing.span_ms
    decades = [10.0**power for power in range(ceil(log10(least)), floor(log10(most)) + 1)]
    title = "the recovering command returned" if drawing.injected is not None else "the first question"
    encoding = {
        "x": _time(drawing, "x", f"seconds after {title}"),
        "y": {
            "field": "ms",
            "type": "quantitative",
            "scale": {"type": "log", "domain": [least, most], "nice": False},
            "axis": {"values": decades[:: len(decades) // _LABELS + 1], "title": "ms", "format": "~r", "domain": False},
        },
    }
    dots = {"type": "line", "strokeCap": "round", "strokeWidth": 3, "stroke": _COLOUR[State.OK]}
    symbols = {"type": "point", "size": 22, "strokeWidth": 1.2}
    layers: list[Spec] = [
        {
            "transform": [{"filter": f"datum.state == '{State.OK}'"}],
            "mark": {**dots, "invalid": "break-paths-show-path-domains"},
            "encoding": {"order": {"value": None}},
        },
        {
            "transform": [{"filter": f"datum.state != '{State.OK}'"}],
            "mark": symbols,
            "encoding": {"shape": _by_state(_SHAPE), "stroke": _by_state(_COLOUR)},
        },
    ]
    return {
        "data": {"values": _rows(drawing), "format": {"type": "csv", "parse": {"x": "number", "ms": "number"}}},
        "facet": {
            "row": {"field": "lane", "type": "nominal", "sort": [lane.words for lane in drawing.lanes], **_HEADER}
        },
        "spacing": 8,
        "spec": {"width": WIDTH, "height": HEIGHT, "encoding": encoding, "layer": layers},
    }


#: So many labels at most have room beside the latency of one vantage point.
_LABELS = 4


def _by_state(words: Mapping[State, str]) -> Spec:
    """An encoding that has a word for each state."""
    scale = {"domain": [str(state) for state in words], "range": list(words.values())}
    return {"field": "state", "type": "nominal", "scale": scale, "legend": None}


_HEADER: Spec = {"header": {"labelOrient": "top", "labelAnchor": "start", "labelPadding": 2}}


def _rows(drawing: Drawing) -> str:
    """The marks as CSV, which crosses over to Vega in half the time; an empty latency ends a dot."""
    out = io.StringIO()
    write = csv.writer(out, quoting=csv.QUOTE_ALL).writerow
    write(("lane", "state", "x", "ms"))
    for mark in drawing.marks:
        lane, at = drawing.lanes[mark.lane].words, f"{mark.at:.3f}"
        write((lane, mark.state, at, f"{mark.ms:.3g}"))
        if mark.state is State.OK:
            write((lane, mark.state, at, ""))
    return out.getvalue()
