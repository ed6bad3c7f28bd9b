"""The twin that traffic runs against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests_plugins.playing import mended
from twin import up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.handle import Twin


@pytest.fixture(scope="module")
def running() -> Iterator[Twin]:
    """One for all tests of a file."""
    with up(kind="processes") as made:
        yield made


@pytest.fixture
def twin(running: Twin) -> Iterator[Twin]:
    """The file's twin, which answers."""
    with mended(running):
        yield running
