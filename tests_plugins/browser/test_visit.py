"""What the tests of the pages ask finds what it is to find: asked of a page that breaks every promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests_plugins.browser.chromium import chromium
from tests_plugins.browser.visit import DESK, View
from tests_plugins.staging import REQUIRE

if TYPE_CHECKING:
    from tests_plugins.browser.visit import Desk, Visit

BAD = Path(__file__).with_name("bad.html")
SAID = ("error: said", "uncaught: uncaught")
WRONG = ("wide", "unreachable", "nameless", "handlers", "aliens", "late", "collisions")
LENIENT, STRICT = "'unsafe-inline'", "'none'"


def opened(desk: Desk, folder: Path, policy: str) -> Visit:
    file = folder / "bad.html"
    file.write_text(BAD.read_text(encoding="utf-8").replace("POLICY", policy), encoding="utf-8")
    return desk.visit(file, View("light", DESK))


def test_everything_that_is_wrong_is_seen(desk: Desk, tmp_path: Path) -> None:
    """Without a policy that forbids it, all of it happens."""
    visit = opened(desk, tmp_path, LENIENT)
    assert [said for word in ("said", "uncaught") for said in visit.said if word in said] == list(SAID)
    assert visit.seen["pwned"] == 2
    assert visit.seen["width"] > DESK
    assert [name for name in WRONG if not visit.seen[name]] == []
    assert {fault.partition(" ")[0] for fault in visit.faults} >= {"color-contrast", "label"}


def test_a_request_is_seen(desk: Desk, tmp_path: Path) -> None:
    """Also one for a file beside the page."""
    file = tmp_path / "page.html"
    file.write_text("<!DOCTYPE html><title>x</title><img src=beside.png alt=x>", encoding="utf-8")
    visit = desk.visit(file, View("light", DESK))
    assert visit.requests == ((tmp_path / "beside.png").as_uri(),)


def test_a_strict_policy_lets_nothing_run_that_stands_below_it(desk: Desk, tmp_path: Path) -> None:
    """Neither a script nor a handler, were one ever to slip through the escaping; and what it blocks is seen."""
    visit = opened(desk, tmp_path, STRICT)
    assert visit.seen["pwned"] == 1  # of the script above it
    assert any("script-src-elem: inline" in line for line in visit.seen["blocked"])
    assert any("img-src" in line for line in visit.seen["blocked"])


def test_without_a_browser_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without one skips these tests, and its user is told why."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(REQUIRE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no chromium on this machine"), chromium():
        pass
