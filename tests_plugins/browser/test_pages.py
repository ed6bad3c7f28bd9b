"""The pages that runs leave, as a browser finds them: on a desk and on a phone, in light and in dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests_plugins.browser.hostile import TEXTS
from tests_plugins.browser.visit import DESK, PHONE, VIEWS, View

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests_plugins.browser.visit import Desk, Visit

HOSTILE = ("verify-hostile", "chaos-hostile", "trend-hostile")
NAMES = ("verify-pass", "verify-fail", "chaos-pass", "chaos-fail", "trend", *HOSTILE)
#: Those whose table has something to filter and to sort.
TABLES = ("verify-fail", "verify-hostile")
ON_DESK, ON_PHONE = View("light", DESK), View("light", PHONE)
SLIPPED = """<script>window.pwned = 1</script><b id="handler" onclick="window.pwned = 1">x</b>
<a id="address" href="javascript:window.pwned = 1">x</a>"""
#: So often a person presses the key at most before he gives up.
TABS = 60

every_page = pytest.mark.parametrize("name", NAMES)
every_view = pytest.mark.parametrize("view", VIEWS, ids=str)
on_desk = pytest.mark.parametrize("view", [ON_DESK], ids=str)
every_table = pytest.mark.parametrize("name", TABLES)


@every_page
@every_view
def test_the_browser_complains_of_nothing(visit: Visit) -> None:
    """No error and no warning in the console, no uncaught exception."""
    assert visit.said == ()


@every_page
@every_view
def test_nothing_is_asked_for_but_the_file(visit: Visit) -> None:
    """It opens offline, and tells nobody that it was opened."""
    assert visit.requests == ()


@every_page
@every_view
def test_the_policy_blocks_nothing_of_the_page_itself(visit: Visit) -> None:
    """What the page uses is what its Content-Security-Policy allows."""
    assert visit.seen["blocked"] == []


@every_page
@every_view
def test_axe_finds_no_serious_fault(visit: Visit) -> None:
    """Contrast, names, roles, structure."""
    if visit.faults:
        pytest.fail("\n" + "\n".join(visit.faults), pytrace=False)


@every_page
@every_view
def test_nobody_scrolls_sideways(visit: Visit, view: View) -> None:
    """What is wider than the window scrolls in a frame of its own."""
    assert visit.seen["width"] <= view.width, "\n".join(visit.seen["wide"])


@every_page
@every_view
def test_light_is_light_and_dark_is_dark(visit: Visit, view: View) -> None:
    """The page follows what the reader has asked the machine for."""
    red, green, blue = (int(part) for part in re.findall(r"\d+", visit.seen["paper"])[:3])
    brightness = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    assert brightness > 0.8 if view.scheme == "light" else brightness < 0.25, visit.seen["paper"]


@every_page
@every_view
def test_what_scrolls_can_be_scrolled_by_keyboard(visit: Visit) -> None:
    """Every frame that scrolls takes the focus."""
    assert visit.seen["unreachable"] == []


@every_page
@on_desk
def test_every_picture_says_what_it_shows(visit: Visit) -> None:
    """A chart has a name for those who do not see it, or is no more than decoration."""
    assert visit.seen["nameless"] == []


@every_page
@every_view
def test_no_word_in_a_picture_stands_on_another(visit: Visit) -> None:
    """Its labels can be read."""
    assert visit.seen["collisions"] == []


@pytest.mark.parametrize("name", ["trend"])
def test_a_picture_that_is_too_wide_begins_with_the_newest_run(desk: Desk, page: Path) -> None:
    """On a phone: the older ones are what one has to scroll for."""
    tab = desk.open(page, ON_PHONE)
    hidden = tab.locator(".picture").evaluate_all(
        "all => all.map(one => [one.scrollWidth - one.clientWidth,"
        " one.querySelector('svg').getBoundingClientRect().right - one.getBoundingClientRect().right])"
    )
    assert hidden
    assert all(wider > 0 and right < 1 for wider, right in hidden), hidden
    tab.close()


@every_page
@on_desk
def test_the_policy_is_strict(visit: Visit) -> None:
    """Nothing but the page's own scripts, by their digests; it stands before whatever it is to hold for."""
    policy = visit.seen["policy"]
    assert policy is not None
    assert visit.seen["late"] == []
    directives = {words[0]: words[1:] for part in policy.split(";") if (words := part.split())}
    assert directives["default-src"] == ["'none'"], policy
    assert directives["base-uri"] == directives["form-action"] == ["'none'"], policy
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", source) for source in directives.get("script-src", [])), (
        policy
    )
    assert set(directives.get("img-src", [])) <= {"data:"}, policy
    assert set(directives) <= {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}, policy


@every_page
@on_desk
def test_there_is_nothing_that_could_reach_out_or_run(visit: Visit) -> None:
    """No frame, no plug-in, no form, no picture, no handler in an attribute, no link but to a run beside it."""
    assert visit.seen["aliens"] == visit.seen["handlers"] == []
    assert [link for link in visit.seen["links"] if not re.match(r"#|\d{8}T\d{6}Z-", link)] == []


@every_page
@on_desk
def test_nothing_planted_has_run(visit: Visit) -> None:
    """Neither what stood in the file nor what the table's script made of it."""
    assert visit.seen["pwned"] is None


@every_table
def test_what_slips_through_the_escaping_does_not_run(desk: Desk, page: Path, tmp_path: Path) -> None:
    """A script, a handler and an address that is a script, put into the file as if nothing were escaped."""
    file = tmp_path / "spoilt.html"
    file.write_text(page.read_text(encoding="utf-8").replace("</main>", f"{SLIPPED}</main>"), encoding="utf-8")
    tab = desk.open(file, ON_DESK)
    tab.locator("#handler").dispatch_event("click")
    tab.locator("#address").dispatch_event("click")
    blocked = tab.evaluate("window.blocked.map(one => one.split(':')[0])")
    assert (tab.evaluate("window.pwned"), set(blocked)) == (None, {"script-src-elem", "script-src-attr"})
    tab.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_was_planted_is_read_as_text(desk: Desk, page: Path) -> None:
    """Markup as it was written, and what has no shape by its number."""
    tab = desk.open(page, ON_DESK)
    tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    text = tab.inner_text("body")
    assert [planted for planted in TEXTS if planted.isprintable() and planted not in text] == []
    assert not {"\x1b", "\x9b", "\0", "\u202e", "\u2066", "\u2028"} & set(text)
    tab.close()


@pytest.mark.parametrize("name", ["verify-fail"])
def test_what_mends_a_check_is_in_sight_on_a_desk(desk: Desk, page: Path) -> None:
    """The table of checks, and what INFO said then and says now, are no wider than their frames."""
    tab = desk.open(page, ON_DESK)
    assert tab.locator("#results-table pre.mend").count()
    wider = tab.locator(".box:has(#results-table), .box:has(table.changes)").evaluate_all(
        "all => all.map(one => one.scrollWidth - one.clientWidth)"
    )
    assert wider == [0, 0]
    tab.close()


@every_table
def test_a_filter_takes_its_rows_away(desk: Desk, page: Path) -> None:
    """Without what has passed, what failed is left; with it, all are back."""
    tab = desk.open(page, ON_DESK)
    before = outcomes(tab)
    assert {"passed", "failed"} <= set(before)
    box = tab.locator("input.filter[data-test-result=passed]")
    box.click()
    assert set(outcomes(tab)) == set(before) - {"passed", "warned"}
    box.click()
    assert sorted(outcomes(tab)) == sorted(before)
    tab.close()


@pytest.mark.parametrize("name", ["verify-fail"])
def test_a_header_sorts_the_rows(desk: Desk, page: Path) -> None:
    """By what stands in the column, one way and then the other."""
    tab = desk.open(page, ON_DESK)
    header = tab.locator("#results-table th.sortable[data-column-type=testId]")
    header.click()
    once = checks(tab)
    header.click()
    assert once == checks(tab)[::-1]
    assert len(set(once)) > 1
    assert once in (sorted(once), sorted(once, reverse=True))
    tab.close()


@every_table
@pytest.mark.parametrize(
    ("what", "key"),
    [("input.filter[data-test-result=passed]", "Space"), ("th.sortable[data-column-type=testId]", "Enter")],
    ids=["filter", "header"],
)
def test_the_table_is_used_by_keyboard(desk: Desk, page: Path, what: str, key: str) -> None:
    """Tab leads there, one sees where one is, and a key does what a click does."""
    tab = desk.open(page, ON_DESK)
    target = tab.locator(what)
    assert tabbed_to(tab, target), f"not reached by {TABS} times Tab"
    # A header may hold a button that takes the focus for it.
    assert target.evaluate("one => getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    tab.keyboard.press(key)
    once = checks(tab)
    tab.keyboard.press(key)
    assert checks(tab) != once
    tab.close()


def tabbed_to(tab: Page, target: Locator) -> bool:
    """Whether the focus came there, or to what is in there."""
    for _ in range(TABS):
        tab.keyboard.press("Tab")
        if target.evaluate("one => one.contains(document.activeElement)"):
            return True
    return False


def outcomes(tab: Page) -> list[str]:
    """What the rows that are shown say."""
    return [text.strip().split()[-1] for text in tab.locator("#results-table td.col-outcome").all_inner_texts()]


def checks(tab: Page) -> list[str]:
    """What the rows that are shown are about, from top to bottom."""
    return tab.locator("#results-table td.col-testId").all_inner_texts()
