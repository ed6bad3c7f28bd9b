"""Connection Troubleshooting: who is connected, and whether there is room for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.counters import compare

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Limits


@pytest.mark.gate
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy("{redis_cli} INFO clients\n{redis_cli} CLIENT LIST   # who holds them, and how long they are idle")
def test_clients_ratio(check: Check, facts: Facts, limits: Limits) -> None:
    """Redis has room for more connections."""
    clients = facts.redis.clients
    check.expected = f"at most {limits.clients_ratio:.0%} of maxclients connected"
    check.observed = clients.describe()
    assert clients.used_ratio <= limits.clients_ratio


@pytest.mark.advice
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy("{redis_cli} INFO stats   # rejected_connections\n{redis_cli} CONFIG GET maxclients")
def test_rejected_connections(check: Check, facts: Facts) -> None:
    """Redis turned nobody away at maxclients since the last look."""
    rejected = compare(facts.counters, facts.baseline).growth("rejected connections", "rejected_connections")
    check.observed = rejected.describe()
    assert rejected.judged == 0


@pytest.mark.advice
@pytest.mark.runbook("Check Connections", "Kill Connections")
@pytest.mark.remedy("{redis_cli} CLIENT LIST   # flags=b\n{redis_cli} CLIENT UNBLOCK ID   # gentler than a kill")
def test_blocked_clients(check: Check, facts: Facts, limits: Limits) -> None:
    """No client waits in BLPOP, XREAD BLOCK or the like."""
    blocked = facts.redis.clients.blocked
    check.expected = f"at most {limits.blocked_clients} clients blocked"
    check.observed = blocked.describe()
    assert len(blocked.offenders) <= limits.blocked_clients


@pytest.mark.advice
@pytest.mark.runbook("Check Connections", "Kill Connections")
@pytest.mark.remedy("{redis_cli} CLIENT LIST   # omem\n{redis_cli} CLIENT KILL ID NUMBER   # without ID none is killed")
def test_output_buffer_bytes(check: Check, facts: Facts, limits: Limits) -> None:
    """Every client reads its replies."""
    backlogged = facts.redis.clients.backlogged(limits.output_buffer_bytes)
    check.expected = f"at most {limits.output_buffer_bytes} bytes unread by any client"
    check.observed = backlogged.describe()
    assert backlogged.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Check Connections", "Kill Connections")
@pytest.mark.remedy(
    "{redis_cli} CLIENT LIST\n"
    "{redis_cli} CLIENT KILL ID NUMBER   # one by one: no filter takes an address without its port"
)
def test_connections_have_an_owner(check: Check, facts: Facts) -> None:
    """Every connection comes from a container of the project, from inside Redis's own, or from this suite."""
    ownerless = facts.redis.clients.ownerless(facts.addresses)
    check.observed = ownerless.describe()
    assert ownerless.offenders == ()
