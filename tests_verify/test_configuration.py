"""Configuration: what runs is what the next restart brings back, and strangers are kept out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Host


@pytest.mark.advice
@pytest.mark.runbook("Set Memory Limits", "Check Slow Commands", "Graceful Restart")
@pytest.mark.remedy(
    "{redis_cli} CONFIG GET DIRECTIVE   # live, and lost at the next restart where it came from CONFIG SET\n"
    "# what is to stay belongs into the command: of {redis_service} in the Compose file"
)
def test_configuration_survives_a_restart(check: Check, facts: Facts) -> None:
    """Redis runs with the configuration that its container starts it with."""
    drift = facts.redis.drift(facts.redis_container, facts.config_file)
    check.observed = drift.describe()
    assert drift.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("Check Connections")
@pytest.mark.remedy(
    "{compose} port {redis_service} {redis_port}   # publish it as 127.0.0.1:{redis_port}:{redis_port}, or not at all\n"
    "{redis_cli} ACL LIST   # or give every user a password"
)
def test_not_published_without_a_password(check: Check, facts: Facts, host: Host) -> None:
    """Nobody beyond the host reaches Redis without a password."""
    exposure = facts.redis.exposure(facts.redis_container, host.redis_port)
    check.observed = exposure.describe()
    assert exposure.offenders == ()
