"""The summary in Markdown: what it says, and that nothing in it does anything."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from plugins.experiment_result import ExperimentResult, Writes
from plugins.recovery import Recovery
from plugins.report.run_json import Target
from plugins.report.summary import LARGEST, code, fenced, summary
from plugins.verdict import Exit, Outcome
from tests_plugins.hostile import hostile, some_text
from tests_plugins.test_run import make_result, make_run

if TYPE_CHECKING:
    from plugins.run import Run

TARGET = Target(hostname="vm", engine_id="A", redis_run_id="a8800d76c8", redis_version="7.0.15", containers={})
WINDOW = {"ping": 5.0, "backend": 5.0}
BAD = "a|b `c` ``` @everyone #1 <script>alert(1)</script> </code> ![x](http://e.example/x) www.e.example\n\n# h\n| x |"


def html_of(text: str) -> str:
    """As a page shows it, with HTML in Markdown left as it is."""
    page: str = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    return page


def told(run: Run, code: int = 1) -> str:
    return summary(run, TARGET, code, "reports/x/report.html")


def failing(*, name: str = "a/b", observed: str = "", remedy: str = "") -> Run:
    run = make_run()
    run.results["n"] = replace(make_result(Outcome.FAILED), id=name, observed=observed, remedy=remedy)
    return run


def test_it_says_what_failed_and_what_mends_it() -> None:
    """Verdict, target, a row and a command to paste, and where the report is."""
    text = html_of(told(failing(observed="it is down", remedy="docker compose up -d")))
    assert "<h2><code>staging verify: FAIL (exit 1): 1 failed, in 0.00 s</code></h2>" in text
    assert "<td>failed</td>\n<td><code>a/b</code></td>\n<td><code>it is down</code></td>" in text
    assert '<pre><code class="language-sh">docker compose up -d\n</code></pre>' in text
    assert "Target: <code>vm, Redis 7.0.15 (run a8800d76)</code>" in text
    assert "Report: <code>reports/x/report.html</code>" in text


def test_a_run_that_was_stopped_says_why() -> None:
    """There is no check to tell of."""
    run = make_run()
    run.stop(Exit.UNJUDGED, "staging cannot be reached")
    text = html_of(told(run, 10))
    assert ("staging cannot be reached" in text, "<table>" in text) == (True, False)


def test_an_experiment_has_its_recovery_and_its_window() -> None:
    """With what it may be off by; the slowest vantage point is named."""
    seen = {"uncertainty_s": 0.02, "settled": True, "flapped": False, "operations": 9, "hold_s": 2.0}
    run = make_run()
    recoveries = (Recovery("ping", 0.41, 0.4, **seen), Recovery("backend", None, 0.4, **seen))  # type: ignore[arg-type]  # a dict of fields
    run.experiments.append(
        ExperimentResult(
            "restart", "restart", Outcome.FAILED, window_s=WINDOW, recoveries=recoveries, writes=Writes(900, 1, 0)
        )
    )
    cells = re.findall("<td>(.*?)</td>", html_of(told(run)))
    assert cells == [
        "failed",
        "<code>restart</code>",
        "0.41 s ± 0.02 of 5 s",
        "<code>backend</code> not well again of 5 s",
        "1 of 900",
    ]


def test_an_experiment_that_was_interrupted_is_not_judged() -> None:
    """No recovery, no window that was missed, and no writes that anybody has read back."""
    seen = {"uncertainty_s": 0.02, "settled": False, "flapped": False, "operations": 9, "hold_s": 2.0}
    run = make_run()
    run.experiments.append(
        ExperimentResult(
            "restart",
            "restart",
            Outcome.ERROR,
            window_s=WINDOW,
            recoveries=(Recovery("ping", None, None, **seen),),  # type: ignore[arg-type]  # a dict of fields
        )
    )
    cells = re.findall("<td>(.*?)</td>", html_of(told(run, 2)))
    assert cells[2:] == ["not judged", "<code>wire PING</code> not judged", "not read back"]


def outside_of_code(text: str) -> str:
    """What Markdown and GitHub may make something of."""
    return re.sub(r"<code[^>]*>[^<]*</code>", "", html_of(text))


@hostile
@given(some_text | st.just(BAD) | st.text("`|<>@#\\&\n\r\t*_~[]()!:/w.x", min_size=1, max_size=60))
def test_hostile_text_is_only_text(text: str) -> None:
    """In every place: what the page is made of is the same as of a harmless text."""
    run, harmless = failing(name=text, observed=text, remedy=text), failing(name="x", observed="x", remedy="x")
    for each, said in ((run, text), (harmless, "x")):
        each.notes.append(said)
        each.stop(Exit.UNJUDGED, said)
    expected = outside_of_code(told(harmless))
    assert outside_of_code(told(run)) == expected


def test_hostile_text_is_still_said() -> None:
    """On one line, letter by letter."""
    (said,) = re.findall("<p><code>(.*)</code></p>", html_of(code(BAD)))
    assert said.startswith("a|b `c` ``` @everyone #1 &lt;script&gt;alert(1)&lt;/script&gt;")
    assert not set("@#|`<:") & set(code(BAD).removeprefix("<code>").removesuffix("</code>").replace("&#", ""))


def test_a_fence_is_longer_than_any_in_it() -> None:
    """Else what follows would be Markdown again."""
    text = "a\n```\n# x\n`````\n"
    assert fenced(text).startswith("``````sh\n")
    assert html_of(fenced(text)).count("<pre>") == 1
    assert "<h1>" not in html_of(fenced(text))


def test_it_fits_into_a_comment() -> None:
    """However much went wrong; it says how much was left out, and the worst comes first."""
    run = make_run()
    for number in range(400):
        outcome = Outcome.WARNED if number % 2 else Outcome.FAILED
        run.results[f"{number}"] = replace(
            make_result(outcome), observed="|" * 900, remedy="`" * 5_000, id=f"c/{number}"
        )
    run.notes += ["@" * 5_000] * 30
    run.stop(Exit.UNJUDGED, "<" * 9_000)
    text = told(run)
    assert len(text) <= LARGEST
    assert re.search(r"^\d+ more: see the report\.$", text, re.MULTILINE)
    assert text.endswith("report.html</code>\n")
    assert "<td>warned</td>" not in html_of(text)
