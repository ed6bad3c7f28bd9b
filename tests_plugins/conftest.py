"""What holds for all of the suite's own tests."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _signals_reach_children() -> Iterator[None]:
    """Tests send them to processes of theirs; a shell's background, or nohup, makes its children deaf to some."""
    deaf_to = [one for one in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_IGN]
    for one in deaf_to:
        # A child begins with the default action of whatever has a handler here.
        signal.signal(one, signal.default_int_handler if one is signal.SIGINT else lambda *_: None)
    yield
    for one in deaf_to:
        signal.signal(one, signal.SIG_IGN)
