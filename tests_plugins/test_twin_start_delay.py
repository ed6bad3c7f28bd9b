"""The twin's delayed starts: outages of a known length, on both kinds of twin."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.target.open import open_target
from tests_plugins.staging import BACKEND, REDIS, need_staging_host
from twin import start_delay, up
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twin import Kind
    from twin.handle import Twin

SERVICE = "redis_staging"


@pytest.fixture(scope="module", params=["processes", "compose"])
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """A twin of each kind that can be delayed, and is not yet."""
    kind: Kind = request.param
    with pytest.MonkeyPatch.context() as patch:
        if kind == "compose":
            need_staging_host()
            patch.setenv("TWIN_REDIS_IMAGE", REDIS)
            patch.setenv("TWIN_BACKEND_IMAGE", BACKEND)
        with up(kind=kind, options=Options(start_delay_s=0)) as made:
            yield made


def answers(twin: Twin) -> bool:
    return twin.redis("PING") == b"PONG"


def started(twin: Twin) -> float:
    """Seconds from the return of a restart to the first PONG."""
    twin.restart(SERVICE)
    begun = time.monotonic()
    eventually(lambda: answers(twin), what="Redis answers", within_s=10, every_s=0.01, catch=(OSError,))
    return time.monotonic() - begun


def test_a_start_takes_as_much_longer_as_was_said(twin: Twin) -> None:
    """The delay counts from the next start on, and can be withdrawn."""
    twin.delay_start(1.5)
    delayed = started(twin)
    twin.delay_start(0)
    assert delayed > 1.2
    assert started(twin) < delayed - 0.7


def test_a_redis_that_waits_can_be_stopped(twin: Twin) -> None:
    """A stop does not have to wait for the grace period's end."""
    twin.delay_start(60)
    twin.restart(SERVICE)
    begun = time.monotonic()
    twin.stop(SERVICE)
    took_s = time.monotonic() - begun
    twin.delay_start(0)
    twin.start(SERVICE)
    eventually(lambda: answers(twin), what="Redis answers", within_s=10, catch=(OSError,))
    assert took_s < 6


def test_the_settings_it_starts_with_can_still_be_read(twin: Twin) -> None:
    """The container's command line still names the server and its flags, for checks that compare with them."""
    target = open_target(twin.host, supervisor=twin.supervisor, environ=os.environ)
    try:
        (redis,) = target.stack.containers(SERVICE)
    finally:
        target.close()
    assert any(word.endswith(("redis-server", "valkey-server")) for word in redis.argv)
    assert redis.argv[-4:] == ("--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru")


def test_a_stock_twin_cannot_be_delayed() -> None:
    """Nothing of it is in a stock twin, and asking for it says how to get it."""
    with up(kind="processes") as stock, pytest.raises(ValueError, match="start_delay_s=0"):
        stock.delay_start(1)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_length_of_time_is_refused(tmp_path: Path, seconds: float) -> None:
    """A delay that nobody could wait for is an error at once."""
    with pytest.raises(ValueError, match="0 or more"):
        start_delay.write(tmp_path, seconds)
