"""What a person reads in the terminal."""

from __future__ import annotations

import pytest

from plugins.report.run_json import Target
from plugins.report.terminal import headline, target_line
from plugins.verdict import Outcome
from tests_plugins.test_run import make_result, make_run

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


@pytest.mark.parametrize(
    ("outcomes", "selected", "said"),
    [
        (
            (Outcome.PASSED, Outcome.SKIPPED),
            69,
            "INTERRUPTED (exit 2): 1 of 69 checks judged (1 passed, 1 skipped), in ",
        ),
        ((), 1, "INTERRUPTED (exit 2): 0 of 1 check judged, in "),
        ((), 0, "INTERRUPTED (exit 2): nothing was checked, in "),
    ],
)
def test_an_interrupted_run_is_told_as_such(outcomes: tuple[Outcome, ...], selected: int, said: str) -> None:
    """With how far it came; run.json has no word of its own for it."""
    run = make_run()
    run.selected = selected
    run.results = {str(at): make_result(outcome) for at, outcome in enumerate(outcomes)}
    assert said in headline(run, 2)
