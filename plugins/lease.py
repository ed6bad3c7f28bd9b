"""The lease: a watcher on the host that puts things back by itself, unless the runner goes on showing signs of life.

One for a whole run. It also is the run's lock (see ``lock``). On the host it counts its own ticks, a second each, and
reads no clock; the runner renews it from a thread of its own.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from plugins.eventually import NotInTime, eventually
from plugins.lock import LeaseFired, NoLease
from plugins.target.ledger import Cleared
from plugins.target.model import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from plugins.target.ledger import Beats, Came, Ledger, Page
    from plugins.target.roads import Roads
    from plugins.undo import Undo

#: Shorter ones fired falsely on a busy host.
SHORTEST_S = 3

#: The lease is renewed so many times in its length, but no more often than that many seconds apart.
RENEWALS = 5
SHORTEST_PAUSE_S = 0.5

#: The watcher has outlived the connection that started it when it has ticked so often since, in at most these seconds.
PROVING_TICKS = 2
PROVING_S = 10.0

OUTLIVED = (
    "the watcher on {} did not outlive the session that started it; does the host end a user's processes when he logs"
    " out (KillUserProcesses=yes in logind.conf)? KillExcludeUsers= there, with that user's name, would prevent it"
)

#: A busy host may need so many seconds for one tick.
STILL_S = 10.0
STANDS_STILL = (
    "the watcher on the host has not ticked for {:.0f} s: it is stopped, or the host is, and would undo nothing"
)

#: What it means that a watcher which was told to end did not do so quietly.
ENDINGS = {
    "fired": "the lease ran out, or the watcher was left with an undo: it has undone",
    "owed": "the watcher was left with an undo, and has not succeeded",
    "busy": "the watcher was left with an undo, and has not succeeded so far",
    "gone": "the run's folder on the host is gone: somebody recovered what it owed, or removed it",
}


class Lease:
    """See the module. Take it with ``take``; give it back with ``disarm``."""

    def __init__(self, page: Page, beats: Beats, where: str, lease_s: float) -> None:
        self.page = page
        self._beats = beats
        self._where = where
        self._lease_s = lease_s
        self._asking = threading.Lock()
        self._over = threading.Event()
        self._fired = ""
        self._first = self._tick = -1
        self._ticked = time.monotonic()
        self._renew()
        self._first = self._tick
        self._thread = threading.Thread(target=self._renew_on, daemon=True, name="lease")
        self._thread.start()

    @classmethod
    def take(
        cls, ledger: Ledger, second: Callable[[], Roads], *, run_id: str, holder: str, lease_s: float = 15.0
    ) -> Lease:
        """Take the project's lock and start the watcher.

        ``second`` makes another shell of the same host (``shells.shell_for``). ``holder`` tells others who runs it, and
        from where; no secrets. Raises ``Held``, ``Owed``, ``CannotLock``, ``NoLease``, and ``TargetError``.
        """
        if lease_s < SHORTEST_S:
            raise ValueError(f"a lease of {lease_s:g} s is too short for a busy host: {SHORTEST_S} s or more")
        page = ledger.begin(second(), run_id, holder, math.ceil(lease_s))
        return cls(page, page.beats(lease_s), ledger.shell.where, lease_s)

    @property
    def fired(self) -> str:
        """Why the host may have undone by itself meanwhile, in words; empty as long as the lease holds.

        Whatever experiment is under way then is an error.
        """
        return self._fired

    def ask(self) -> str:
        """``fired`` as it is at this moment: a runner that slept learns of it before it judges. Never raises."""
        self._renew()
        return self._fired

    def prove(self) -> None:
        """Wait until the watcher has outlived the connection that started it; ``write_undo`` does so, too.

        Raises ``NoLease`` where it has not, or has ended already.
        """

        def ticks() -> int:
            self._renew()
            if self._fired:
                raise NoLease(f"{OUTLIVED.format(self._where)}. {self._fired}")
            return self._tick

        if self._tick >= self._first + PROVING_TICKS:
            return
        wanted = self._first + PROVING_TICKS
        try:
            eventually(ticks, lambda tick: tick >= wanted, what="the watcher's ticks", within_s=PROVING_S, every_s=0.1)
        except NotInTime as error:
            raise NoLease(OUTLIVED.format(self._where)) from error

    def write_undo(self, undo: Undo, copy: Path | None = None) -> None:
        """Before each fault: put its undo on the host's disk, and a copy where ``copy`` says.

        Raises ``NoLease`` where the watcher never held, ``LeaseFired``, ``Owed`` where the last was not cleared, and
        ``TargetError``: then there must be no fault.
        """
        self.prove()
        if self._fired:
            raise LeaseFired(self._fired)
        self.page.write(undo, copy)

    def clear_undo(self, *, proven: str | None = None) -> Cleared:
        """After the runner's own undo; ``proven``: it stays where its proof does not say so any more, to be redone.

        Where somebody has removed it (``GONE``), whoever called must see for himself, and the lease counts as fired.
        Raises ``LeaseFired`` where the watcher undoes, too, and ``TargetError``.
        """
        cleared = self.page.clear(proven=proven)
        if cleared is Cleared.GONE:
            self._fired = self._fired or ENDINGS["gone"]
            return cleared
        if cleared in (Cleared.FIRED, Cleared.UNTOLD):
            self._fired = self._fired or "the lease ran out: the host has undone what was owed, or is about to"
            raise LeaseFired(self._fired)
        return cleared

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """An intervention that no cut connection ends midway, and that is not begun once the lease has run out."""
        return self.page.wrap(argv)

    def came(self) -> Came:
        """What came of the last wrapped command. Raises ``TargetError``."""
        return self.page.came()

    def disarm(self) -> str:
        """End the watcher and give the lock back; why it did not go quietly, empty where it did. Twice is once.

        What is still owed it undoes first. What could not be undone stays owed: see ``Ledger.owed``. Raises
        ``TargetError`` where the host does not answer; then the lease will run out by itself.
        """
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            self._beats.close()
            try:
                ending = self.page.disarm()
            except TargetError as error:
                self._fired = self._fired or f"the lease could not be given back, and runs out on the host: {error}"
                raise
            if ending != "disarmed":
                self._fired = self._fired or ENDINGS.get(ending, ending)
        return self._fired

    def _renew_on(self) -> None:
        pause_s = max(self._lease_s / RENEWALS, SHORTEST_PAUSE_S)
        while not self._fired and not self._over.wait(pause_s):
            self._renew()

    def _renew(self) -> None:
        """One beat. Where nobody answers in a lease's time, the host may have undone by then."""
        with self._asking:
            if self._fired:
                return
            try:
                asked = time.monotonic()
                self._note(self._beats.renew(self._lease_s), asked)
            except LeaseFired as fired:
                self._fired = str(fired)
            except TargetError as error:
                self._fired = f"the lease cannot be renewed any more; the host undoes what is owed, or has: {error}"

    def _note(self, tick: int, asked: float) -> None:
        """A watcher that is there and does not tick, as one that was stopped (SIGSTOP), would undo nothing."""
        if tick != self._tick:
            self._tick, self._ticked = tick, time.monotonic()
        elif asked - self._ticked > max(self._lease_s, STILL_S):
            self._fired = STANDS_STILL.format(asked - self._ticked)
