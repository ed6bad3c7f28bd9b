"""A page as a browser found it: opened once for each way to look at it, and asked for all that the tests promise."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Browser, BrowserContext, Page

HEIGHT = 900
DESK, PHONE = 1200, 390

#: Runs before anything of the page: what its policy blocks is remembered.
_LISTEN = """
window.blocked = [];
document.addEventListener('securitypolicyviolation', event => window.blocked.push(
  `${event.effectiveDirective}: ${event.blockedURI} ${event.sample} (line ${event.lineNumber})`));
"""
_LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")
_JUDGE = Path(__file__).with_name("judge.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class View:
    """One way to look at a page."""

    scheme: Literal["light", "dark"]
    width: int

    def __str__(self) -> str:
        """As it stands in a test's id and a picture's name."""
        return f"{self.scheme}-{self.width}"


VIEWS = (View("light", DESK), View("light", PHONE), View("dark", DESK), View("dark", PHONE))


@dataclass(frozen=True)
class Visit:
    """What a page did when it was opened, and what stood there."""

    said: tuple[str, ...] = field(repr=False)  # errors and warnings of the console, and uncaught exceptions
    requests: tuple[str, ...] = field(repr=False)  # beside the file itself
    faults: tuple[str, ...] = field(repr=False)  # serious and critical ones that axe has found
    seen: Mapping[str, Any] = field(repr=False)  # by the names in look.js


class Desk:
    """A browser with a window for each width."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._windows: dict[int, BrowserContext] = {}
        self._visits: dict[tuple[Path, View], Visit] = {}

    def open(self, file: Path, view: View) -> Page:
        """The file in a new tab."""
        page = self.tab(view.width)
        page.emulate_media(color_scheme=view.scheme)
        page.goto(file.as_uri())
        return page

    def visit(self, file: Path, view: View) -> Visit:
        """What there is to be seen of a file, looked at once."""
        if (file, view) not in self._visits:
            self._look(file, view.width)
        return self._visits[file, view]

    def tab(self, width: int) -> Page:
        """A new tab with nothing in it."""
        if width not in self._windows:
            self._windows[width] = self._browser.new_context(
                viewport={"width": width, "height": HEIGHT},
                is_mobile=width == PHONE,  # it takes the page's own word for its width, as a phone does
            )
            self._windows[width].add_init_script(_LISTEN)
        return self._windows[width].new_page()

    def _look(self, file: Path, width: int) -> None:
        """Open it once, in light; it turns dark while it is open, as when the evening comes."""
        page = self.tab(width)
        said: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
        page.on("request", lambda request: requests.append(request.url))
        page.emulate_media(color_scheme="light")
        page.goto(file.as_uri())
        seen = {"light": page.evaluate(_LOOK)}
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        faults = _faults(page, contrast=False)
        colours = {"light": _faults(page, contrast=True) if width == DESK else ()}  # on a phone they are the same
        page.emulate_media(color_scheme="dark")
        seen["dark"] = page.evaluate(_LOOK)
        colours["dark"] = _faults(page, contrast=True) if width == DESK else ()
        page.close()
        heard = tuple(line for line in said if line.startswith(("error", "warning", "uncaught")))
        others = tuple(url for url in requests if url != file.as_uri())
        for view in (view for view in VIEWS if view.width == width):
            found = (*faults, *colours[view.scheme])
            self._visits[file, view] = Visit(heard, others, found, seen[view.scheme])


def _faults(page: Page, *, contrast: bool) -> tuple[str, ...]:
    """What axe finds seriously wrong, and where: with the colours alone, or with everything else."""
    found: list[dict[str, Any]] = page.evaluate(_JUDGE, contrast)
    return tuple(
        fault["title"] + "".join("\n    " + "\n      ".join(place) for place in fault["places"]) for fault in found
    )
