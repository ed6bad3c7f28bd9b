"""Facts on their way: one daemon thread a part, so that each starts as soon as its inputs exist.

A part may wait for other parts. Nothing here waits without a deadline, and a part that hangs becomes
``Unjudged`` by name for whoever asks for it; it never hangs the run.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

from plugins.target.model import TargetError
from plugins.verdict import NotJudged, Unjudged, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: The longest wait in one piece, in seconds. A signal that arrives just before a wait begins, or in another thread,
#: does not end it: Python handles it when the main thread runs again.
_DEAF_S = 0.2
#: How long ``Flow.close`` waits for its threads altogether, in seconds; they are daemons, so none outlives the run.
_FAREWELL_S = 3.0


class Later(Generic[T]):
    """A part of the facts that may still be on its way. ``name`` is its name in words, for messages."""

    def __init__(self, name: str, flow: Flow) -> None:
        self.name = name
        self._flow = flow
        self._future: Future[T] = Future()
        self._began = time.monotonic()

    def get(self) -> T:
        """The part, waited for until the flow's deadline.

        Raises ``NotJudged`` or ``Unreachable`` as the part itself did; ``Unjudged`` where the target failed
        (``TargetError``) or no answer came in time.
        """
        while not self._future.done():
            left_s = self._flow.remaining_s()
            if not wait([self._future], timeout=min(left_s, _DEAF_S)).done and not left_s:
                raise Unjudged(f"{self.name}: nothing came back within {self._flow.patience_s:g} s")
        try:
            return self._future.result()
        except (NotJudged, Unreachable) as known:
            raise known.with_traceback(None) from None
        except TargetError as error:
            raise Unjudged(f"{self.name}: {error}") from error

    def done(self) -> bool:
        """Whether it has arrived, or failed."""
        return self._future.done()

    def arrives(self, within_s: float) -> bool:
        """Whether it arrives, or fails, within so many seconds from its start."""
        left_s = max(0.0, self._began + within_s - time.monotonic())
        return not wait([self._future], timeout=min(left_s, self._flow.remaining_s())).not_done

    def settle(self, work: Callable[[], T]) -> None:
        """Do the work and keep what it returns or raises."""
        try:
            self._future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - kept, and raised again for whoever asks for this part
            self._future.set_exception(error)


class Flow:
    """The parts of one gathering, their deadline and their end."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.stopped = threading.Event()
        self._deadline = time.monotonic() + patience_s
        self._threads: list[threading.Thread] = []
        self._farewells: list[Callable[[], None]] = []

    def remaining_s(self) -> float:
        """Seconds until the deadline; 0 when it has passed or the flow was closed."""
        return 0.0 if self.stopped.is_set() else max(0.0, self._deadline - time.monotonic())

    def start(self, name: str, work: Callable[[], T]) -> Later[T]:
        """Start ``work`` in a thread of its own and return at once."""
        later = Later[T](name, self)
        thread = threading.Thread(target=later.settle, args=(work,), name=f"facts: {name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return later

    def ready(self, name: str, value: T) -> Later[T]:
        """A part that is there already."""
        later = Later[T](name, self)
        later.settle(lambda: value)
        return later

    def at_end(self, farewell: Callable[[], None]) -> None:
        """Do this when the threads are gone: what one of them opened while the rest was being closed."""
        self._farewells.append(farewell)

    def close(self, cut: Callable[[], None] | None = None) -> None:
        """Let nobody wait any longer, ``cut`` the connections that threads hang on, and see the threads off."""
        self.stopped.set()
        if cut is not None:
            cut()
        until = time.monotonic() + _FAREWELL_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for farewell in self._farewells:
            farewell()
