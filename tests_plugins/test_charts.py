"""The picture of an experiment: what is in it, and that it is safe in a page."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from plugins.eventually import eventually
from plugins.history import Operation, Result
from plugins.recovery import Moments
from plugins.report.charts import picture
from plugins.report.drawing import draw
from plugins.report.easel import Easel, easel
from plugins.report.story import Played
from plugins.verdict import Outcome
from tests_plugins.hostile import NASTY
from tests_plugins.pids import alive
from tests_plugins.test_options import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
ZERO = 50.0
#: What a picture is made of; anything else in it is somebody else's.
SHAPES = {f"{SVG}{name}" for name in ("svg", "g", "path", "line", "text", "tspan", "rect")}
ATTRIBUTES = {
    *(
        "d",
        "transform",
        "viewBox",
        "role",
        "aria-label",
        "text-anchor",
        "font-size",
        "font-weight",
        "x2",
        "y2",
        "x",
        "y",
    ),
    *("fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-miterlimit"),
}


def played(fault: str = "restart", vantage: str = "elsewhere", **changes: object) -> Played:
    """Every state once, and a vantage point that another version of the suite knows."""
    codes = [("ok", ""), ("fail", "degraded"), ("fail", ""), ("unknown", ""), ("ok", "")]
    operations = [
        Operation(name, ZERO + at, ZERO + at + 0.01, Result(result), code=code)
        for name in ("ping", "readiness", vantage)
        for at, (result, code) in enumerate(codes)
    ]
    fields = {
        "moments": Moments(ZERO + 0.5, ZERO + 1),
        "operations": tuple(sorted(operations, key=lambda one: one.start)),
        "outcome": Outcome.FAILED,
        "window_s": {"ping": 2.5, "readiness": 2.5},
        "recovery_s": {"ping": 1.84, "readiness": None},
        **changes,
    }
    return Played(fault, **fields)  # type: ignore[arg-type]  # names of its own fields


@cache
def drawn(fault: str = "restart", vantage: str = "elsewhere") -> str:
    """The picture of it."""
    drawing = draw(played(fault, vantage))
    assert drawing is not None
    return str(picture(drawing))


def texts(svg: str) -> list[str]:
    """Everything that is written in a picture."""
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


def test_a_picture_says_who_was_asked_what_came_of_it_and_the_window() -> None:
    """Nothing of it is told by colour alone."""
    written = texts(drawn())
    assert "wire PING  ▲ 1.84 s" in written
    assert "readiness  not well again" in written
    assert {"elsewhere", "fault", "window 2.5 s", "ms", "seconds after the recovering command returned"} <= {
        one.strip() for one in written
    }


def test_colours_are_the_pages_own() -> None:
    """Light and dark are decided by the page: a picture names variables, and no colour."""
    root = ET.fromstring(drawn())  # noqa: S314 - our own
    used = {one.get(name) for one in root.iter() for name in ("fill", "stroke")} - {None, "none"}
    assert used == {
        *("var(--ok)", "var(--degraded)", "var(--bad)", "var(--unknown)", "var(--fault)", "var(--window)"),
        *("var(--ink)", "var(--line)", "var(--paper)"),
    }


def test_states_differ_in_shape() -> None:
    """Bars of each state have their own height, and what is unknown is dashed."""
    root = ET.fromstring(drawn())  # noqa: S314 - our own
    bars: dict[str, set[str]] = {}
    for one in root.iter(f"{SVG}path"):
        colour, path = one.get("fill", ""), one.get("d", "")
        if colour in {"var(--ok)", "var(--degraded)", "var(--bad)", "var(--paper)"} and "v" in path:
            bars.setdefault(colour, set()).add(path.partition("v")[2].partition("h")[0])
            assert (one.get("stroke-dasharray") is not None) == (colour == "var(--paper)")
    assert all(len(heights) == 1 for heights in bars.values())
    assert len({next(iter(heights)) for heights in bars.values()}) == 4


def test_a_picture_is_one_image_that_scales() -> None:
    """It has a text alternative, a view box, and no size, no names and no roles of its own."""
    root = ET.fromstring(drawn())  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert "restart" in root.get("aria-label", "")
    assert root.get("viewBox")
    assert {one.tag for one in root.iter()} <= SHAPES
    assert {name for one in root.iter() for name in one.attrib} <= ATTRIBUTES
    assert "http" not in drawn().replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    "text", [*NASTY, "</svg><script>alert(1)</script>", "\x00\x0b\ud800", '"},{"', "datum.x", "\\"]
)
def test_hostile_names_stay_text(text: str) -> None:
    """A vantage point and a fault of any name change what is written, and nothing else."""
    root = ET.fromstring(drawn(text, text))  # noqa: S314 - our own
    assert {one.tag for one in root.iter()} <= SHAPES
    assert {name for one in root.iter() for name in one.attrib} <= ATTRIBUTES
    assert len(texts(drawn(text, text))) == len(texts(drawn()))


def test_an_experiment_that_was_cut_short_is_drawn_as_far_as_it_got() -> None:
    """One question, no fault, no verdict: a picture all the same."""
    one = Operation("ping", ZERO, ZERO, Result.FAIL)
    drawing = draw(played(operations=(one,), moments=None))
    assert drawing is not None
    written = texts(str(picture(drawing)))
    assert "fault" not in written
    assert "seconds after the first question" in written


def test_many_pictures_are_the_same_as_one_at_a_time() -> None:
    """Processes of their own draw what this one would draw, in the order in which it was asked for."""
    drawings = [drawing for at in range(5) if (drawing := draw(played(f"fault {at}"))) is not None]
    with easel() as begun:
        many = [one() for one in [begun.order(drawing) for drawing in drawings]]
    assert many[3] == picture(drawings[3])
    assert [f"the experiment fault {at}," in one for at, one in enumerate(many)] == [True] * 5


#: Begins to draw, names its processes, and waits to be killed.
DRAWS = """
from multiprocessing import active_children
from plugins.report.easel import easel
if __name__ == "__main__":
    with easel():
        print(*(child.pid for child in active_children()), flush=True)
        input()
"""


def test_who_draws_ends_with_whoever_waits_for_it(tmp_path: Path) -> None:
    """However that ends: nobody is left who would keep a pipeline's output open."""
    script = tmp_path / "draws.py"
    script.write_text(DRAWS, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, str(script)]
    with subprocess.Popen(argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        drawing = [int(word) for word in waiting.stdout.readline().split()]
        waiting.kill()
        eventually(lambda: not any(map(alive, drawing)), what="both are gone", within_s=20)
    assert len(drawing) == 2


def test_where_no_process_can_be_had_the_picture_is_drawn_here() -> None:
    """As where processes that were started have died."""
    drawing = draw(played())
    assert drawing is not None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with suppress(BrokenExecutor):
            pool.submit(os._exit, 1).result()
        assert Easel(pool).order(drawing)() == picture(drawing)
