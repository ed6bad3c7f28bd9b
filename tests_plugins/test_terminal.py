"""What a person reads in the terminal."""

from __future__ import annotations

import pytest

from plugins.report.run_json import Target
from plugins.report.terminal import target_line

REACHED = Target(
    hostname="vm",
    engine_id="AAAA",
    redis_run_id="a8800d76c8",
    redis_version="7.0.15",
    containers={"redis-1": "1", "backend-1": "2"},
)
GONE = Target(hostname="vm", engine_id="AAAA", redis_run_id=None, redis_version=None, containers={})
NOTHING = Target(hostname=None, engine_id=None, redis_run_id=None, redis_version=None, containers={})


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (REACHED, "vm, Redis 7.0.15 (run a8800d76), containers redis-1, backend-1"),
        (GONE, "vm, Redis unknown"),
        (NOTHING, "engine unknown, Redis unknown"),
    ],
)
def test_the_target_is_told_as_far_as_it_is_known(target: Target, line: str) -> None:
    """What was not reached is unknown, not None."""
    assert target_line(target) == line
