"""A run's story, read back from its journal, and the pages that are rendered from it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.report import page
from plugins.report.changes import changed
from plugins.report.document import policy
from plugins.report.telling import tell
from plugins.verdict import Outcome
from tests_plugins.gate import ROOT, run_gate
from tests_plugins.hostile import any_text, hostile
from twin import up

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN = {"event": "run", "run_id": "r", "suite": "verify", "host": "h", "started": "2026-01-02T03:04:05+00:00", "t": 0.0}
END = {"event": "end", "exit_code": 1, "target": {"hostname": "vm", "containers": {}}, "notes": ["n"], "t": 1.5}


def check(**changes: object) -> dict[str, object]:
    """A check's event."""
    record: dict[str, object] = {
        "id": "health/wire_ping",
        "promise": "Redis answers.",
        "severity": "gate",
        "outcome": "failed",
        "runbook": ["Basic Health Check"],
        "expected": "PONG",
        "observed": "refused",
        "remedy": "docker compose up",
        "reason": "",
        "duration_s": 0.1,
    }
    return {"event": "check", "check": {**record, **changes}, "t": 1.0}


def render(folder: Path) -> subprocess.CompletedProcess[str]:
    """``pytest --render``, as a person types it."""
    argv = [sys.executable, "-m", "pytest", "--render", str(folder)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def journal(folder: Path, *events: Mapping[str, object], tail: str = "") -> Path:
    """A run's folder with this journal."""
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "journal.jsonl").write_text(lines + tail, encoding="ascii")
    return folder


def rows(html: str) -> list[str]:
    """The rows of the table of checks, as pytest-html hands them to its script; their times are left out."""
    found = re.search(r'data-jsonblob="([^"]*)"', html)
    assert found
    tests: dict[str, Any] = json.loads(unescape(found[1]))["tests"]
    cells = ["".join(test["resultsTableRow"]) for each in tests.values() for test in each]
    return [re.sub(r'<td class="col-duration">.*?</td>', "", row) for row in cells]


def test_an_old_run_is_rendered_as_it_was(tmp_path: Path) -> None:
    """Page and rows are the same, whether at once or from the journal alone."""
    with up(kind="processes") as twin:
        gate = run_gate("--host", "twin", reports=tmp_path, environ={**os.environ, **twin.environ})
    assert gate.checks, gate.output
    folder = (tmp_path / "latest").resolve()
    report = folder / "report.html"
    first = report.read_text(encoding="utf-8")
    for file in folder.iterdir():
        if file.name != "journal.jsonl":
            file.unlink()
    done = render(folder)
    again = report.read_text(encoding="utf-8")
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, f"report: {report}")
    assert rows(again) == rows(first)
    assert len(rows(again)) == len(gate.checks)
    above = slice(first.index("<main>"), first.index('<section aria-labelledby="table-heading"'))
    assert again[above] == first[above]


def test_a_killed_run_is_rendered_as_far_as_it_got(tmp_path: Path) -> None:
    """Its journal has no end, and its last line is half a line."""
    folder = journal(tmp_path / "run", RUN, check(), tail='{"event": "check", "ch')
    done = render(folder)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "r: CUT SHORT")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "The run was cut short: this is as far as it got." in html
    assert len(rows(html)) == 1


@pytest.mark.parametrize(
    ("suite", "said"), [("verify", "Nothing was checked."), ("chaos", "No experiment came to a verdict.")]
)
def test_a_run_without_a_row_has_no_table_and_no_filters(tmp_path: Path, suite: str, said: str) -> None:
    """Refused, not reached, dirty or killed: no filter is to blame."""
    folder = journal(tmp_path / "run", {**RUN, "suite": suite})
    assert render(folder).returncode == 0
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert (f"<p>{said}</p>" in html, '<div class="controls" hidden>' in html) == (True, True)
    assert re.search(r'<div class="box wide"[^>]* hidden>', html)
    assert render(journal(folder, {**RUN, "suite": suite}, check())).returncode == 0
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert (f"<p>{said}</p>" in html, '<div class="controls">' in html) == (False, True)


@pytest.mark.parametrize("made", [lambda _: None, Path.mkdir, lambda folder: journal(folder, END)])
def test_what_is_no_run_is_not_rendered(tmp_path: Path, made: Any) -> None:
    """One sentence says what was given, and what it takes; exit 4."""
    made(tmp_path / "run")
    done = render(tmp_path / "run")
    assert (done.returncode, "Traceback" in done.stderr, f"--render {tmp_path / 'run'}" in done.stderr) == (
        4,
        False,
        True,
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KINDS = ["run", "check", "phase", "moments", "operations", "deed", "log", "info", "experiment", "end", "else"]
FIELDS = [
    "run_id",
    "fault",
    "check",
    "phase",
    "at",
    "operations",
    "deed",
    "lines",
    "info",
    "when",
    "experiment",
    "notes",
]


@hostile
@given(st.lists(st.fixed_dictionaries({"event": st.sampled_from(KINDS)}, optional=dict.fromkeys(FIELDS, json_values))))
def test_whatever_a_journal_holds_it_is_read(events: list[dict[str, object]]) -> None:
    """What makes no sense is left out."""
    tell(events)


class Seen(HTMLParser):
    """Which elements and attributes a page has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See ``HTMLParser``."""
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


@hostile
@given(any_text)
def test_what_a_host_sends_is_never_markup(text: str) -> None:
    """Nowhere on the page, whoever said it."""
    events: list[dict[str, object]] = [
        {**RUN, "host": text, "project": text, "reached_by": text, "environment": text, "run_id": text},
        *(check(promise=text, observed=text, remedy=text, reason=text, outcome=outcome) for outcome in Outcome),
        {"event": "info", "when": "now", "info": {"db0": text, "used_memory": text, text: text}},
        {**END, "notes": [text], "target": {"hostname": text, "containers": {text: text}}},
    ]
    plain = Seen(_page([*events[:1], *events[-1:]], "x"))
    seen = Seen(_page(events, text))
    known = {
        *(
            "article",
            "h3",
            "pre",
            "span",
            "small",
            "code",
            "meter",
            "thead",
            "td",
            "tr",
            "th",
            "div",
            "caption",
            "table",
        )
    }
    assert seen.tags - plain.tags <= {*known, "tbody", "ul", "li", "p", "br", "section", "h2", "details", "summary"}
    assert not {name for name in seen.attributes if name.startswith("on") or name in {"src", "href", "style"}}


def _page(events: list[dict[str, object]], text: str) -> str:
    story = tell(events)
    return page.first_screen(story) + page.verify_sections(story, {text: text, "db0": "keys=1"}, text)


def test_memory_clients_and_keys_stand_against_their_limits() -> None:
    """Each with its share; none where Redis has no limit."""
    info = {
        "used_memory": "1048576",
        "maxmemory": "4194304",
        "connected_clients": "5",
        "db3": "keys=4,expires=1,avg_ttl=0",
    }
    found = {one.name: (one.said, one.share) for one in page.gauges(info)}
    assert found == {
        "memory": ("1.0 MiB of 4.0 MiB (25%)", 0.25),
        "clients": ("5", None),
        "keys in db3": ("4, 1 of them expire", None),
    }
    (memory,) = page.gauges({"used_memory": "1048576", "maxmemory": "0"})
    assert (memory.share, "no limit of its own" in memory.said) == (None, True)


def test_what_info_says_anew_is_told_and_what_always_changes_is_not() -> None:
    """A new run_id is news; a clock is none."""
    before = {"run_id": "a", "uptime_in_seconds": "5", "role": "master", "db0": "keys=1"}
    now = {"run_id": "b", "uptime_in_seconds": "9", "role": "master", "errorstat_OOM": "count=3"}
    assert [(one.field, one.before, one.now) for one in changed(before, now)] == [
        ("run_id", "a", "b"),
        ("errorstat_OOM", "", "count=3"),
        ("db0", "keys=1", ""),
    ]
    assert changed({}, now) == ()


def test_a_section_of_the_runbook_without_a_check_stays_in_sight() -> None:
    """A gap is seen, not left out."""
    story = tell([RUN, check()])
    covered = {one.section: len(one.checks) for _, sections in page.coverage(story.checks) for one in sections}
    assert (covered["Basic Health Check"], covered["Flush All Data"]) == (1, 0)


def test_the_policy_lets_nothing_run_but_what_it_names() -> None:
    """By the hash of the whole script; styles may stand in the file, nothing comes from anywhere."""
    said = policy("alert(1)")
    assert said.startswith("default-src 'none'; script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; ")
    assert "unsafe" not in said.partition("script-src")[2].partition(";")[0]
