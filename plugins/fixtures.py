"""What checks and experiments are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.active import active

if TYPE_CHECKING:
    from plugins.facts import Facts
    from plugins.inventory import Host, Limits


@pytest.fixture(scope="session")
def facts(pytestconfig: pytest.Config) -> Facts:
    """What was observed of the target, gathered once; a fact that cannot be had says why when it is asked for."""
    current = active(pytestconfig)
    if current is None or current.facts is None:
        raise pytest.UsageError("checks need a host: pytest -m verify --host NAME")
    return current.facts


@pytest.fixture(scope="session")
def host(pytestconfig: pytest.Config) -> Host:
    """The host's entry in the inventory."""
    current = active(pytestconfig)
    if current is None:
        raise pytest.UsageError("checks need a host: pytest -m verify --host NAME")
    return current.run.host


@pytest.fixture(scope="session")
def limits(host: Host) -> Limits:
    """The thresholds that the inventory declares for the host, or their defaults."""
    return host.limits
