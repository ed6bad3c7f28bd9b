"""Persistence: what Redis holds reaches the disk as declared, and it holds the right data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.finding import declared
from plugins.facts.mends import after_role

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Host


@pytest.mark.gate
@pytest.mark.runbook("Keyspace Statistics", "Graceful Restart")
@pytest.mark.remedy("{redis_cli} INFO persistence\n{compose} logs --tail=50 {redis_service}   # why the write failed")
def test_last_snapshot(check: Check, facts: Facts) -> None:
    """The last RDB snapshot was written."""
    persistence = facts.redis.persistence
    check.observed = persistence.describe_snapshot()
    assert persistence.snapshot == "ok"


@pytest.mark.gate
@pytest.mark.runbook("Keyspace Statistics", "Graceful Restart")
@pytest.mark.remedy("{redis_cli} INFO persistence\n{compose} logs --tail=50 {redis_service}   # why the write failed")
def test_append_only_file(check: Check, facts: Facts) -> None:
    """The append-only file was written and rewritten without an error."""
    append_only_file = facts.redis.persistence.append_only_file
    check.observed = append_only_file.describe()
    assert append_only_file.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("Graceful Restart", "Force Restart (if Redis is hung)")
@pytest.mark.remedy("{redis_cli} INFO persistence   # loading_eta_seconds; it answers again by itself")
def test_not_loading(check: Check, facts: Facts) -> None:
    """Redis has read its data back from disk."""
    persistence = facts.redis.persistence
    check.observed = persistence.describe_loading()
    assert not persistence.loading


@pytest.mark.gate
@pytest.mark.runbook("Keyspace Statistics")
@pytest.mark.remedy("{redis_cli} INFO replication")
def test_role_as_declared(check: Check, facts: Facts, host: Host) -> None:
    """Redis has the role that the inventory declares."""
    role = facts.redis.persistence.role
    check.observed = f"role {role}"
    check.expected = f"role {declared(host.role, 'role')}"
    check.remedy = after_role(host.role)
    assert role == host.role


@pytest.mark.gate
@pytest.mark.runbook("Keyspace Statistics")
@pytest.mark.remedy("{redis_cli} INFO replication   # master_link_status")
def test_replication_link(check: Check, facts: Facts) -> None:
    """A replica is connected to its master."""
    link = facts.redis.persistence.link
    check.observed = link.describe()
    assert link.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("When to Flush Redis", "Graceful Restart")
@pytest.mark.remedy("{redis_cli} CONFIG GET save\n{redis_cli} CONFIG GET 'append*'")
def test_durability_as_declared(check: Check, facts: Facts, host: Host) -> None:
    """Redis writes down what it holds as the inventory declares."""
    durability = facts.redis.persistence.durability(host.durability)
    check.expected = f"durability {host.durability or 'as it likes'}"
    check.observed = durability.describe()
    assert durability.offenders == ()
