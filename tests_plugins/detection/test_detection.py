"""The detection table, played: each row breaks a host in one way, and exactly its checks say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests_plugins.detection.tables import ON_DOCKER, ON_PROCESSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests_plugins.detection.row import Row

    Play = Callable[[Row], list[str]]


def named(row: Row) -> str:
    return row.name.replace(" ", "-")


@pytest.mark.parametrize("row", ON_PROCESSES, ids=named)
def test_a_broken_twin_is_found_out(row: Row, on_process_twin: Play) -> None:
    """Exactly the row's checks turn red or are warned, in its words; mended, all is as green as before."""
    assert on_process_twin(row) == []


@pytest.mark.parametrize("row", ON_DOCKER, ids=named)
def test_a_broken_staging_host_is_found_out(row: Row, on_staging_host: Play) -> None:
    """The same on a real host: Docker Compose, over SSH."""
    assert on_staging_host(row) == []
