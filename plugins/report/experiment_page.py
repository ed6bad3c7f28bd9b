"""The section of one experiment in ``report.html``: what it came to, then the pictures, then everything behind them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from markupsafe import Markup

from plugins.probe import Vantage
from plugins.report.changes import changed
from plugins.report.drawing import draw, zero_of
from plugins.report.easel import Easel
from plugins.report.experiments import OWED, undoing
from plugins.report.recounting import headroom, stages, tightest
from plugins.report.signs import word_of
from plugins.report.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugins.report.drawing import Drawing
    from plugins.report.story import Line, Played

#: Of the logs so many characters are shown, the earliest first, and of what a command said so many.
_LOGGED, _SAID = 40_000, 4000
#: So many rows has the table that says what the timeline shows.
_ROWS = 200


@dataclass(frozen=True)
class Spell:
    """A row of the table that says what the timeline shows."""

    words: str
    state: str
    start: float
    end: float


@dataclass(frozen=True)
class Act:
    """What was done to the host; ``at_s`` counts from zero, as everything in the section does."""

    at_s: float
    took_s: float
    argv: str
    exit_code: int
    said: str


def section(played: Played) -> Markup:
    """One experiment, as far as it got."""
    return sections([played])[0]


def sections(campaign: Sequence[Played], easel: Easel | None = None) -> list[Markup]:
    """One experiment after the other; ``easel`` may draw all of them meanwhile."""
    easel = easel or Easel()
    begun = []
    for played in campaign:
        drawing = draw(played)
        begun.append((played, drawing, easel.order(drawing) if drawing is not None else Markup))
    return [_section(played, drawing, picture()) for played, drawing, picture in begun]


def _section(played: Played, drawing: Drawing | None, picture: Markup) -> Markup:
    spells = list(islice(_spells(drawing), _ROWS)) if drawing else []
    lines = list(_bounded(played.log))
    return render(
        "experiment.html",
        one=played,
        word=word_of(played.outcome),
        rows=headroom(played),
        undoing=_undoing(played),
        acknowledged=sum(one.vantage == Vantage.WRITE and one.good for one in played.operations),
        tightest=tightest(played),
        drawing=drawing,
        picture=picture,
        spells=spells,
        unlisted=sum(len(lane.intervals) for lane in drawing.lanes) - len(spells) if drawing else 0,
        stages=stages(played),
        acts=_acts(played),
        changes=changed(played.before, played.after),
        lines=lines,
        unlogged=len(played.log) - len(lines),
    )


def _undoing(played: Played) -> str:
    if played.ended:
        return undoing(played.undone, begun=played.is_begun)
    return f"{OWED}: --recover tells" if played.is_armed else ""


def _spells(drawing: Drawing) -> Iterator[Spell]:
    for lane in drawing.lanes:
        for one in lane.intervals:
            yield Spell(lane.words, str(one.state), one.start, one.end)


def _bounded(log: tuple[Line, ...]) -> Iterator[Line]:
    room = _LOGGED
    for line in log:
        room -= len(line.text)
        if room < 0:
            return
        yield line


def _acts(played: Played) -> tuple[Act, ...]:
    zero = zero_of(played)
    return tuple(
        Act(one.start - zero, one.end - one.start, one.argv, one.exit_code, one.said[:_SAID]) for one in played.deeds
    )
