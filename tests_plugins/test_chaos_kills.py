"""A runner comes to its end in the middle of chaos: its host is as before within the lease and 5 s. The real thing.

``python -m benchmarks.kills`` plays more of it, at moments that a seed draws.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.kills import PHASES, drawn
from benchmarks.kills_ground import GROUNDS, allowed
from benchmarks.kills_run import Moment, carry_out
from plugins.fault import registered
from tests_plugins.chaos import play, select
from tests_plugins.leases import reaping, shared_folder
from tests_plugins.staging import NAME, StagingOptions, need_staging_host, staging_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.kills_ground import Ground

#: Where, when and how. On the host behind SSH, Redis keeps nothing on its disk.
MOMENTS = {
    "killed-while-redis-is-down": ("ssh", Moment("kill", "fault", 0.3)),
    "cut-off-right-after-a-flush": ("ssh", Moment("flushall", "recovery", 0.1, "cut")),
    "asleep-before-a-flush": ("processes", Moment("flush_session", "arm", 0.05, "sleep")),
    "told-to-end": ("compose", Moment("stop_start", "fault", 0.2, "SIGTERM")),
    "interrupted": ("processes", Moment("flushdb", "recovery", 0.5, "Ctrl-C")),
}


@pytest.fixture(scope="module")
def grounds() -> Iterator[dict[str, Ground]]:
    """Every kind of host."""
    need_staging_host()
    with ExitStack() as stack:
        yield {name: stack.enter_context(made()) for name, made in GROUNDS.items()}


@pytest.mark.parametrize("name", MOMENTS)
def test_whatever_becomes_of_the_runner_the_host_is_as_before(
    grounds: dict[str, Ground], tmp_path: Path, name: str
) -> None:
    """Redis answers, every key is back, configuration is as before, no watcher is left, and it is told what happened.

    After the kill by another run of chaos, which passes; after the others by ``--recover``.
    """
    where, moment = MOMENTS[name]
    fate = carry_out(grounds[where], moment, tmp_path / "reports", recover=moment.ending != "SIGKILL")
    assert not fate.amiss, fate
    if where != "ssh":  # there others have theirs in the same place
        assert list(grounds[where].ledgers.iterdir()) == []


def test_a_host_that_ends_what_a_session_leaves_gets_no_fault(tmp_path: Path) -> None:
    """Nothing would undo it there: refused, with what would help, and Redis was never touched."""
    need_staging_host()
    with shared_folder() as base:
        sshd = reaping(Path(base).parent)
        with staging_host(StagingOptions(sshd=sshd, inventory={"chaos": allowed()})) as staging:
            before = staging.redis_cli("INFO", "server")
            played = play(
                *("--inventory", str(staging.inventory_file), *select("restart")),
                reports=tmp_path / "reports",
                environ=staging.environ,
                host=NAME,
            )
            assert run_of(staging.redis_cli("INFO", "server")) == run_of(before)
    assert (played.exit_code, played.experiments) == (12, {}), played.output
    assert "KillUserProcesses" in played.output


def run_of(info: str) -> str:
    """The server's run_id."""
    return next(line for line in info.splitlines() if line.startswith("run_id:"))


def test_the_drawn_moments_are_the_same_each_time() -> None:
    """And they are all over the place: every phase, every fault."""
    moments = drawn(3, 20)
    assert moments == drawn(3, 20)
    assert moments != drawn(4, 20)
    assert {moment.phase for moment in moments} == set(PHASES)
    assert {moment.fault for moment in moments} == {fault.name for fault in registered()}
