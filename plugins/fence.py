"""A fence: a key in Redis that whoever puts lost keys back takes away first.

A flush goes over a connection, and what was sent may arrive long after its runner was given up: out of a network that
was cut, or from a runner that slept. A flush that looks for the fence in the same step takes nothing away by then.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.saving.asking import ask
from plugins.target.resp import encode

if TYPE_CHECKING:
    from plugins.target.model import Command, Container
    from plugins.target.open import Target

#: Milliseconds after which Redis takes it away by itself, should nobody have.
LIFE_MS = 600_000
#: Seconds for Redis to answer.
ANSWER_S = 5.0


@dataclass(frozen=True)
class Fence:
    """One fence. Its key is never used twice: a flush of an earlier run must not find a later run's."""

    key: str
    database: int

    @classmethod
    def put_up(cls, target: Target, redis: Container) -> Fence:
        """A fence in the suite's own namespace, seen to be one that can be taken away.

        Raises ``TargetError``: then nothing may be flushed.
        """
        made = cls(f"{target.host.namespace}fence:{secrets.token_hex(8)}", target.host.redis_db)
        commands: list[Command] = [("UNLINK", made.key), ("SET", made.key, "1", "PX", LIFE_MS)]
        with closing(target.wire(redis)) as wire:
            ask(wire, made.database, commands, timeout_s=ANSWER_S)
        return made

    @property
    def away(self) -> str:
        """What takes it away, in Redis's protocol."""
        return encode([("SELECT", self.database), ("UNLINK", self.key)]).decode(errors="surrogateescape")
