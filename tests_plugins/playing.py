"""Traffic at work in a test: on which host, and what it has recorded."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks.accuracy import scene_of
from plugins.eventually import eventually
from plugins.history import History, Operation, Result
from plugins.target.open import Target, open_target
from plugins.traffic import Traffic
from twin.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugins.inventory import Host
    from twin.handle import Twin

SERVICE = "redis_staging"
ALL = ("exec_ping", "ping", "write", "backend", "readiness")
#: How long anything may take here that takes no time of its own. Seconds.
SOON_S = 15.0


@dataclass
class Play:
    """Traffic at work."""

    traffic: Traffic
    history: History
    target: Target

    def operations(self, vantage: str, since: float = 0.0) -> list[Operation]:
        """What was recorded, of what started since."""
        return [one for one in self.history.of(vantage) if one.start >= since]

    def asked(self, vantage: str, number: int, since: float = 0.0) -> list[Operation]:
        """Wait until so many questions were put since, and give them."""
        return eventually(
            lambda: self.operations(vantage, since),
            lambda found: len(found) >= number,
            what=f"{number} operations of {vantage}",
            within_s=SOON_S,
            describe=lambda found: f"{len(found)} operations",
        )

    def last(self, vantage: str, result: Result, since: float) -> Operation:
        """Wait for an operation that started since and came to this."""
        found = eventually(
            lambda: [one for one in self.operations(vantage, since) if one.result is result],
            what=f"{vantage} {result}",
            within_s=SOON_S,
        )
        return found[-1]


@contextmanager
def play(host: Host, environ: Any = os.environ, supervisor: Path | None = None) -> Iterator[Play]:
    """Traffic on a host; its keys are gone afterwards."""
    target = open_target(host, supervisor=supervisor, environ=environ)
    history = History()
    try:
        traffic = Traffic(target, scene_of(target), history, run_id=f"test{time.monotonic_ns()}")
        with traffic:
            yield Play(traffic, history, target)
        traffic.cleanup()
    finally:
        target.close()


@contextmanager
def mended(twin: Twin) -> Iterator[Twin]:
    """The twin; whatever was done to it is mended afterwards."""
    yield twin
    twin.behave()
    twin.start(SERVICE)
    eventually(lambda: twin.redis("PING"), what="Redis answers", within_s=SOON_S, catch=(OSError,))
    twin.redis("FLUSHALL")


def on(twin: Twin, **changes: Any) -> Any:
    """Traffic on the twin."""
    return play(replace(twin.host, **changes), twin.environ, twin.supervisor)


def pid_of(twin: Twin) -> int:
    """The server process, which the supervisor need not know to be stopped."""
    assert twin.supervisor is not None
    (found,) = [one for one in client.call(twin.supervisor, "containers") if one["name"] == SERVICE]
    return int(found["pid"])
