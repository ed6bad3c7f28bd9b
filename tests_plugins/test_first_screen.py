"""The first screen of a report: the verdict in one sentence, what was amiss, and where it leads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.lock import Entry
from plugins.report import page
from plugins.report.experiment_page import section
from plugins.report.html import cells_of
from plugins.report.telling import tell
from tests_plugins.test_story import END, RUN, check


@pytest.mark.parametrize(
    ("outcomes", "code", "said"),
    [
        (["passed", "passed"], 0, "All is well: 2 checks passed."),
        (["failed", "passed", "warned"], 1, "Not well: 1 check failed, 1 warned, 1 passed."),
        (["error"], 10, "No verdict: 1 check unjudged."),
        ([], 10, "No verdict: nothing was checked."),
        (["passed"], 2, "Interrupted: 1 check passed (exit 2)."),
        (["passed"], 3, "No verdict: 1 check passed (exit 3)."),
    ],
)
def test_the_verdict_is_a_sentence(outcomes: list[str], code: int, said: str) -> None:
    """The worst first."""
    story = tell([RUN, *(check(outcome=outcome) for outcome in outcomes), {**END, "exit_code": code}])
    assert page.sentence(story) == said


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("r", holder="ann", alive=True), "The host is busy: staging: run r (ann) holds the lock."),
        (
            Entry("r", holder="ann", owed=True, about="kill of redis"),
            "The host is not clean: staging: run r (ann) left without undoing: kill of redis.",
        ),
    ],
)
def test_why_nothing_was_judged_is_in_the_headline(entry: Entry, said: str) -> None:
    """Whether somebody is at work there, or something is owed; once."""
    story = tell([RUN, {**END, "exit_code": 11, "reason": f"staging: {entry}"}])
    assert page.sentence(story) == said
    assert page.first_screen(story).count(str(entry)) == 1
    long = tell([RUN, {**END, "exit_code": 11, "reason": f"{'x' * 300}\nand more"}])
    assert "and more</p>" in page.first_screen(long)


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        (["scene", "arm", "fault"], "while kill was at work: the host has undone it by itself, or still owes it"),
        (["scene"], "The run was cut short: this is as far as it got."),
    ],
)
def test_a_killed_run_says_which_experiment_was_at_work(phases: list[str], said: str) -> None:
    """And who knows what has become of it."""
    events: list[dict[str, object]] = [{"event": "phase", "fault": "kill", "phase": each} for each in phases]
    story = tell([{**RUN, "suite": "chaos"}, *events])
    assert said in page.sentence(story)
    assert ("pytest --recover --host h tells" in page.sentence(story)) == ("fault" in phases)
    assert (": --recover tells." in section(story.played[0])) == ("fault" in phases)


@pytest.mark.parametrize(
    ("passed", "selected", "said"),
    [
        (1, 3, "Interrupted: 1 of 3 experiments judged (1 passed) (exit 2)."),
        (0, 1, "Interrupted: 0 of 1 experiment judged (exit 2)."),
        (1, 0, "Interrupted: 1 of 2 experiments judged (1 passed) (exit 2)."),
    ],
)
def test_an_interrupted_run_says_how_far_it_came(passed: int, selected: int, said: str) -> None:
    """Of those that were to be played; an older journal knows only those that were begun."""
    begun: list[dict[str, object]] = [
        {"event": "phase", "fault": fault, "phase": "scene"} for fault in ("restart", "kill")
    ]
    events = [{**RUN, "suite": "chaos"}, *begun, *(check(outcome="passed") for _ in range(passed))]
    asked: list[dict[str, object]] = [{"event": "selected", "experiments": selected}] if selected else []
    assert page.sentence(tell([*events, *asked, {**END, "exit_code": 2}])) == said


def test_an_interrupted_gate_says_how_far_it_came() -> None:
    """Of the checks that were selected."""
    end = {**END, "exit_code": 2, "selected": 69}
    assert (
        page.sentence(tell([RUN, check(outcome="passed"), end]))
        == "Interrupted: 1 of 69 checks judged (1 passed) (exit 2)."
    )


def test_a_promise_is_called_one() -> None:
    """Else what failed reads as a fact: of a check that failed, and of advice."""
    for outcome in ("failed", "warned"):
        html = page.first_screen(tell([RUN, check(outcome=outcome), END]))
        assert "<dt>promised</dt><dd>Redis answers.</dd>" in html
        assert "<dt>observed</dt>" in html


def test_a_failed_experiment_leads_to_its_section() -> None:
    """Which has everything; the first screen says what was amiss. The worst stands first."""
    seen = {"window_s": {"ping": 5.0}, "recovery_s": {"ping": 7.0}, "undone": True}
    played = [
        {"event": "experiment", "experiment": {**seen, "fault": "kill", "outcome": "passed"}},
        {
            "event": "experiment",
            "experiment": {
                **seen,
                "fault": "restart",
                "outcome": "failed",
                "reason": "recovered_within_window: ping 7.00 s\nchecklist/x: red",
            },
        },
    ]
    failed = check(id="restart/it[restart]", observed="recovered_within_window: ping 7.00 s\nand more")
    html = page.first_screen(tell([{**RUN, "suite": "chaos"}, failed, *played, END]))
    told = '<dd>recovered_within_window: ping 7.00 s<br>checklist/x: red<br>See <a href="#experiment-1">'
    assert told in html
    parts = page.parts(tell([{**RUN, "suite": "chaos"}, failed, *played, END]), Path())
    assert [re.findall(r'<div id="([^"]*)">', part) for part in parts[2:]] == [["experiment-1"], ["experiment-2"]]
    assert re.findall(r'<a href="#([^"]*)">([^<]*)</a>', parts[1]) == [
        ("experiment-1", "restart"),
        ("experiment-2", "kill"),
    ]
    assert 'class="fault">restart<' in parts[2]


def test_a_row_has_everything_in_five_columns() -> None:
    """What mends it stands below what was seen, and what was expected below the promise, where it says more."""
    (result,) = tell([RUN, check(), END]).checks
    cells = "".join(cells_of(result, "", "<td>0</td>"))
    assert cells.count("<td") == 5
    assert "Redis answers.<br/>expected: PONG<br/>" in cells
    assert 'refused<pre class="mend">docker compose up</pre></td>' in cells
    assert "expected" not in "".join(cells_of(replace(result, expected=result.promise), "", ""))
