"""The runbook's verification checklist, and the write that its PING does not try.

Item 4, memory, stands with the rest of what is asked about memory: ``test_memory.py``, ``used_memory_ratio``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.mends import after_answer, since

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist 1", "Basic Health Check")
@pytest.mark.remedy("{compose} logs --tail 20 {redis_service}\n{redis_cli} PING\n{compose} restart {redis_service}")
def test_redis_responds(check: Check, facts: Facts) -> None:
    """Redis answers PING with PONG inside its own container; no verdict where it refuses the suite's password alone."""
    answer = facts.exec_ping
    check.observed = answer.describe()
    check.remedy = after_answer(answer, check.remedy, facts.host)
    assert answer.ok, answer.detail


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist 2", "Check Connections", "Basic Health Check")
@pytest.mark.remedy("{backend_check}\n{compose} restart {backend_service}")
def test_backend_connects(check: Check, facts: Facts) -> None:
    """The backend's own check finds Redis available, in every running replica."""
    answer = facts.backend
    check.observed = answer.describe()
    assert answer.ok, answer.detail


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist 3", "Check Redis in Readiness Endpoint")
@pytest.mark.remedy("{readiness}")
def test_readiness_includes_redis(check: Check, facts: Facts) -> None:
    """Readiness says what Redis is: ok, or degraded where Redis is optional, and never down."""
    check.expected = facts.readiness_expected
    answer = facts.readiness
    check.observed = answer.detail
    assert answer.ok, answer.detail


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist 5")
@pytest.mark.remedy(
    "{compose} logs --no-color --timestamps --since=SINCE {backend_service}"
    " | grep -iE 'redis|valkey|connection refused|connection reset|cache unavailable'"
)
def test_no_connection_errors_in_logs(check: Check, facts: Facts) -> None:
    """The backend's log tells of no failure to use Redis since the intervention."""
    story = facts.logs
    check.expected = f"no such record from {story.since:%Y-%m-%dT%H:%M:%SZ} on: {facts.since.because}"
    check.observed = story.describe()
    check.remedy = since(check.remedy, story.since)
    assert not story.failures, story.describe()


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist 1")
@pytest.mark.remedy("{redis_cli} INFO persistence\n{redis_cli} INFO replication\n{redis_cli} CONFIG GET 'maxmemory*'")
def test_redis_accepts_writes(check: Check, facts: Facts) -> None:
    """Redis takes a write and gives it back: an expiring key in the suite's own namespace."""
    answer = facts.write
    check.observed = answer.describe()
    check.remedy = after_answer(answer, check.remedy, facts.host)
    assert answer.ok, answer.detail
