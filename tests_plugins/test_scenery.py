"""A look at the stage: whether a stop reaches Redis in its container."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from plugins.fault import Loss
from plugins.promise import may_lose_keys
from plugins.scenery import survey
from plugins.target.open import open_target
from tests_plugins.staging import Stack, StagingOptions, need_staging_host, staging_host

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SERVER = "redis-server --appendonly yes"


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"command": ["sh", "-c", f"{SERVER}; true"]}, 'a stop is "sh"\'s to pass on, for Redis is process '),
        ({"command": ["sh", "-c", f"exec {SERVER}"]}, ""),
        ({"command": ["redis-server", "--appendonly", "yes"], "init": True}, ""),
    ],
    ids=["below a shell", "in a shell's place", "below an init"],
)
def test_a_stop_that_does_not_reach_redis_is_a_risk(service: Mapping[str, Any], said: str) -> None:
    """A shell that goes on passes no signal: Redis ends by SIGKILL, and what it had not synced yet with it."""
    need_staging_host()
    changes = {"services": {"redis_staging": service}}
    with (
        staging_host(StagingOptions(stack=Stack(backend=False, changes=changes))) as staging,
        closing(open_target(staging.host, environ=staging.environ)) as target,
    ):
        found = survey(target)
    risk = may_lose_keys(found.observed, Loss.UNSAVED_AT_STOP)
    assert (risk.startswith(said), bool(risk)) == (True, bool(said)), risk
