"""Memory Management: what Redis uses, of how much, and what happens at the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.counters import compare
from plugins.facts.finding import declared
from plugins.facts.mends import after_fit

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Host, Limits


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist 4", "Check Memory Usage", "Keyspace Statistics")
@pytest.mark.remedy("{redis_cli} INFO memory\n{redis_cli} --memkeys   # who takes it, in bytes")
def test_used_memory_ratio(check: Check, facts: Facts, limits: Limits) -> None:
    """Redis keeps a tenth of its memory limit free."""
    headroom = facts.redis.memory.headroom(facts.redis_container.memory_limit)
    check.expected = f"at most {limits.used_memory_ratio:.0%} of the limit used"
    check.observed = headroom.describe()
    assert headroom.used_ratio <= limits.used_memory_ratio


@pytest.mark.gate
@pytest.mark.runbook("Set Memory Limits")
@pytest.mark.remedy(
    "{redis_cli} INFO memory\n"
    "{redis_cli} CONFIG SET maxmemory BYTES   # more than used_memory, less than the container's limit"
)
def test_maxmemory_in_limited_container(check: Check, facts: Facts, limits: Limits) -> None:
    """Inside a limited container Redis has a limit of its own below it, so that it evicts before it is killed."""
    fit = facts.redis.memory.fit(facts.redis_container.memory_limit)
    check.observed = fit.describe()
    check.remedy = after_fit(fit, facts.redis.memory.used, limits)
    assert fit.inside


@pytest.mark.advice
@pytest.mark.runbook("Set Memory Limits")
@pytest.mark.remedy(
    "{redis_cli} INFO memory\n"
    "{redis_cli} CONFIG SET maxmemory BYTES   # more than used_memory; or raise the container's own limit"
)
def test_maxmemory_ratio(check: Check, facts: Facts, limits: Limits) -> None:
    """Where Redis forks to save, maxmemory leaves room in the container for the pages that change meanwhile."""
    fit = facts.redis.fork_room(facts.redis_container.memory_limit)
    check.expected = f"maxmemory at most {limits.maxmemory_ratio:.0%} of the container's limit"
    check.observed = fit.describe()
    check.remedy = after_fit(fit, facts.redis.memory.used, limits)
    assert fit.forking_ratio <= limits.maxmemory_ratio


@pytest.mark.gate
@pytest.mark.runbook("Set Memory Limits")
@pytest.mark.remedy(
    "{redis_cli} CONFIG GET maxmemory-policy\n"
    "{redis_cli} CONFIG SET maxmemory-policy {policy}   # until the next restart; add it to command: to keep it"
)
def test_policy_as_declared(check: Check, facts: Facts, host: Host) -> None:
    """Redis evicts by the policy that the inventory declares."""
    check.observed = facts.redis.memory.describe()
    check.expected = f"policy {declared(host.policy, 'policy')}"
    assert facts.redis.memory.policy == host.policy


@pytest.mark.advice
@pytest.mark.runbook("Set Memory Limits", "Check Memory Usage")
@pytest.mark.remedy("{redis_cli} INFO stats   # evicted_keys\n{redis_cli} --memkeys   # who takes the memory, in bytes")
def test_evictions(check: Check, facts: Facts, limits: Limits) -> None:
    """Redis evicted no key since the last look."""
    evictions = compare(facts.counters, facts.baseline).growth("evicted keys", "evicted_keys")
    check.expected = f"at most {limits.evictions} keys evicted since the last look"
    check.observed = evictions.describe()
    assert evictions.judged <= limits.evictions


@pytest.mark.advice
@pytest.mark.runbook("Set Memory Limits", "Check Memory Usage")
@pytest.mark.remedy("{redis_cli} INFO errorstats   # errorstat_OOM\n{redis_cli} CONFIG GET maxmemory-policy")
def test_oom_errors(check: Check, facts: Facts) -> None:
    """Redis refused no write for want of memory since the last look."""
    refused = compare(facts.counters, facts.baseline).growth("OOM errors", "errors:OOM")
    check.observed = refused.describe()
    assert refused.judged == 0


@pytest.mark.advice
@pytest.mark.runbook("Check Memory Usage")
@pytest.mark.remedy("{redis_cli} MEMORY PURGE\n{redis_cli} CONFIG SET activedefrag yes   # until the next restart")
def test_fragmentation_ratio(check: Check, facts: Facts, limits: Limits) -> None:
    """The allocator holds little more than it gave out."""
    fragmentation = facts.redis.memory.fragmentation
    check.expected = f"at most {limits.fragmentation_ratio:g} times what is in use"
    check.observed = fragmentation.describe()
    assert fragmentation.judged_ratio <= limits.fragmentation_ratio
