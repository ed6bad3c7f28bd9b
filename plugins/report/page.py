"""What stands in ``report.html`` above the table of checks: the first screen, then what was seen. From the story."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from plugins.experiment_result import lost_of
from plugins.facts.units import size
from plugins.journal import NAME, last_info
from plugins.options import Suite
from plugins.probe import Vantage
from plugins.report import runbook
from plugins.report.changes import changed
from plugins.report.experiments import OWED, fault_of
from plugins.report.telling import read_story
from plugins.report.templating import render
from plugins.report.terminal import ORDER, counted, is_busy, so_far, spoken, target_line
from plugins.run import VERDICTS, verdict
from plugins.verdict import Exit, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from plugins.check import CheckResult
    from plugins.report.easel import Easel
    from plugins.report.story import Played, Story

#: The checks in which a vantage point has its say.
ASKED = {
    Vantage.EXEC_PING: "checklist/redis_responds",
    Vantage.PING: "health/wire_ping",
    Vantage.WRITE: "checklist/redis_accepts_writes",
    Vantage.BACKEND: "checklist/backend_connects",
    Vantage.READINESS: "checklist/readiness_includes_redis",
}
#: From a journal of so many bytes on, processes of their own for the pictures are worth what they take to start.
_LONG = 400_000
#: So many characters of a reason stand in the headline, and of a finding on the first screen.
_LONGEST = 200
#: So much of what was amiss with an experiment stands on the first screen.
_BLAMED = 3
_SENTENCES = {
    "pass": "All is well: {}.",
    "fail": "Not well: {}.",
    "unjudged": "No verdict: {}.",
    "interrupted": "Interrupted: {}.",
    "dirty": "The host is not clean: {}.",
    "refused": "Nothing was done: {}.",
}


@dataclass(frozen=True)
class Pointer:
    """Where on the page an experiment is told of, and what of it was amiss, by name."""

    place: str
    blamed: tuple[str, ...]


@dataclass(frozen=True)
class Glance:
    """An experiment at a glance, as it stands in the overview."""

    place: str
    fault: str
    outcome: Outcome
    headroom: str
    lost: str


@dataclass(frozen=True)
class Gauge:
    """How full something is; ``share`` of 1, None where there is no limit."""

    name: str
    said: str
    share: float | None = None


@dataclass(frozen=True)
class Saw:
    """What one vantage point said, by its check."""

    vantage: str
    check: CheckResult


def read(folder: Path) -> tuple[Story, list[Markup]]:
    """The story of the run in ``folder``, and everything above the table. Raises ``OSError``."""
    if (folder / NAME).stat().st_size < _LONG:
        story = read_story(folder)
        return story, parts(story, folder)
    from plugins.report.easel import easel  # noqa: PLC0415 - who draws little does not pay for processes

    with easel() as begun:
        story = read_story(folder)
        return story, parts(story, folder, begun)


def parts(story: Story, folder: Path, easel: Easel | None = None) -> list[Markup]:
    """Everything above the table, in order; ``folder`` is the run's, beside those of earlier runs."""
    shown = [first_screen(story)]
    if story.suite == Suite.VERIFY and not story.stopped:
        earlier_run, earlier = last_info(folder.parent, story.host, before=folder.name)
        shown.append(verify_sections(story, earlier, earlier_run))
    if story.played:
        from plugins.report.experiment_page import sections  # noqa: PLC0415 - a verify run draws nothing

        ranked = _ranked(story)
        if len(ranked) > 1:
            shown.append(render("overview.html", experiments=[_glance(ranked, one) for one in ranked]))
        for one, section in zip(ranked, sections(ranked, easel), strict=True):
            shown.append(Markup('<div id="{}">{}</div>').format(_place(ranked, one), section))
    return shown


def _ranked(story: Story) -> list[Played]:
    """The experiments as they stand on the page, the worst first."""
    return sorted(story.played, key=lambda one: ORDER.index(one.outcome))


def _place(ranked: list[Played], one: Played) -> str:
    return f"experiment-{ranked.index(one) + 1}"


def first_screen(story: Story) -> Markup:
    """The verdict in one sentence, what failed and the step that mends it, then who was judged."""
    amiss = [one for one in story.checks if one.outcome in (Outcome.FAILED, Outcome.ERROR)]
    warned = [one for one in story.checks if one.outcome is Outcome.WARNED]
    word = verdict(story.exit_code) if story.exit_code is not None else "unjudged"
    return render(
        "first.html",
        story=story,
        word=word,
        sentence=sentence(story),
        target=target_line(story.identity) if story.identity and not story.stopped else "",
        amiss=sorted(amiss, key=lambda one: one.outcome is Outcome.ERROR),
        warned=warned,
        stopped="" if _reason(story) == story.stopped else story.stopped,
        played=_pointers(story),
    )


def _reason(story: Story) -> str:
    """Why the run was stopped, as far as it fits into a headline."""
    return _cut(story.stopped.partition("\n")[0])


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _cut_short(story: Story) -> str:
    """How far a run came whose runner was killed."""
    for one in story.played:
        if not one.ended and one.is_armed:
            return f"The run was cut short while {one.fault} was at work: {OWED}, and {_asking(story)} tells."
    return "The run was cut short: this is as far as it got."


def _asking(story: Story) -> str:
    return f"pytest --recover --host {story.host}"


def _pointers(story: Story) -> dict[str, Pointer]:
    """By the check that tells of it, where each experiment stands."""
    ranked = _ranked(story)
    by_fault = {one.fault: Pointer(_place(ranked, one), _blamed(one)) for one in ranked}
    return {one.id: by_fault[fault] for one in story.checks if (fault := fault_of(one.id)) in by_fault}


def _blamed(played: Played) -> tuple[str, ...]:
    """Why it has not passed: what was amiss, by name, as far as a first screen has room for it."""
    lines = re.findall(r"^[\w/\[\]-]+: .*", played.reason, re.MULTILINE) or [played.reason.partition("\n")[0]]
    more = [f"and {len(lines) - _BLAMED} more"] if len(lines) > _BLAMED else []
    return (*(_cut(line) for line in lines[:_BLAMED]), *more)


def _glance(ranked: list[Played], one: Played) -> Glance:
    from plugins.report.recounting import tightest  # noqa: PLC0415 - a verify run recounts nothing

    place = _place(ranked, one)
    if one.outcome is Outcome.SKIPPED:
        return Glance(place, one.fault, one.outcome, _cut(one.reason), "")
    return Glance(place, one.fault, one.outcome, tightest(one), lost_of(one.writes, one.phases_s))


def sentence(story: Story) -> str:
    """The verdict as a person would say it."""
    if story.exit_code is None:
        return _cut_short(story)
    template = _SENTENCES[spoken(story.exit_code)]
    if story.stopped:
        busy = "The host is busy: {}." if is_busy(story.stopped) else ""
        return (busy or template).format(_reason(story).removesuffix("."))
    outcomes = [one.outcome for one in story.checks]
    told = counted(outcomes) or ["nothing was checked"]
    if outcomes:
        what = "experiment" if story.suite == "chaos" else "check"
        told[0] = told[0].replace(" ", f" {what} " if told[0].startswith("1 ") else f" {what}s ", 1)
    if story.exit_code == Exit.INTERRUPTED and (selected := story.selected or len(story.played)):
        told = [so_far(outcomes, selected, story.suite)]
    code = "" if story.exit_code in VERDICTS else f" (exit {story.exit_code})"
    return template.format(", ".join(told) + code)


def verify_sections(story: Story, earlier: Mapping[str, str], earlier_run: str) -> Markup:
    """What a look has shown; ``earlier`` is INFO as the run before on this host has left it."""
    return render(
        "verify.html",
        gauges=gauges(story.info),
        saw=saw(story.checks),
        changes=changed(earlier, story.info),
        earlier_run=earlier_run,
        known=bool(story.info),
        groups=coverage(story.checks),
    )


def gauges(info: Mapping[str, str]) -> tuple[Gauge, ...]:
    """Memory and clients against their limits, and the keys of each database."""
    return tuple(_gauges(info))


def _gauges(info: Mapping[str, str]) -> Iterator[Gauge]:
    used, limit = _whole(info, "used_memory"), _whole(info, "maxmemory")
    if used is not None:
        if limit:
            yield Gauge("memory", f"{size(used)} of {size(limit)} ({used / limit:.0%})", used / limit)
        else:
            yield Gauge("memory", f"{size(used)}; Redis has no limit of its own (maxmemory 0)")
    clients, most = _whole(info, "connected_clients"), _whole(info, "maxclients")
    if clients is not None:
        of = f" of {most} ({clients / most:.0%})" if most else ""
        yield Gauge("clients", f"{clients}{of}", clients / most if most else None)
    for name, said in info.items():
        if name.startswith("db") and name[2:].isdecimal():
            fields = dict(part.split("=", 1) for part in said.split(",") if "=" in part)
            keys, mortal = fields.get("keys", "?"), fields.get("expires", "?")
            yield Gauge(f"keys in {name}", f"{keys}, {mortal} of them expire")  # no limit, so no share of one


def _whole(info: Mapping[str, str], field: str) -> int | None:
    value = info.get(field, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else None  # noqa: PLR2004 - 64 bits


def saw(checks: Sequence[CheckResult]) -> tuple[Saw, ...]:
    """The vantage points' words, side by side."""
    by_id = {one.id: one for one in checks}
    return tuple(Saw(vantage.words, by_id[check]) for vantage, check in ASKED.items() if check in by_id)


@dataclass(frozen=True)
class Covered:
    """A section of the runbook, and the checks that stand for it."""

    section: str
    checks: tuple[CheckResult, ...]


def coverage(checks: Sequence[CheckResult]) -> tuple[tuple[str, tuple[Covered, ...]], ...]:
    """Every section by its group; one without checks is a gap, and stays in sight."""

    def of(section: str) -> Covered:
        return Covered(section, tuple(one for one in checks if section in one.runbook))

    return tuple(
        (group, tuple(of(section) for section in dict.fromkeys([*sections, *([group] if of(group).checks else [])])))
        for group, sections in runbook.GROUPS.items()
    )
