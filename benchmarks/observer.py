"""What watching costs the watched: ``python -m benchmarks.observer [--rounds 3] [--seconds 10]``.

Redis's own processor time (INFO cpu) with all probes and the recording client at work, as closely as they ever look,
and without them, in turns. Exit code 1 where they cost more than 3 % of a core.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import twin
from benchmarks.accuracy import scene_of
from plugins.facts.info import parse_info
from plugins.history import History
from plugins.target.open import open_target
from plugins.traffic import Traffic

if TYPE_CHECKING:
    from twin.handle import Twin

#: The most that it may cost, as a share of one core.
ALLOWED = 0.03


class Cost(NamedTuple):
    """Shares of one core that Redis used."""

    watched: float
    alone: float

    @property
    def share(self) -> float:
        """What the watching cost."""
        return self.watched - self.alone


def used_s(up: Twin) -> float:
    """Seconds of processor time that Redis has used since it started."""
    info = up.redis("INFO", "cpu")
    if not isinstance(info, bytes):
        raise TypeError(f"INFO answered {info!r}")
    found = parse_info(info)
    return found.ratio("used_cpu_sys") + found.ratio("used_cpu_user")


def share_of_core(up: Twin, seconds: float) -> float:
    """The share of a core that Redis uses for so long."""
    begun, before = time.monotonic(), used_s(up)
    threading.Event().wait(seconds)  # the time itself is what is measured
    return (used_s(up) - before) / (time.monotonic() - begun)


def measure(up: Twin, seconds: float) -> Cost:
    """Once with everything at work, once without."""
    target = open_target(up.host, supervisor=up.supervisor, environ=up.environ)
    try:
        traffic = Traffic(target, scene_of(target), History(), run_id=f"observer-{time.monotonic_ns()}")
        with traffic:
            traffic.hot(on=True)
            watched = share_of_core(up, seconds)
        traffic.cleanup()
    finally:
        target.close()
    return Cost(watched, share_of_core(up, seconds))


def main() -> int:
    """Measure, print, and exit 1 where it costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns of both (3)")
    parser.add_argument("--seconds", type=float, default=10, help="how long each is looked at (10)")
    arguments = parser.parse_args()
    with twin.up(kind="processes") as up:
        costs = [measure(up, arguments.seconds) for _ in range(arguments.rounds)]
    print("| Redis's share of a core, watched | alone | the watching |\n|---|---|---|")  # noqa: T201 - what was asked for
    for cost in costs:
        print(f"| {cost.watched:.2%} | {cost.alone:.2%} | {cost.share:.2%} |")  # noqa: T201 - likewise
    median = statistics.median(cost.share for cost in costs)
    print(f"\nmedian {median:.2%} of a core, of {ALLOWED:.0%} allowed")  # noqa: T201 - likewise
    return 0 if median <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
