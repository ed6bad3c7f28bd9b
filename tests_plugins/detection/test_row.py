"""The table's own judge: a judgement that is unlike its row in any way is found out."""

from __future__ import annotations

import pytest

from tests_plugins.detection.breaks import Act, Declared
from tests_plugins.detection.row import Row, not_green, unlike
from tests_plugins.gate import Gate, Judged

PASSED, FAILED, WARNED, ERROR, SKIPPED = "passed", "failed", "warned", "error", "skipped"


def gate(exit_code: int = 0, **outcomes: str) -> Gate:
    """A judgement; each check says its own name, or after a colon something else."""
    checks = {}
    for name, told in outcomes.items():
        outcome, _, said = told.partition(":")
        observed, reason = ("", said or name) if outcome == SKIPPED else (said or name, "")
        checks[name] = Judged(name, "gate", outcome, observed, reason, "")
    return Gate(exit_code, checks, "cannot be reached: nobody listens", 1.0)


HEALTHY = gate(a=PASSED, b=PASSED, c=SKIPPED, d=WARNED)
ROW = Row("broken", (Act("stop"),), failed={"a": "stopped"})
AS_FORETOLD = gate(1, a="failed:it is stopped", b="skipped:because a failed: gone", c=SKIPPED, d=WARNED)


def test_a_judgement_as_foretold_is_right() -> None:
    """The foretold check is red in the foretold words, and what is skipped names it."""
    assert unlike(ROW, AS_FORETOLD, HEALTHY) == []


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (gate(0, a="failed:it is stopped", b=PASSED, c=SKIPPED, d=WARNED), "exit code 0, not 1"),
        (gate(1, a=PASSED, b=PASSED, c=SKIPPED, d=WARNED), "a is not failed"),
        (gate(1, a="failed:it is stopped", b=FAILED, c=SKIPPED, d=WARNED), "b is failed, too"),
        (gate(1, a="failed:it is stopped", b=WARNED, c=SKIPPED, d=WARNED), "b is warned, too"),
        (gate(1, a="failed:it is stopped", b=ERROR, c=SKIPPED, d=WARNED), "b is error, too"),
        (gate(1, a="failed:something else", b=PASSED, c=SKIPPED, d=WARNED), "a does not say 'stopped'"),
        (gate(1, a="failed:it is stopped", b="skipped:no idea", c=SKIPPED, d=WARNED), "names no check that failed"),
    ],
)
def test_a_judgement_that_differs_is_found_out(judged: Gate, words: str) -> None:
    """Another exit code, another outcome, other words, a check that is skipped for no reason."""
    (wrong,) = [told for told in unlike(ROW, judged, HEALTHY) if words in told]
    assert words in wrong


def test_an_unreachable_host_is_one_error() -> None:
    """Forty judged checks, other words or a long wait are not what was foretold."""
    row = Row("gone", (), unreachable="nobody listens")
    assert unlike(row, gate(10), gate()) == []
    assert unlike(row, gate(10, a=PASSED), gate(a=PASSED)) == ["1 checks were judged"]
    assert len(unlike(Row("gone", (), unreachable="no route"), gate(10), gate())) == 1


def test_a_host_that_stays_red_is_not_mended() -> None:
    """What was red must pass again; what the machine is always warned for is not held against the mend."""
    assert not_green(ROW, HEALTHY, HEALTHY) == []
    assert not_green(ROW, gate(a=PASSED, b=WARNED, c=SKIPPED), HEALTHY) == ["b is warned: warned, says 'b'"]
    assert not_green(ROW, gate(a=SKIPPED, b=PASSED, c=SKIPPED), HEALTHY) == [
        "a has not passed again: skipped, says 'a'"
    ]


def test_a_row_that_only_looks_otherwise_leaves_no_marks() -> None:
    """Such a host need not be judged again: nobody touched it."""
    assert not Row("declared", (Declared({}),)).marks
    assert Row("both", (Declared({}), Act("stop"))).marks
