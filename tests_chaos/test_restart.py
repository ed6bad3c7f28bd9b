"""The runbook's "Restart Redis": graceful restart, stop and start, force restart, and the hang that it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.experiment_result import assert_valid
from plugins.fault import fault_name, of_families

if TYPE_CHECKING:
    from plugins.experiment import Experiment
    from plugins.fault import Fault


@pytest.mark.remedy(
    "{compose} ps --all\n{compose} logs --tail 50\n{redis_cli} PING\n{redis_cli} INFO persistence\n{redis_cli} DBSIZE"
)
@pytest.mark.parametrize("fault", of_families("restart", "stop_start", "kill", "pause"), ids=fault_name)
def test_redis_recovers_within_the_documented_window(experiment: Experiment, fault: Fault) -> None:
    """Every vantage point is well again inside the runbook's window and stays so, and nothing is lost."""
    assert_valid(experiment.undergo(fault))
