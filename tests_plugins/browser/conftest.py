"""One browser for all tests of a file, and the pages that they are about, made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests_plugins.browser.chromium import chromium
from tests_plugins.browser.hostile import plant
from tests_plugins.browser.runs import chaos_runs, verify_runs
from tests_plugins.browser.trends import leave_hostile_trend, leave_trend
from tests_plugins.browser.visit import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests_plugins.browser.visit import View, Visit


# Neither is there for longer than a file: while it is driven, a thread of ours has an event loop that runs.
@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """The browser."""
    with chromium() as browser:
        yield Desk(browser)


@pytest.fixture(scope="module")
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The pages by name."""
    request.getfixturevalue("desk")  # nothing is played where no page can be opened
    reports = tmp_path_factory.mktemp("reports")
    with ThreadPoolExecutor() as pool:
        chaos = pool.submit(chaos_runs, reports / "chaos")
        runs = verify_runs(reports / "verify")
        runs["verify-hostile"] = plant(runs["verify-fail"], reports / "verify-hostile")
        trends = {"trend": leave_trend(reports / "trend"), "trend-hostile": leave_hostile_trend(reports / "hostile")}
        runs |= chaos.result()
    runs["chaos-hostile"] = plant(runs["chaos-fail"], reports / "chaos-hostile")
    return {name: folder / "report.html" for name, folder in runs.items()} | trends


@pytest.fixture
def page(pages: Mapping[str, Path], name: str) -> Path:
    """The page of that name."""
    return pages[name]


@pytest.fixture
def visit(desk: Desk, page: Path, view: View) -> Visit:
    """What was seen of the page."""
    return desk.visit(page, view)
