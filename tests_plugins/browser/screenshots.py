"""Pictures of the pages: ``python -m tests_plugins.browser.screenshots [FOLDER]``, by default ``docs/reports``.

The runs are real: a gate and a campaign that passed, and one of each that failed. Only the weeks of the trend are
made up. Written anew each time, light and dark, on a desk and on a phone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests_plugins.browser.chromium import chromium
from tests_plugins.browser.runs import chaos_runs, verify_runs
from tests_plugins.browser.trends import MANY, leave_trend
from tests_plugins.browser.visit import DESK, PHONE, VIEWS, Desk, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reports"
#: What is played for the campaigns: what a runbook does most.
FAULTS = ("restart", "stop_start", "kill", "client_kill_backend")
#: No picture is higher, in pixels, by its width: they are for a README, and a page goes on and on.
HIGHEST = {DESK: 1500, PHONE: 2200}


def take(pages: Mapping[str, Path], folder: Path) -> Iterator[Path]:
    """A picture of each page in each view; where it went."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        desk = Desk(browser)
        for name, page in pages.items():
            for view in VIEWS:
                yield _take(desk, page, view, folder / f"{name}-{view}.png")


def _take(desk: Desk, page: Path, view: View, picture: Path) -> Path:
    tab = desk.open(page, view)
    height = min(HIGHEST[view.width], tab.evaluate("document.documentElement.scrollHeight"))
    tab.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": view.width, "height": height})
    tab.close()
    return picture


def main() -> None:
    """Play, look, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the pictures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        reports = Path(scratch)
        runs = {**verify_runs(reports / "verify"), **chaos_runs(reports / "chaos", *FAULTS)}
        pages = {name: folder / "report.html" for name, folder in runs.items()}
        pages["trend"] = leave_trend(reports / "trend", MANY)
        for picture in take(pages, arguments.folder):
            sys.stdout.write(f"{picture}: {picture.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
