"""Traffic over SSH: what the tunnel does is not held against Redis."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from plugins.history import Operation, Result
from plugins.recovery import CARRIER
from tests_plugins.playing import ALL, SERVICE, Play, play
from tests_plugins.staging import Stack, StagingHost, StagingOptions, need_staging_host, staging_host
from tests_plugins.staging.janitor import descendants
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def staging() -> Iterator[StagingHost]:
    """A staging host whose Redis is on the engine's network only."""
    need_staging_host()
    with staging_host(StagingOptions(stack=Stack(twin=Options(publish=None)))) as made:
        yield made


def blamed(playing: Play, since: float) -> list[Operation]:
    """The operations that say that Redis, or what uses it, was away; what does not go by SSH left out."""
    return [one for one in playing.history.all() if one.start >= since and one.result is Result.FAIL]


def test_a_dead_tunnel_is_not_taken_for_a_dead_redis(staging: StagingHost) -> None:
    """From then on nobody knows, and nothing is held against Redis, its backend or its container."""
    with play(staging.host, staging.environ) as playing:
        for vantage in ALL:
            playing.asked(vantage, 1)
        cut = time.monotonic()
        staging.ssh.drop_connections()
        for vantage in ("exec_ping", "ping", "write", "backend"):
            assert playing.last(vantage, Result.UNKNOWN, cut).code == CARRIER
        assert not blamed(playing, cut - 1)
        playing.traffic.stop()
        with pytest.raises(Exception, match="SSH"):
            playing.traffic.read_back()
        playing.traffic.cleanup = lambda *_: None  # type: ignore[method-assign] # nothing leads there any more


def test_a_stalled_tunnel_is_not_taken_for_a_hung_redis(staging: StagingHost) -> None:
    """The questions time out, and so does what would have shown that the way was open; then it goes on."""
    with play(staging.host, staging.environ) as playing:
        for vantage in ALL:
            playing.asked(vantage, 1)
        sessions = sessions_of(staging)
        stalled = time.monotonic()
        try:
            for pid in sessions:
                os.kill(pid, signal.SIGSTOP)
            lost = playing.last("ping", Result.UNKNOWN, stalled)
        finally:
            for pid in sessions:
                os.kill(pid, signal.SIGCONT)
        playing.last("ping", Result.OK, time.monotonic())
        assert lost.code == CARRIER
        assert not blamed(playing, stalled - 1)


def sessions_of(staging: StagingHost) -> list[int]:
    """The processes of sshd that carry connections."""
    process = staging.ssh._process  # noqa: SLF001 - the server itself goes on
    assert process is not None
    return descendants(process.pid)


def test_a_restart_behind_ssh_is_seen_by_everybody(staging: StagingHost) -> None:
    """On the container's own address, which leaves the bridge meanwhile: no attempt hangs beyond its deadline."""
    with play(staging.host, staging.environ) as playing:
        for vantage in ALL:
            playing.asked(vantage, 1)
        before = time.monotonic()
        staging.compose("restart", SERVICE)
        after = time.monotonic()
        for vantage in ALL:
            playing.last(vantage, Result.OK, after)
    for vantage in ("ping", "write"):
        assert any(not one.good for one in playing.operations(vantage, before))
        assert max(one.end - one.start for one in playing.operations(vantage)) < 2
    assert any(one.detail.startswith("its container") for one in playing.operations("ping", before))
