"""Which of the saved keys the fault has taken away, and not somebody who deleted them before or after it.

It is decided as soon as Redis answers again. What is put back seconds later must not be what an application has
meanwhile deleted: a lock that was released would be held again, a job that was done would be done twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.saving.asking import ask, information
from plugins.saving.room import TRIP_BYTES
from plugins.target.model import TargetError
from plugins.target.roads import Deadline

if TYPE_CHECKING:
    from plugins.saving.outcome import Saved
    from plugins.target.model import Command, Container, Wire
    from plugins.target.open import Target

#: Seconds for a look at all keys.
LOOKING_S = 20.0


@dataclass
class Lost:
    """A 1 for each of the saved keys that was ``there`` just before the fault, and that ``lost`` was missing after it.

    Empty: it was not looked. ``run_id``: the server process that had lost them; of another nothing is known.
    """

    there: bytes = b""
    lost: bytes = b""
    run_id: str = ""

    @property
    def decided(self) -> bool:
        """Whether it is known which keys the fault has taken."""
        return bool(self.run_id)

    def look_before(self, target: Target, redis: Container, saved: Saved) -> None:
        """Just before the fault. Raises ``TargetError``."""
        self.there, _ = _look(target, redis, saved)

    def look_after(self, target: Target, redis: Container, saved: Saved) -> None:
        """As soon as Redis answers after the fault. Raises ``TargetError``."""
        now, self.run_id = _look(target, redis, saved)
        there = self.there or bytes([1]) * len(now)
        self.lost = bytes(was & (1 - one) for was, one in zip(there, now, strict=True))

    def of(self, run_id: str, keys: int) -> bytes:
        """A 1 for each of so many keys that may be put back into this server process, should it be absent there."""
        return self.lost if self.run_id == run_id and len(self.lost) == keys else bytes([1]) * keys


def found(target: Target, redis: Container) -> Container:
    """The container as it is now: its address may be another since, and the old one another server's.

    Raises ``TargetError`` where there is none, or it is just being replaced.
    """
    there = target.stack.containers(redis.service)
    if len(there) == 1:
        return there[0]
    raise TargetError(f"{redis.service!r} has {len(there)} containers now: is it being replaced?")


def present(wire: Wire, saved: Saved, deadline: Deadline) -> bytes:
    """Which of the saved keys are there now, in their order: a 1 for each. Raises ``TargetError``."""
    there = bytearray()
    for number, batch in saved.copy.batches(TRIP_BYTES):
        asked: list[Command] = [(b"EXISTS", entry.key) for entry in batch]
        replies = ask(wire, number, asked, timeout_s=deadline.left())
        there += bytes(int(reply == 1) for reply in replies)
    return bytes(there)


def _look(target: Target, redis: Container, saved: Saved) -> tuple[bytes, str]:
    """Which keys are there, and in which server process."""
    deadline = Deadline(LOOKING_S, "looking for the saved keys")
    wire = target.wire(found(target, redis))
    try:
        there = present(wire, saved, deadline)
        return there, information(wire, timeout_s=deadline.left()).get("run_id", "")
    finally:
        wire.close()
