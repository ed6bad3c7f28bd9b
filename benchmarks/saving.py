"""How long it takes to save a Redis's keys on its host and to put them back: ``python -m benchmarks.saving``.

On a real staging host (sshd, Docker Compose), over loopback and through a proxy that makes the round trip 40 ms. The
keys are of every type, a part of them expires. Each is compared after it was put back; anything amiss is exit code 1.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.delay_proxy import delayed
from benchmarks.mixed import fill, mixed
from plugins.saving import Limits, restore, save
from plugins.target.open import open_target
from tests_plugins.staging import REDIS, Stack, StagingOptions, staging_host, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.inventory import Host
    from plugins.saving import Restored, Saved
    from tests_plugins.staging import StagingHost

ROUND_TRIPS_MS = (0, 40)
#: Writers may be held back for as long as it takes: how long is one of the figures.
LIMITS = Limits(deadline_s=300, stall_s=120)
_PATIENCE_S = 300.0


@dataclass(frozen=True)
class Turn:
    """Saved once, and put back once."""

    saved: Saved
    restored: Restored


def turns(host: Host, staging: StagingHost, keys: int, rounds: int) -> Iterator[Turn]:
    """Fill, then save, flush and put back, so many times."""
    target = open_target(host, environ=staging.environ)
    target.shell.open()
    (redis,) = target.stack.containers(host.redis_service)
    target.shell.run(("mkdir", "-p", "-m", "700", "saved"))
    wire = target.wire(redis)
    wire.ask([("FLUSHALL",)], timeout_s=_PATIENCE_S)
    fill(wire, mixed(keys))
    for _ in range(rounds):
        saved = save(target, redis, "saved/keys", leave_out=host.namespace.encode(), limits=LIMITS)
        wire.ask([("CLIENT", "UNPAUSE"), ("FLUSHALL",)], timeout_s=_PATIENCE_S)
        saved.writers.released()
        yield Turn(saved, restore(target, redis, saved, deadline_s=_PATIENCE_S))
        saved.close()
    target.close()


def row(round_trip_ms: int, done: list[Turn]) -> str:
    """One round trip's figures: medians."""
    one = done[0].saved
    save_s, stall_s, back_s = (
        statistics.median(figures)
        for figures in (
            [turn.saved.took_s for turn in done],
            [turn.saved.writers.stalled_s for turn in done],
            [turn.restored.took_s for turn in done],
        )
    )
    return (
        f"| {round_trip_ms} ms | {one.keys} | {one.bytes / 1e6:.0f} MB | {save_s:.1f} s | {stall_s:.1f} s"
        f" | {back_s:.1f} s |"
    )


def main() -> int:
    """Measure, print, and exit 1 where a key did not come back as it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100_000, help="how many keys (100000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often they are saved and put back (3)")
    parser.add_argument("--image", default=REDIS, help=f"Redis's image ({REDIS})")
    arguments = parser.parse_args()
    if reason := unavailable():
        raise SystemExit(f"no staging host can be made here: {reason}")
    lines = [
        "| round trip | keys | file | saved in | writers held back | put back and compared in |",
        "|---|---|---|---|---|---|",
    ]
    amiss = []
    with staging_host(StagingOptions(stack=Stack(redis_image=arguments.image, backend=False))) as staging:
        for round_trip_ms in ROUND_TRIPS_MS:
            with delayed(staging.ssh.port, round_trip_ms / 2000) as port:
                host = staging.through(port) if round_trip_ms else staging.host
                done = list(turns(host, staging, arguments.keys, arguments.rounds))
            lines.append(row(round_trip_ms, done))
            amiss += [turn.restored.describe() for turn in done if turn.restored.put_back < arguments.keys]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    sys.stdout.write("\n".join([*lines, f"\nAt most {memory:.0f} MiB of memory here, Python included.", *amiss, ""]))
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
