"""The index: what it shows of the runs, that nothing in it acts, and that a gate pays little for it."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from plugins.report import trend_chart
from plugins.report.index import FILE, POLICY, write_index
from plugins.report.past import FOLDER, past_run
from plugins.report.trend import fault_trends
from tests_plugins.hostile import NASTY
from tests_plugins.pasts import campaigns, document, experiment, leave, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: HTML elements without an end.
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Every element with its attributes, and the text; complains of elements that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.said: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it, as in an SVG."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """It ends what is open."""
        assert self._open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.said.append(data)

    def values(self, attribute: str) -> list[str]:
        """Those of this attribute."""
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    def count(self, tag: str) -> int:
        """How many elements of this kind there are."""
        return sum(each == tag for each, _ in self.elements)

    @property
    def text(self) -> str:
        """All text, on one line."""
        return " ".join(" ".join(self.said).split())


def index(reports: Path, newest: Mapping[str, Any]) -> Page:
    write_index(reports, past_run(newest))
    return Page((reports / FILE).read_text(encoding="utf-8"))


def gates(reports: Path, *columns: Mapping[str, str]) -> list[dict[str, Any]]:
    documents = [document(number, suite="verify", checks=checks) for number, checks in enumerate(columns)]
    for each in documents:
        leave(reports, each)
    return documents


def test_a_check_has_a_cell_for_every_run(tmp_path: Path) -> None:
    """A sign beside the colour; what was amiss leads to that run's report, and the newest stands on the right."""
    documents = gates(tmp_path, {"a/b": "failed"}, {"a/b": "warned"}, {"a/b": "passed"})
    write_index(tmp_path, past_run(documents[-1]))
    row = re.search(r'<th scope="row">a/b</th>(.*?)</tr>', (tmp_path / FILE).read_text(encoding="utf-8"), re.DOTALL)
    assert row is not None
    cells = [Page(cell).text for cell in re.findall("<td.*?</td>", row[1])]
    assert cells == ["✗", "!", "✓"]
    assert re.findall('href="([^"]*)"', row[1]) == [f"{name_of(each, suite='verify')}/run.json" for each in (0, 1)]


def test_a_run_leads_to_its_page_where_it_has_one(tmp_path: Path) -> None:
    """The newest's is about to be written."""
    documents = gates(tmp_path, {"a": "passed"}, {"a": "passed"}, {"a": "passed"})
    (tmp_path / name_of(1, suite="verify") / "report.html").touch()
    links = set(index(tmp_path, documents[-1]).values("href"))
    names = [name_of(each, suite="verify") for each in range(3)]
    assert links == {f"{names[0]}/run.json", f"{names[1]}/report.html", f"{names[2]}/report.html"}


def test_a_regression_is_marked_in_words(tmp_path: Path) -> None:
    """Beside the median and the band of the runs before it."""
    page = index(tmp_path, campaigns(tmp_path, *[0.4] * 6, 1.0)[-1])
    assert "▲ beyond its band" in page.text
    assert f"▲ longer than before, in {name_of(6)}" in page.text
    assert "wire PING: 1.00 s ± 0.02, window 5 s; the 6 runs before: median 0.40 s, band 0.25 to 0.55 s" in page.text


def test_a_regression_is_in_the_headline(tmp_path: Path) -> None:
    """A pass that took longer than ever is no green line; nor is one of the run before it any business of this one."""
    documents = campaigns(tmp_path, *[0.4] * 6, 1.0)
    page = index(tmp_path, documents[-1])
    assert "staging chaos: PASS, ▲ beyond its band: restart The newest" in page.text
    assert "verdict beyond" in page.values("class")
    leave(tmp_path, newest := document(7, experiment(0.4)))
    page = index(tmp_path, newest)
    assert "staging chaos: PASS The newest" in page.text
    assert "verdict pass" in page.values("class")


def test_an_interrupted_run_is_called_so(tmp_path: Path) -> None:
    """As everywhere."""
    leave(tmp_path, newest := {**document(0), "verdict": "unjudged", "exit_code": 2})
    assert "staging chaos: INTERRUPTED" in index(tmp_path, newest).text


def test_a_few_runs_make_no_band(tmp_path: Path) -> None:
    """Two figures say nothing of what is usual: neither in words nor in the picture."""
    page = index(tmp_path, campaigns(tmp_path, 0.4, 4.0, 0.5)[-1])
    assert "the 2 runs before: median 2.20 s; a band takes 5" in page.text
    assert "band 0." not in page.text
    few, enough = (fault_trends([past_run(each) for each in campaigns(tmp_path / f"{n}", *[0.4] * n)]) for n in (5, 6))
    assert ["rect" in json.dumps(trend_chart.spec(fault)) for (fault,) in (few, enough)] == [False, True]


def test_runs_of_one_day_have_their_time_in_the_picture() -> None:
    """Where each is of a day of its own, the day will do."""
    once, twice = ([name_of(0), name_of(24)], [name_of(0), name_of(1)])
    assert trend_chart.labels(once) == [["01-01"], ["01-02"]]
    assert trend_chart.labels(twice) == [["01-01", "00:00"], ["01-01", "01:00"]]


def test_a_run_that_is_passed_over_is_named(tmp_path: Path) -> None:
    """With how to see it all the same."""
    newest = campaigns(tmp_path, 0.4, 0.5)[-1]
    (tmp_path / name_of(0) / "run.json").unlink()
    text = index(tmp_path, newest).text
    assert f"no run.json that can be read: {name_of(0)} . pytest --render RUNDIR" in text.replace("0000.", "0000 .")


def test_every_picture_has_its_figures_beside_it(tmp_path: Path) -> None:
    """A text for who cannot see it, and a table."""
    page = index(tmp_path, campaigns(tmp_path, 0.4, None)[-1])
    (label,) = [one["aria-label"] for tag, one in page.elements if tag == "svg" and one.get("role") == "img"]
    assert label == "Recovery from restart on staging, run by run; the figures stand below"
    assert "wire PING: never well, window 5 s" in page.text
    assert page.count("figcaption") == 1
    assert "0.40 s ± 0.02" in page.text


@pytest.mark.parametrize("suite", ["verify", "chaos"])
def test_a_single_run_explains_what_is_missing(tmp_path: Path, suite: str) -> None:
    """One that came to nothing: unreachable, or refused."""
    newest = {**document(0, suite=suite), "verdict": "unjudged", "exit_code": 10}
    leave(tmp_path, newest)
    text = index(tmp_path, newest).text
    expected = {
        "verify": ["No run of verify came to a check.", "No run of chaos is left"],
        "chaos": ["No run of verify is left.", "No experiment came to a figure."],
    }
    assert [each for each in expected[suite] if each not in text] == []


def test_hostile_text_does_nothing(tmp_path: Path) -> None:
    """In every place where a run.json has a text: no element and no attribute comes of it, in the picture neither."""
    bad = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\ud800</svg></style>" + "".join(NASTY)
    for each in (
        document(0, experiment(fault=bad), host="h"),
        document(1, suite="verify", host="h", checks={bad: "failed"}),
    ):
        each["host"] = each["verdict"] = bad
        leave(tmp_path, each)
    newest = document(2, experiment(fault=bad, outcome=bad), host="h")
    newest["experiments"][0]["recovery_s"] |= {bad: 0.3}
    leave(tmp_path, newest)
    page = index(tmp_path, newest)
    elements = {tag for tag, _ in page.elements}
    assert elements.isdisjoint({"script", "img", "iframe", "a href", "object", "form"})
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
    assert all(
        re.fullmatch(r"#host-\d+|[\w.-]+Z-[\w.-]+/(report\.html|run\.json)", link) for link in page.values("href")
    )
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    """By its policy, and by what is in it."""
    page = index(tmp_path, campaigns(tmp_path, 0.4)[-1])
    policies = [one["content"] for _, one in page.elements if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    assert (page.values("src"), page.count("link"), page.count("script")) == ([], 0, 0)


def test_what_scrolls_can_be_reached_with_the_keyboard(tmp_path: Path) -> None:
    """Each box has a name, and a place in the order."""
    page = index(tmp_path, campaigns(tmp_path, 0.4)[-1])
    boxes = [one for tag, one in page.elements if tag == "div" and "box" in one.get("class", "").split()]
    assert len(boxes) == 3
    assert all(one["tabindex"] == "0" and one["role"] == "region" and one["aria-label"] for one in boxes)
    assert all(one.get("scope") in ("col", "row") for tag, one in page.elements if tag == "th")


def test_a_gate_renders_no_part_but_its_own(tmp_path: Path) -> None:
    """Until a run of the other kind comes or goes."""
    campaigns(tmp_path, 0.4, 0.5)
    newest = gates(tmp_path, {"a": "passed"})[-1]
    index(tmp_path, newest)
    part = tmp_path / FOLDER / "staging-chaos.html"
    part.write_text(part.read_text(encoding="utf-8") + "<p>as it was kept</p>", encoding="utf-8")
    assert "as it was kept" in index(tmp_path, newest).text
    shutil.rmtree(tmp_path / name_of(0))
    text = index(tmp_path, newest).text
    assert ("as it was kept" in text, "no earlier run to compare with" in text) == (False, True)


def test_a_gate_draws_nothing(tmp_path: Path) -> None:
    """It takes a second: the next run of chaos does."""
    campaigns(tmp_path, 0.4)
    page = index(tmp_path, gates(tmp_path, {"a": "passed"})[-1])
    assert (page.count("svg"), "No picture: the next run of chaos draws it." in page.text) == (0, True)
    assert index(tmp_path, document(0, experiment(0.4))).count("svg") == 1


def test_old_pictures_go(tmp_path: Path) -> None:
    """One for each fault is kept."""
    documents = campaigns(tmp_path, 0.4, 0.5)
    index(tmp_path, documents[0])
    leave(tmp_path, newest := document(5, experiment(0.6)))
    index(tmp_path, newest)
    assert len(list((tmp_path / FOLDER).glob("*.svg"))) == 1


def test_a_picture_that_was_tampered_with_is_left_out(tmp_path: Path) -> None:
    """Whatever lies under its name."""
    newest = campaigns(tmp_path, 0.4)[-1]
    assert index(tmp_path, newest).count("svg") == 1
    (picture,) = (tmp_path / FOLDER).glob("*.svg")
    good = picture.read_text(encoding="utf-8")
    for bad in ("<script>1</script>", '<image href="x"/>', '<g onload="x"/>', "<foreignObject/>", '<g style="x"/>'):
        picture.write_text(good.replace("</svg>", f"{bad}</svg>"), encoding="utf-8")
        assert index(tmp_path, newest).count("svg") == 0, bad


def test_a_library_that_cannot_draw_costs_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are there all the same."""

    def fail(*_: object) -> None:
        raise ValueError("no such mark")

    monkeypatch.setattr(trend_chart, "spec", fail)
    page = index(tmp_path, campaigns(tmp_path, 0.4)[-1])
    assert (page.count("svg"), "0.40 s ± 0.02" in page.text) == (0, True)


def test_a_link_in_the_indexs_place_is_replaced(tmp_path: Path) -> None:
    """What it leads to stays as it was."""
    (tmp_path / "theirs").write_text("theirs", encoding="utf-8")
    reports = tmp_path / "r"
    newest = campaigns(reports, 0.4)[-1]
    (reports / FILE).symlink_to("../theirs")
    index(reports, newest)
    assert ((tmp_path / "theirs").read_text(encoding="utf-8"), (reports / FILE).is_symlink()) == ("theirs", False)
