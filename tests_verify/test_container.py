"""The containers as the engine sees them: they run, they are the declared ones, and they come back by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.container import RESTARTS, oom, ports, returns, same_image
from plugins.facts.mends import after_standing

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Host


@pytest.mark.gate
@pytest.mark.runbook("Prerequisites", "Restart Redis")
@pytest.mark.remedy("{compose} ps --all {redis_service}\n{compose} up -d {redis_service}")
def test_redis_is_running(check: Check, facts: Facts) -> None:
    """The container of Redis runs: not stopped, paused, or restarting over and over."""
    standing = facts.redis_standing
    check.observed = standing.detail
    check.remedy = after_standing(standing, "redis_service")
    assert standing.runs, standing.detail


@pytest.mark.gate
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy("{compose} ps --all {backend_service}\n{compose} up -d {backend_service}")
def test_backend_is_running(check: Check, facts: Facts) -> None:
    """Every container of the backend runs."""
    standing = facts.backend_standing
    check.observed = standing.detail
    check.remedy = after_standing(standing, "backend_service")
    assert standing.runs, standing.detail


@pytest.mark.gate
@pytest.mark.runbook("Memory Management", "Check Memory Usage")
@pytest.mark.remedy("{redis_cli} INFO memory\n{redis_cli} CONFIG GET maxmemory")
def test_redis_is_not_oom_killed(check: Check, facts: Facts) -> None:
    """The kernel has killed nothing in the container of Redis for want of memory."""
    opinion = oom(facts.running_redis)
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.gate
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy(
    "{docker} stats --no-stream $({compose} ps -q {backend_service})\n"
    "{compose} logs --tail 100 {backend_service}   # what took it; then raise the container's own limit, or take less"
)
def test_backend_is_not_oom_killed(check: Check, facts: Facts) -> None:
    """The kernel has killed nothing in a container of the backend for want of memory."""
    opinion = oom(*facts.running_backends)
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.advice
@pytest.mark.runbook("Restart Redis")
@pytest.mark.remedy("{compose} logs --tail 100 {redis_service}")
def test_restart_count_is_steady(check: Check, facts: Facts) -> None:
    """The engine has not had to restart this container since the last look."""
    restarts = facts.restarts.growth("restarts by the engine", "restart_count")
    check.observed = restarts.describe()
    assert restarts.judged == 0, restarts.describe()


@pytest.mark.advice
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy("{compose} logs --tail 100 {backend_service}")
def test_backend_restart_count_is_steady(check: Check, facts: Facts) -> None:
    """The engine has not had to restart a container of the backend since the last look."""
    restarts = facts.backend_restarts.by_name("restarts by the engine", RESTARTS)
    check.observed = restarts.describe()
    assert restarts.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Restart Redis")
@pytest.mark.remedy(
    "{compose} config --no-interpolate {redis_service} | grep -n restart:\n"
    "# write it into the Compose file, under {redis_service}: restart: unless-stopped\n"
    "{docker} update --restart unless-stopped $({compose} ps -aq {redis_service})   # now, without a restart"
)
def test_restart_policy_brings_it_back(check: Check, facts: Facts) -> None:
    """The restart policy brings Redis back after a crash and after a reboot: always or unless-stopped."""
    opinion = returns(facts.redis_container)
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.gate
@pytest.mark.runbook("Prerequisites", "Restart Redis")
@pytest.mark.remedy("{compose} up -d --no-deps {redis_service}")
def test_image_is_as_declared(check: Check, facts: Facts, host: Host) -> None:
    """The container of Redis was made of the image that the inventory declares."""
    check.expected = f"image {host.image}"
    opinion = same_image(facts.redis_container, host.image)
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.advice  # a host may publish only what stands beside Redis, as a page to look at it
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy("{compose} port {redis_service} {redis_port}\n{compose} up -d {redis_service}")
def test_published_ports_lead_to_redis(check: Check, facts: Facts, host: Host) -> None:
    """Where the container of Redis publishes ports, one of them leads to Redis."""
    check.expected = f"a published port leads to {host.redis_port}"
    opinion = ports(facts.published_redis, host.redis_port, facts.backends)
    check.observed = opinion.detail
    assert opinion.well, opinion.detail
