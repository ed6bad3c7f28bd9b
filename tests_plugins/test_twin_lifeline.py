"""Nothing of a process twin outlives its owner, however the owner ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from tests_plugins.pids import alive
from twin import up
from twin.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
#: Brings a twin up, tells what it consists of, and waits for its end.
OWNER = """
import json, time
from twin import up
from twin.supervisor import client
with up(kind="processes", ttl_s=60) as twin:
    pids = [service["pid"] for service in client.call(twin.supervisor, "containers") if service["pid"]]
    supervisor = client.call(twin.supervisor, "engine")["pid"]
    print(json.dumps([str(twin.supervisor.parent), supervisor, pids]), flush=True)
    time.sleep(600)
"""


@dataclass(frozen=True)
class Owned:
    """A process that owns a twin, and what the twin consists of."""

    process: subprocess.Popen[str]
    folder: Path
    supervisor: int
    services: list[int]

    def left(self) -> list[str]:
        """What of the twin is still there."""
        processes = [str(pid) for pid in (self.supervisor, *self.services) if alive(pid)]
        return [*processes, *([str(self.folder)] if self.folder.exists() else [])]

    def assert_gone(self, within_s: float) -> None:
        """Nothing is left."""
        eventually(self.left, lambda left: not left, what="nothing of the twin is left", within_s=within_s)


@contextmanager
def owned() -> Iterator[Owned]:
    argv = [sys.executable, "-c", OWNER]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            folder, supervisor, services = json.loads(process.stdout.readline())
            yield Owned(process, Path(folder), supervisor, services)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_owner_ends(number: signal.Signals) -> None:
    """Killed, terminated or interrupted: the twin goes with its owner."""
    with owned() as twin:
        assert len(twin.services) == 2
        twin.process.send_signal(number)
        twin.assert_gone(within_s=5)


def test_nothing_is_left_when_the_supervisor_is_killed() -> None:
    """The guard ends the services that nobody watches any more."""
    with owned() as twin:
        os.kill(twin.supervisor, signal.SIGKILL)
        twin.assert_gone(within_s=5)


def test_leaving_the_block_leaves_nothing() -> None:
    """After the with block there is no process and no folder."""
    with up(kind="processes") as twin:
        assert twin.supervisor is not None
        folder = twin.supervisor.parent
        pids = [service["pid"] for service in client.call(twin.supervisor, "containers") if service["pid"]]
    assert not folder.exists()
    assert not [pid for pid in pids if alive(pid)]


def test_two_twins_live_side_by_side() -> None:
    """Each has its own ports, project and data."""
    with up(kind="processes") as one, up(kind="processes") as other:
        one.redis("SET", "whose", "one")
        assert other.redis("GET", "whose") is None
        assert one.host.compose_project != other.host.compose_project
        assert one.host.readiness_url != other.host.readiness_url
