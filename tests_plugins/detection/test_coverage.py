"""The detection table is whole: no check of the gate is left out, and no row names one that does not exist."""

from __future__ import annotations

from collections import Counter

from plugins.report.readme import documented_checks
from plugins.verdict import Severity
from tests_plugins.detection.tables import ON_DOCKER, ON_PROCESSES

ROWS = (*ON_PROCESSES, *ON_DOCKER)
#: Checks that no broken host can turn red, with the test that proves that they can.
ELSEWHERE = {
    # One server answers DBSIZE and INFO in one trip, with nothing in between: only two servers could differ.
    "keyspace/dbsize_agrees": "test_checks.test_databases_that_differ_are_warned",
}
CHECKS = {check.id: check.severity for check in documented_checks()}


def test_every_check_is_proven_able_to_fail() -> None:
    """A check that no row turns red or warned may be one that never can be."""
    shown = {check for row in ROWS for check in row.shown}
    assert CHECKS.keys() - shown == ELSEWHERE.keys()


def test_rows_name_checks_that_exist() -> None:
    """A check that was renamed takes its rows along."""
    named = {check for row in ROWS for check in (*row.failed, *row.warned, *row.unjudged, *row.skipped)}
    assert named <= CHECKS.keys()


def test_gates_fail_and_advice_is_warned() -> None:
    """A row says what the check's severity makes of it."""
    severities = {
        (check, severity)
        for row in ROWS
        for checks, severity in ((row.failed, Severity.GATE), (row.warned, Severity.ADVICE))
        for check in checks
    }
    assert {check for check, severity in severities if CHECKS.get(check) is not severity} == set()


def test_there_are_rows_enough() -> None:
    """The acceptance asks for thirty-five."""
    assert len(ROWS) >= 45


def test_no_two_rows_of_a_table_have_one_name() -> None:
    """A name is a test's id, and says what was broken."""
    for rows in (ON_PROCESSES, ON_DOCKER):
        assert [name for name, count in Counter(row.name for row in rows).items() if count > 1] == []
