"""Performance Troubleshooting: what is slow, what should not be asked, what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.counters import HARMLESS_ERRORS, PROBING, compare

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Limits


@pytest.mark.advice
@pytest.mark.runbook("Check Slow Commands")
@pytest.mark.remedy("{redis_cli} CONFIG SET slowlog-log-slower-than MICROSECONDS   # until the next restart")
def test_slowlog_threshold_us(check: Check, facts: Facts, limits: Limits) -> None:
    """The slow log records what is slow, and not everything."""
    check.expected = f"slowlog-log-slower-than from 1 to {limits.slowlog_threshold_us} µs"
    check.observed = facts.redis.slowlog_described()
    check.remedy = check.remedy.replace("MICROSECONDS", str(limits.slowlog_threshold_us))
    assert 0 < facts.redis.slowlog_threshold_us <= limits.slowlog_threshold_us


@pytest.mark.advice
@pytest.mark.runbook("Check Slow Commands")
@pytest.mark.remedy("{redis_cli} SLOWLOG GET 10")
def test_slow_commands(check: Check, facts: Facts, limits: Limits) -> None:
    """No command was slow since the intervention."""
    slow = facts.redis.slowlog.slower(limits.slowlog_threshold_us, facts.since.instant)
    check.expected = f"nothing of {limits.slowlog_threshold_us} µs or more"
    check.observed = slow.describe()
    assert slow.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Check Command Statistics", "List All Keys")
@pytest.mark.remedy("{redis_cli} --scan --pattern 'session:*'   # SCAN where KEYS would block the server")
def test_keys_command(check: Check, facts: Facts) -> None:
    """Nobody used KEYS, which holds everybody up while it reads all keys, since the last look."""
    keys = compare(facts.counters, facts.baseline).growth("KEYS", "calls:keys")
    check.observed = keys.describe()
    assert keys.judged == 0


@pytest.mark.advice
@pytest.mark.runbook("Check Command Statistics", "Flush All Data", "When to Flush Redis")
@pytest.mark.remedy("{redis_cli} INFO commandstats   # cmdstat_flushall, cmdstat_flushdb\n{redis_cli} CLIENT LIST")
def test_flush_commands(check: Check, facts: Facts) -> None:
    """Nobody flushed a database since the last look."""
    flushes = compare(facts.counters, facts.baseline).growth("FLUSHALL and FLUSHDB", "calls:flushall", "calls:flushdb")
    check.observed = flushes.describe()
    assert flushes.judged == 0


@pytest.mark.advice
@pytest.mark.runbook("Check Command Statistics")
@pytest.mark.remedy("{redis_cli} INFO commandstats   # rejected_calls\n{redis_cli} ACL LOG")
def test_rejected_calls(check: Check, facts: Facts) -> None:
    """No command was turned away before it ran (permission, memory, arguments) since the last look."""
    rejected = compare(facts.counters, facts.baseline).by_name("rejected calls", "rejected_calls:", without=PROBING)
    check.observed = rejected.describe()
    assert rejected.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Check Command Statistics")
@pytest.mark.remedy("{redis_cli} INFO commandstats   # failed_calls")
def test_failed_calls(check: Check, facts: Facts) -> None:
    """No command failed while it ran since the last look."""
    failed = compare(facts.counters, facts.baseline).by_name("failed calls", "failed_calls:", without=PROBING)
    check.observed = failed.describe()
    assert failed.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Check Command Statistics")
@pytest.mark.remedy("{redis_cli} INFO errorstats")
def test_error_replies(check: Check, facts: Facts) -> None:
    """Redis answered nobody with an error that names trouble (OOM, MISCONF, NOPERM, …) since the last look."""
    facts.redis.statistics.require_errorstats()
    errors = compare(facts.counters, facts.baseline).by_name("error replies", "errors:", without=HARMLESS_ERRORS)
    check.observed = errors.describe()
    assert errors.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Monitor Commands in Real-Time")
@pytest.mark.remedy("{redis_cli} CLIENT LIST   # flags=O\n{redis_cli} CLIENT KILL ID NUMBER")
def test_monitor(check: Check, facts: Facts) -> None:
    """Nobody is in MONITOR, which halves the server's throughput for all."""
    monitoring = facts.redis.clients.monitoring
    check.observed = monitoring.describe()
    assert monitoring.offenders == ()
