"""The runbook's health checks, from every vantage point, and whether these tell the same story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.mends import after_answer

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Limits


@pytest.mark.gate
@pytest.mark.runbook("Basic Health Check", "Check Connections")
@pytest.mark.remedy("{redis_cli} PING\n{compose} port {redis_service} {redis_port}\n{redis_cli} CONFIG GET bind")
def test_wire_ping(check: Check, facts: Facts) -> None:
    """Redis answers PING over the network, as its clients reach it."""
    answer = facts.ping
    check.observed = answer.describe()
    check.remedy = after_answer(answer, check.remedy, facts.host)
    assert answer.ok, answer.detail


@pytest.mark.gate
@pytest.mark.runbook("Check Redis in Readiness Endpoint")
@pytest.mark.remedy("{readiness}")
def test_readiness_schema(check: Check, facts: Facts) -> None:
    """Readiness describes Redis in the documented form: a status, and a message where something is wrong."""
    readiness = facts.readiness_body
    check.observed = readiness.schema or readiness.reason
    assert not readiness.schema, readiness.schema


@pytest.mark.gate
@pytest.mark.runbook("Check Redis in Readiness Endpoint")
@pytest.mark.remedy("{readiness}")
def test_readiness_time_s(check: Check, facts: Facts, limits: Limits) -> None:
    """Readiness answers promptly, since load balancers do not wait."""
    readiness = facts.readiness_body
    check.expected = f"an answer within {limits.readiness_time_s:g} s"
    check.observed = readiness.describe()
    assert readiness.took_s <= limits.readiness_time_s, readiness.describe()


@pytest.mark.advice
@pytest.mark.runbook("Check Redis in Readiness Endpoint")
@pytest.mark.remedy("{readiness}")
def test_readiness_http_status(check: Check, facts: Facts) -> None:
    """Readiness answers with a status of success: whoever routes by it sends users here."""
    readiness = facts.readiness_body
    check.observed = readiness.describe()
    assert readiness.succeeds, readiness.describe()


@pytest.mark.gate
@pytest.mark.runbook("Basic Health Check")
@pytest.mark.remedy("{compose} ps {redis_service}\n{compose} restart {redis_service}")
def test_container_health(check: Check, facts: Facts) -> None:
    """The engine's own health check finds Redis healthy."""
    opinion = facts.redis_health
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.gate
@pytest.mark.runbook("Basic Health Check", "Check Connections")
@pytest.mark.remedy(
    "{compose} ps {backend_service}\n{compose} logs --tail 50 {backend_service}\n{compose} restart {backend_service}"
)
def test_backend_health(check: Check, facts: Facts) -> None:
    """The engine's own health check finds every running container of the backend healthy."""
    opinion = facts.backend_health
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.gate
@pytest.mark.runbook("Basic Health Check", "Check Redis in Readiness Endpoint")
@pytest.mark.remedy("{redis_cli} PING\n{backend_check}\n{readiness}")
def test_vantage_points_agree(check: Check, facts: Facts) -> None:
    """In-container PING, wire PING, write, backend and readiness tell the same story."""
    agreement = facts.agreement
    check.observed = agreement.describe()
    assert not agreement.odd, agreement.describe()


@pytest.mark.gate
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy("{redis_cli} CLIENT LIST\n{backend_exec} cat /proc/net/tcp\n{compose} up -d {backend_service}")
def test_backend_uses_this_redis(check: Check, facts: Facts) -> None:
    """The backend is connected to this Redis, not merely to some Redis."""
    bond = facts.bond
    check.observed = bond.detail
    assert bond.connected, bond.detail


@pytest.mark.gate
@pytest.mark.runbook("Verification Checklist", "Graceful Restart")
@pytest.mark.remedy("{compose} ps {redis_service}\n{compose} logs --tail 50 {redis_service}")
def test_green_holds(check: Check, facts: Facts) -> None:
    """All vantage points are well, and stay so for as long as --stable-for asks."""
    steadiness = facts.green_holds
    check.expected = f"green for {steadiness.stable_for_s:g} s"
    check.observed = steadiness.describe()
    assert steadiness.held, steadiness.describe()
