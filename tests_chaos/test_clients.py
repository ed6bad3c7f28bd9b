"""The runbook's "Kill Connections", with the commands that do kill: one client, the backend's, all normal ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.experiment_result import assert_valid
from plugins.fault import fault_name, of_families

if TYPE_CHECKING:
    from plugins.experiment import Experiment
    from plugins.fault import Fault


@pytest.mark.remedy("{redis_cli} PING\n{redis_cli} CLIENT LIST\n{compose} ps --all\n{compose} logs --tail 50")
@pytest.mark.parametrize("fault", of_families("client_kill"), ids=fault_name)
def test_killed_clients_come_back(experiment: Experiment, fault: Fault) -> None:
    """Whoever was disconnected is connected again inside the window, without a restart, and no write is lost."""
    assert_valid(experiment.undergo(fault))
