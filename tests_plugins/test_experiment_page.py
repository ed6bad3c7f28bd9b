"""The section of one experiment in the report: what it says, and that nobody else speaks in it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.experiment_result import Writes
from plugins.history import Operation, Result
from plugins.recovery import Moments
from plugins.report.experiment_page import section
from plugins.report.story import Found, Line, Phase, Played, Told
from plugins.verdict import Outcome
from tests_plugins.hostile import any_text, hostile

if TYPE_CHECKING:
    from collections.abc import Mapping

ZERO = 50.0
#: Every element that the section is made of, and every attribute.
ELEMENTS = {
    *("section", "h2", "h3", "p", "div", "span", "figure", "figcaption", "details", "summary", "i", "br", "code"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "ol", "li"),
    *("svg", "g", "path", "line", "text"),
}
ATTRIBUTES = {"class", "aria-label", "aria-hidden", "role", "tabindex", "scope", "style"}


class Markup(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See ``HTMLParser``."""
        self.elements.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See ``HTMLParser``."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """See ``HTMLParser``."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """See ``HTMLParser``."""
        self.text += f"{data} "


def played(text: str = "") -> Played:
    """An experiment that has everything; ``text`` stands wherever a text from outside does."""
    told = text or "told"
    operations = [
        Operation("ping", ZERO + at / 10, ZERO + at / 10 + 0.01, Result.FAIL if 5 < at < 20 else Result.OK, code=text)
        for at in range(40)
    ]
    return Played(
        fault=text or "restart",
        outcome=Outcome.FAILED,
        reason=told,
        ended=True,
        window_s={"ping": 5.0, told: 5.0},
        recovery_s={"ping": 1.84, told: None},
        outage_s={"ping": 1.4, told: None},
        uncertainty_s={"ping": 0.02, told: None},
        writes=Writes(12_345, 6, 7),
        evidence={told: told},
        findings=(Found(told, told, told),),
        moments=Moments(ZERO + 0.5, ZERO + 0.6),
        operations=(*operations, Operation(told, ZERO + 4, ZERO + 5, Result.OK)),
        deeds=(Told(told, ZERO + 0.5, ZERO + 0.6, 1, told),),
        log=(Line(told, -0.1, told), Line("redis_staging", 1.5, "Ready to accept connections")),
        before={"run_id": "a", f"db{told}": told},
        after={"run_id": "b"},
    )


def test_the_section_says_what_became_of_it_before_everything_else() -> None:
    """The fault, the outcome, why; then the headroom."""
    text = " ".join(Markup(section(replace(played(), reason="because of that"))).text.split())
    assert text.startswith(
        "restart failed because of that The fault is undone. The least headroom: told: not well again (window 5 s)."
    )
    assert "wire PING 1.84 s ± 0.02 ✓ 63 % left 5 s 1.40 s" in text
    assert "told not well again ✗ none left 5 s not seen away" in text


def test_the_section_has_everything_that_stands_behind_it() -> None:
    """Operations, writes, evidence, findings, deeds, what is different in INFO, and the logs with their time."""
    text = " ".join(Markup(section(played())).text.split())
    for said in (
        "41 operations, drawn as 41 marks",
        "Writes acknowledged 12,345 lost 6 unknown 7",
        "-0.10 s, for 0.10 s, exit 1: told told",
        "run_id a b",
        "+1.50 s redis_staging Ready to accept connections",
        "wire PING failed 0.00 s 1.31 s",
    ):
        assert said in text


def test_an_experiment_that_was_interrupted_is_not_judged() -> None:
    """Nobody read its writes back, and what was done is undone, as far as there was anything."""
    operations = (*played().operations, Operation("write", ZERO, ZERO + 0.1, Result.OK))
    cut = Played(
        "kill",
        reason="ended by KeyboardInterrupt",
        ended=True,
        window_s={"ping": 5.0},
        recovery_s={"ping": None},
        operations=operations,
        phases=(Phase("fault", ZERO),),
    )
    text = " ".join(Markup(section(cut)).text.split())
    assert "The fault is undone." in text
    assert "wire PING not judged ? 5 s" in text
    assert ("1 acknowledged, not read back" in text, "Writes acknowledged" in text) == (True, False)
    assert "No fault was injected." in Markup(section(replace(cut, phases=()))).text
    assert "The fault is not undone." in Markup(section(replace(cut, undone=False))).text


def test_the_picture_has_its_text_beside_it() -> None:
    """Who does not see it reads the same in a table."""
    found = Markup(section(played()))
    images = [attributes for tag, attributes in found.elements if tag == "svg"]
    assert [one["role"] for one in images] == ["img"]
    assert "table" in str(images[0]["aria-label"])
    assert "The timeline as a table" in found.text


def test_what_scrolls_is_reached_by_the_keyboard() -> None:
    """Each box that may be wider or higher than its place has a name and takes the focus."""
    boxes = [one for _, one in Markup(section(played())).elements if "box" in str(one.get("class", "")).split()]
    assert boxes
    assert all(one["tabindex"] == "0" and one["role"] == "region" and one["aria-label"] for one in boxes)


def test_an_experiment_that_was_cut_short_is_shown_as_far_as_it_got() -> None:
    """Killed before anything was asked, during the warm-up, and while Redis was away."""
    nothing = Markup(section(Played("kill")))
    assert "the run ended before this experiment did" in nothing.text
    assert "there is no timeline" in nothing.text
    early = Played("kill", operations=(Operation("ping", ZERO, ZERO, Result.OK),))
    assert "1 operation, drawn as 1 mark:" in Markup(section(early)).text
    away = Played("kill", operations=played().operations[:15], moments=Moments(ZERO + 0.5, ZERO + 0.6))
    assert "PONG: not well again" in Markup(section(away)).text


def test_what_is_too_much_to_show_is_counted() -> None:
    """A container that logs without end does not fill the report."""
    endless = tuple(Line("redis_staging", at / 10, "x" * 500) for at in range(300))
    page = section(replace(played(), log=endless))
    assert len(page) < 120_000
    assert "220 more are in journal.jsonl" in Markup(page).text


@settings(parent=hostile, max_examples=25)
@given(
    any_text.filter(str.strip) | st.sampled_from(["</svg><script>x</script>", '" onload="x', "'><img src=x onerror=x>"])
)
def test_what_came_from_outside_is_text_and_nothing_else(text: str) -> None:
    """No element and no attribute is there but our own; no text opens, closes or names one."""
    found = Markup(section(played(text)))
    assert not found.open
    assert {tag for tag, _ in found.elements} <= ELEMENTS
    for tag, attributes in found.elements:
        if tag not in {"svg", "g", "path", "line", "text"}:
            assert attributes.keys() <= ATTRIBUTES
            assert str(attributes.get("style", "flex-grow: 1")).startswith("flex-grow: ")
        assert not any(name.startswith("on") or "href" in name or name in {"id", "src"} for name in attributes)
    usual = [tag for tag, _ in Markup(section(played())).elements]
    assert [tag for tag, _ in found.elements if tag not in {"path", "line", "g", "text"}] == [
        tag for tag in usual if tag not in {"path", "line", "g", "text"}
    ]


def test_control_characters_are_shown_and_not_sent() -> None:
    """A log line can neither reverse the text after it nor hide."""
    page = section(replace(played(), log=(Line("redis", 0, "a\x00b\u202ec\x1b[31m"),)))
    assert "a\\x00b\\u202ec\\x1b[31m" in page
    assert not {"\x00", "\u202e", "\x1b"} & set(page)
