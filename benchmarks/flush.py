"""Flush by pattern, beside the runbook's pipeline: ``python -m benchmarks.flush``.

1,000,000 of 1,200,000 keys match. Under Docker Compose on this machine, in turns, so that a noisy machine is noisy for
both: the suite's fault (SCAN and UNLINK over the wire), and redis-cli piped into xargs inside the container, where it
works. Meanwhile a bystander, a process of its own, asks PING and GET again and again. Exit code 1 where the suite's is
not twice as fast, or leaves a matching key, or takes another.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import twin
from plugins.fault import Scene
from plugins.faults.flush_pattern import FlushPattern
from plugins.hands import LiveHands
from plugins.target.means import means_of
from plugins.target.open import open_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.target.model import Container, Wire
    from plugins.target.open import Target

GLOB = "cache:*"
PIPELINE = f'redis-cli --scan --pattern "{GLOB}" | xargs redis-cli DEL'
#: How much faster the suite's must be.
TARGET_RATIO = 2.0
_PATIENCE_S = 300.0
#: KEYS[1]: a prefix, ARGV: the first and the last number.
_FILL = "for n = ARGV[1], ARGV[2] do redis.call('SET', KEYS[1] .. n, 'some fifty bytes, as a small answer takes') end"
_CHUNK = 20_000
#: Run by a Python of its own: PING and GET every millisecond or as fast as they are answered, until its input ends.
_BYSTANDER = r"""
import json, select, socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("here", flush=True)
took, ask = [], b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$9\r\nsession:1\r\n"
while not select.select([sys.stdin], [], [], 0.001)[0]:
    begun = time.perf_counter()
    sock.sendall(ask)
    said = b""
    while said.count(b"\r\n") < 3:
        said += sock.recv(4096)
    took.append(time.perf_counter() - begun)
print(json.dumps(took))
"""


@dataclass(frozen=True)
class Turn:
    """One flush: seconds, and those of each of the bystander's questions meanwhile."""

    took_s: float
    bystander: tuple[float, ...]


@dataclass(frozen=True)
class Arena:
    """A Redis under Compose, and two ways to flush it."""

    target: Target
    redis: Container
    wire: Wire
    matching: int
    others: int

    def fill(self) -> None:
        """All keys, as they are before a flush."""
        self.wire.ask([("FLUSHALL",)], timeout_s=_PATIENCE_S)
        for prefix, count in ((GLOB[:-1], self.matching), ("session:", self.others)):
            for first in range(1, count + 1, _CHUNK):
                last = min(first + _CHUNK - 1, count)
                self.wire.ask([("EVAL", _FILL, 1, prefix, first, last)], timeout_s=_PATIENCE_S)

    def left(self) -> int:
        """How many keys there are."""
        (count,) = self.wire.ask([("DBSIZE",)])
        return count if isinstance(count, int) else -1

    def ours(self) -> None:
        """The suite's fault."""
        scene = Scene(self.target.host, self.redis, (), "", "", ())
        hands = LiveHands(self.target, self.redis, means_of(self.target), journal=lambda _: None)
        try:
            FlushPattern(GLOB).inject(scene, hands)
        finally:
            hands.close()

    def runbooks(self) -> None:
        """The runbook's pipeline, inside the container."""
        argv = [*self.target.host.docker, "exec", self.redis.id, "sh", "-c", PIPELINE]
        subprocess.run(argv, stdout=subprocess.DEVNULL, timeout=_PATIENCE_S, check=True)

    def turn(self, flush: Callable[[], None], address: tuple[str, int]) -> Turn:
        """Fill, flush, and look what is left. Raises ``SystemExit`` where it is not what it should be."""
        self.fill()
        with bystander(address) as took:
            begun = time.perf_counter()
            flush()
            took_s = time.perf_counter() - begun
        if self.left() != self.others:
            raise SystemExit(f"{self.left()} keys are left, not {self.others}: nothing to compare")
        return Turn(took_s, tuple(took))


@contextmanager
def bystander(address: tuple[str, int]) -> Iterator[list[float]]:
    """Somebody who asks Redis during the block; the list is filled at its end."""
    took: list[float] = []
    argv = [sys.executable, "-I", "-S", "-c", _BYSTANDER, address[0], str(address[1])]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
        process.stdout.readline()
        yield took
        said, _ = process.communicate(timeout=_PATIENCE_S)
        took += json.loads(said)


def row(name: str, turns: list[Turn]) -> str:
    """One way's figures: the median of its times, and the bystander's over all turns, in milliseconds."""
    asked = sorted(second for turn in turns for second in turn.bystander)
    middle, late = (1000 * asked[int(share * (len(asked) - 1))] for share in (0.5, 0.99))
    took_s = statistics.median(turn.took_s for turn in turns)
    return f"| {name} | {took_s:.2f} s | {middle:.2f} ms | {late:.1f} ms | {1000 * asked[-1]:.0f} ms | {len(asked)} |"


def compare(arena: Arena, address: tuple[str, int], rounds: int) -> dict[str, list[Turn]]:
    """Both ways in turns."""
    ways = {"the suite's": arena.ours, "the runbook's": arena.runbooks}
    turns: dict[str, list[Turn]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, flush in ways.items():
            turns[name].append(arena.turn(flush, address))
    return turns


def main() -> int:
    """Measure, print, and exit 1 where the suite's flush is not fast enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is taken (3)")
    parser.add_argument("--matching", type=int, default=1_000_000, help="keys that match (1000000)")
    parser.add_argument("--others", type=int, default=200_000, help="keys that do not (200000)")
    arguments = parser.parse_args()
    with twin.up(kind="compose") as up:
        target = open_target(up.host, environ=up.environ)
        (redis,) = target.stack.containers(up.host.redis_service)
        arena = Arena(target, redis, target.wire(redis), arguments.matching, arguments.others)
        turns = compare(arena, up.actions.redis_address(), arguments.rounds)
        target.close()
    ratio = statistics.median(
        theirs.took_s / ours.took_s for ours, theirs in zip(turns["the suite's"], turns["the runbook's"], strict=True)
    )
    lines = [
        f"{arguments.matching} of {arguments.matching + arguments.others} keys, {arguments.rounds} turns each",
        "",
        "| flush | median | bystander: half within | 99 % within | the longest | questions |",
        "|---|---|---|---|---|---|",
        *(row(name, done) for name, done in turns.items()),
        "",
        f"The suite's is {ratio:.1f} times as fast.",
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0 if ratio >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
