"""The hosts that the detection table is played on, and when: all chosen rows at once, in the background."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from functools import cache, partial
from typing import TYPE_CHECKING, cast

import pytest

from tests_plugins.detection.lanes import Lanes
from tests_plugins.detection.stage import process_twin, staging
from tests_plugins.staging import need_staging_host, unavailable
from twin.servers import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests_plugins.detection.row import Row

    Play = Callable[[Row], list[str]]


@pytest.fixture(scope="session")
def lanes(request: pytest.FixtureRequest) -> Iterator[Lanes]:
    """All rows that were chosen are under way."""
    with closing(Lanes()) as made:
        if unavailable() is None:
            made.add(staging, _chosen(request, "on_staging_host"), real=True)
        chosen = _chosen(request, "on_process_twin")
        made.add(process_twin, [row for row in chosen if row.since <= _major_version()], real=False)
        yield made


def _chosen(request: pytest.FixtureRequest, fixture: str) -> list[Row]:
    items = (item for item in request.session.items if isinstance(item, pytest.Function))
    wanted = (item for item in items if fixture in item.fixturenames and hasattr(item, "callspec"))
    return [cast("Row", item.callspec.params["row"]) for item in wanted]


@pytest.fixture
def on_process_twin(lanes: Lanes) -> Play:
    """Twins of plain processes: on every machine. What its Redis is too old for is skipped."""

    def play(row: Row) -> list[str]:
        if row.since > (major := _major_version()):
            pytest.skip(f"it takes Redis {row.since}, here is {major}")
        return lanes.result(process_twin, row)

    return play


@cache
def _major_version() -> int:
    """Of the Redis, or of the Valkey, that twins of plain processes run here."""
    said = subprocess.run(
        [find().server, "--version"], stdout=subprocess.PIPE, text=True, timeout=10, check=True
    ).stdout
    found = re.search(r"v=(\d+)", said)
    assert found, said
    return int(found[1])


@pytest.fixture
def on_staging_host(lanes: Lanes) -> Play:
    """Real staging hosts: where there is an engine, and in CI always."""
    need_staging_host()
    return partial(lanes.result, staging)
