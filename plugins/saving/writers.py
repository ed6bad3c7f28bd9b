"""Writers held back for a bounded time, so that nothing is written between the saving of keys and their loss.

Redis lifts the pause by itself when its time is over (6.2: or that of an earlier, longer one, even if that was lifted),
and while it lasts evicts and expires nothing. Whoever loses the keys sends CLIENT UNPAUSE and the losing command in one
trip, without MULTI: nobody is served in between.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from plugins.saving.asking import refusal
from plugins.target.model import ReplyError, TargetError

if TYPE_CHECKING:
    from types import TracebackType

    from plugins.target.model import Wire

#: Seconds for Redis to answer a pause or its end.
ANSWER_S = 5.0


class Writers:
    """Redis's other clients, as far as they write. Not held back before ``hold``; let go by ``release``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._from = 0.0
        self._until = 0.0
        self._released = 0.0
        self._why = "the writers are not held back"

    @property
    def held(self) -> bool:
        """Whether they are held back now, by this machine's clock."""
        return self.left_s > 0

    @property
    def left_s(self) -> float:
        """For how many more seconds they will be, unless released before."""
        return 0.0 if self._released or not self._from else max(0.0, self._until - time.monotonic())

    @property
    def stalled_s(self) -> float:
        """For how many seconds a writer had, or has had so far, to wait."""
        if not self._from:
            return 0.0
        return min(self._released or time.monotonic(), self._until) - self._from

    @property
    def gap(self) -> str:
        """Why something may be written that is not saved; empty while they are held back."""
        if self.held:
            return ""
        return f"the writers were let go after {self.stalled_s:.1f} s{self._why}" if self._from else self._why

    def hold(self, at_most_s: float) -> None:
        """Hold them back from now on; where Redis refuses, ``gap`` says why. Raises ``TargetError``."""
        begun = time.monotonic()
        command = ("CLIENT", "PAUSE", int(at_most_s * 1000), "WRITE")
        (reply,) = self._wire.ask([command], timeout_s=ANSWER_S)
        if isinstance(reply, ReplyError):
            self._why = f"the writers are not held back: {refusal(command, reply)}"
            return
        self._from, self._until, self._why = begun, begun + at_most_s, ""

    def release(self, why: str = "") -> None:
        """Let them go, for a reason. Twice is once.

        Raises ``TargetError``; then Redis lets them go when the time is over.
        """
        if self.held:
            self._why = f": {why}" if why else ""
            self._wire.ask([("CLIENT", "UNPAUSE")], timeout_s=ANSWER_S)
            self.released()

    def released(self) -> None:
        """Note that somebody else let them go: with the flush, or by ending the server."""
        if self.held:
            self._released = time.monotonic()

    def describe(self) -> str:
        """What became of them, in words."""
        if not self._from:
            return self._why
        return self.gap or f"the writers are held back, for {self.stalled_s:.1f} s so far"

    def close(self) -> None:
        """Let them go, and close the connection. Never raises."""
        with contextlib.suppress(TargetError):
            self.release()
        self._wire.close()


class PausedWrites:
    """``with paused_writes(wire, at_most_ms) as writers``: held back in the block, for so long at most."""

    def __init__(self, writers: Writers, at_most_s: float) -> None:
        self._writers = writers
        self._at_most_s = at_most_s

    def __enter__(self) -> Writers:
        """Hold them back. Raises ``TargetError``."""
        self._writers.hold(self._at_most_s)
        return self._writers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let them go, unless somebody did. Raises ``TargetError`` where nothing else was raised."""
        try:
            self._writers.release()
        except TargetError:
            if error is None:
                raise


def paused_writes(wire: Wire, at_most_ms: int) -> PausedWrites:
    """Hold writers back for a block. Where Redis refuses, the block runs all the same and ``gap`` says why."""
    return PausedWrites(Writers(wire), at_most_ms / 1000)
