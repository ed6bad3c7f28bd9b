"""The runbook's "Flush Redis": everything, one database, and the keys of a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.experiment_result import assert_valid
from plugins.fault import fault_name, of_families

if TYPE_CHECKING:
    from plugins.experiment import Experiment
    from plugins.fault import Fault


@pytest.mark.remedy("{redis_cli} PING\n{redis_cli} INFO keyspace\n{compose} logs --tail 50")
@pytest.mark.parametrize("fault", of_families("flush"), ids=fault_name)
def test_a_flush_takes_what_it_should_and_nothing_else(experiment: Experiment, fault: Fault) -> None:
    """Exactly the flushed keys are gone, Redis and the backend never falter, and the keys are put back."""
    assert_valid(experiment.undergo(fault))
