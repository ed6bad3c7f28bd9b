"""A ledger on this machine, and what it takes to see what a watcher does with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.target.ledger import Ledger
from plugins.target.local import LocalShell
from tests_plugins.leases import ENGINE, HERE, Marks, shared_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.ledger import Page


@pytest.fixture
def base() -> Iterator[str]:
    """A base of its own."""
    with shared_folder() as made:
        yield made


@pytest.fixture
def ledger(base: str) -> Ledger:
    """A project's ledger there, as this user sees it."""
    return Ledger(HERE, ENGINE, "project", base=base)


@pytest.fixture
def page(ledger: Ledger) -> Iterator[Page]:
    """A watcher alone, which wants no renewal for longer than a test."""
    made = ledger.begin(LocalShell(os.environ), "run-1", "tester@here", 60)
    yield made
    made.disarm()


@pytest.fixture
def marks(base: str) -> Marks:
    """An undo that leaves a mark."""
    return Marks(Path(base).parent)
