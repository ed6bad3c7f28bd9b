"""A keyspace as applications have them: sessions, cached answers, counters, queues, rankings, some with an expiry."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Command, Wire

_SEED = 62
_BATCH = 500
#: Seconds for a batch of commands.
_PATIENCE_S = 60.0


def mixed(count: int) -> Iterator[Command]:
    """Commands that make so many keys, about 600 bytes each, always the same ones."""
    made = random.Random(_SEED)  # noqa: S311 - the same data each time
    for number in range(count):
        yield from _key(number, made)


def _key(number: int, made: random.Random) -> Iterator[Command]:
    match number % 10:
        case 0 | 1 | 2 | 3:
            yield ("SET", f"cache:{number}", made.randbytes(made.randrange(100, 1600)), "PX", 3_600_000 + number)
        case 4 | 5:
            fields = [word for field in range(12) for word in (f"field{field}", made.randbytes(24))]
            yield ("HSET", f"session:{number}", *fields)
            yield ("PEXPIRE", f"session:{number}", 7_200_000 + number)
        case 6:
            yield ("SADD", f"tags:{number}", *(f"tag{made.randrange(10_000)}" for _ in range(40)))
        case 7:
            yield (
                "ZADD",
                f"ranking:{number}",
                *(word for rank in range(30) for word in (f"{made.random()}", f"user{rank}")),
            )
        case 8:
            yield ("RPUSH", f"queue:{number}", *(made.randbytes(30) for _ in range(25)))
        case _:
            yield ("SET", f"counter:{number}", made.randrange(1_000_000))


def fill(wire: Wire, commands: Iterator[Command]) -> None:
    """Carry them out, many in a trip."""
    batch: list[Command] = []
    for command in commands:
        batch.append(command)
        if len(batch) == _BATCH:
            wire.ask(batch, timeout_s=_PATIENCE_S)
            batch = []
    wire.ask(batch, timeout_s=_PATIENCE_S)
