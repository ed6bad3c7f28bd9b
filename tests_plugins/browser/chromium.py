"""The distribution's Chromium, driven by Playwright, which downloads nothing: ``.ci/provision`` installs it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests_plugins.staging import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

#: As distributions call it.
PROGRAMS = ("chromium", "chromium-browser")
#: What Playwright itself may take to start it, in milliseconds, on a busy machine.
PATIENCE_MS = 60_000.0


def find() -> str | None:
    """The browser's path; None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name)) is not None), None)


def unavailable() -> str | None:
    """Why no page can be opened on this machine, in one sentence; None where one can."""
    if importlib.util.find_spec("playwright") is None:
        return "no playwright in this environment (make venv)"
    return None if find() else f"no {PROGRAMS[0]} on this machine"


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser for a ``with`` block; skips, or fails where the real thing is required, if there is none."""
    reason = unavailable()
    if reason is not None:
        skip_or_fail(reason)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it is not everywhere

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(),
            # It opens nothing but what the suite wrote, and its own sandbox cannot be had by root nor in a container.
            chromium_sandbox=False,
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": "disabled:"},
            timeout=PATIENCE_MS,
        )
        try:
            yield browser
        finally:
            browser.close()
