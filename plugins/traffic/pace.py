"""How often questions are put: at a pace that nothing stops, or one after the other."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Attempts under way at the same time, at most; where so many hang, the next moments go without one.
MOST = 50


class Pacer:
    """Starts an attempt every ``every_s`` seconds, whatever became of the earlier ones."""

    def __init__(self, name: str, attempt: Callable[[], None], *, every_s: float, most: int = MOST) -> None:
        self._attempt = attempt
        self._every_s = every_s
        self._room = threading.Semaphore(most)
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"{name}'s pace")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more attempts, and wait for those under way: each has a deadline of its own. Never raises."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            if self._room.acquire(blocking=False):
                self._pool.submit(self._one)
            # A moment that was missed (the machine was busy) is not made up for: a burst would tell nothing.
            due = max(due + self._every_s, time.monotonic())

    def _one(self) -> None:
        try:
            self._attempt()
        finally:
            self._room.release()


class Rounds:
    """Asks again and again, one question at a time, so many seconds from one's start to the next."""

    def __init__(self, name: str, ask: Callable[[], None], *, every_s: Callable[[], float]) -> None:
        self._ask = ask
        self._every_s = every_s
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hurry(self) -> None:
        """``every_s`` may say something else from now on."""
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Ask no more. Waits for nothing."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask no more, and wait for the question under way: it has a deadline of its own. Never raises."""
        self.end()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            begun = time.monotonic()
            self._ask()
            with self._changed:
                while not self._stopped and (left := begun + self._every_s() - time.monotonic()) > 0:
                    self._changed.wait(left)
