"""What the restart policy is for: Redis's server process dies, and nobody starts it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.experiment_result import assert_valid
from plugins.fault import fault_name, of_families

if TYPE_CHECKING:
    from plugins.experiment import Experiment
    from plugins.fault import Fault


@pytest.mark.remedy(
    "{compose} ps --all\n{compose} logs --tail 50 {redis_service}\n"
    "{docker} inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.RestartCount}}'"
    " $({compose} ps --all --quiet {redis_service})\n"
    "{compose} up -d {redis_service}\n{redis_cli} PING"
)
@pytest.mark.parametrize("fault", of_families("crash"), ids=fault_name)
def test_the_restart_policy_brings_redis_back(experiment: Experiment, fault: Fault) -> None:
    """Redis is back inside the window by itself, with everything that its persistence promises."""
    assert_valid(experiment.undergo(fault))
