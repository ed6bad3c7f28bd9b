"""The page that pytest-html fills: its own script, our layout, and a policy that lets nothing else run."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from plugins.report.templating import render

_KEYS = Path(__file__).with_name("templates") / "keys.js"


class Document:
    """In the place of pytest-html's template: it is asked to ``render`` once, with all that the plugin knows."""

    def __init__(self, suite: str) -> None:
        self._suite = suite

    def render(self, **values: object) -> str:
        """The whole page."""
        table, keys = _scripts()
        return render(
            "report.html",
            **values,
            suite=self._suite,
            policy=policy(table, keys),
            table_script=Markup(table),  # noqa: S704 - pytest-html's own
            keys_script=Markup(keys),  # noqa: S704 - ours
        )


def policy(*scripts: str) -> str:
    """A Content-Security-Policy: these scripts, styles and pictures inside the file, and nothing else from anywhere."""
    allowed = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    running = (f"script-src {allowed}",) if allowed else ()
    shown = ("style-src 'unsafe-inline'", "img-src data:", "base-uri 'none'", "form-action 'none'")
    return "; ".join(("default-src 'none'", *running, *shown))


@cache
def _scripts() -> tuple[str, str]:
    table = files("pytest_html").joinpath("resources", "app.js").read_text(encoding="utf-8")
    return table, _KEYS.read_text(encoding="utf-8")
