"""What carries the questions, watched: a dead or stalled tunnel must never be taken for a dead Redis.

A byte travels to the host and back ten times a second, over the same connection as the questions. A question that
came to nothing is only held against Redis where such bytes came back all the while, and one that was sent after it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from plugins.target.model import CarrierFailed, TargetError
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from plugins.target.roads import Road, Roads

#: Seconds between two bytes, and before a way that broke is tried again.
BEAT_S = 0.1
AGAIN_S = 0.5
#: Seconds without an answer, beside the round trip, that are no pause yet: half of what an attempt has.
PAUSE_S = 0.5
#: Answers that are remembered, for longer than any question takes.
KEPT = 200
#: Bytes that are sent before anything else, so that the round trip is known.
FIRST = 3
#: Sends back what it is sent.
ECHO = ("cat",)
#: Seconds for a byte to come back at first.
PATIENCE_S = 5.0


class Carrier:
    """The connection of a shell; ``None``, or a shell that is here: nothing carries, and nothing can fail."""

    def __init__(self, shell: Roads | None = None) -> None:
        self._shell = shell if shell is not None and not shell.is_here else None
        self._road: Road | None = None
        self._answered = threading.Condition()
        self._begun = float("-inf")  # when the last byte that came back was sent
        self._answers: deque[float] = deque(maxlen=KEPT)  # when bytes came back
        self._trip_s = float("inf")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="carrier")

    @property
    def round_trip_s(self) -> float:
        """The shortest round trip so far, in seconds; 0 where nothing carries."""
        return self._trip_s if self._shell is not None else 0.0

    def start(self) -> None:
        """Learn the round trip, and go on sending. Raises ``TargetError`` and ``Unreachable``."""
        if self._shell is None:
            return
        self._road = self._shell.stream(ECHO, timeout_s=PATIENCE_S)
        try:
            self._road.sock.settimeout(PATIENCE_S)
            for _ in range(FIRST):
                self._exchange(self._road.sock)
            self._road.sock.settimeout(None)  # whether an answer is late is for ``alive`` to say
        except OSError as error:
            self._road.close()
            raise CarrierFailed(f"no byte comes back from {self._shell.where}: {error}") from error
        self._thread.start()

    def stop(self) -> None:
        """Send no more. Never raises."""
        self._stopped.set()
        road = self._road
        if road is not None:
            with contextlib.suppress(OSError):
                road.sock.shutdown(socket.SHUT_RDWR)  # wakes who waits for a byte
        if self._thread.ident is not None:
            self._thread.join()
        if road is not None:
            road.close()

    def alive(self, start: float, end: float) -> bool:
        """Whether it was, without a pause, from ``start`` to ``end`` (monotonic seconds, the latter just passed).

        Waits a moment for a byte that is sent after the end: what Redis had said by then would be here before it.
        """
        if self._shell is None:
            return True
        pause_s = PAUSE_S + self.round_trip_s
        with self._answered:
            if not self._answered.wait_for(lambda: self._begun >= end, max(0.0, end + pause_s - time.monotonic())):
                return False
            answers = [at for at in self._answers if at >= start]
        return all(later - one <= pause_s for one, later in pairwise([start, *answers]))

    def dated(self, start: float, end: float) -> tuple[float, float]:
        """When an operation reached the host and when what it tells left it, by half the shortest round trip.

        What was known without asking (a connection that had ended before) is as old as half a round trip.
        """
        half_s = self.round_trip_s / 2
        return min(start + half_s, end - half_s), end - half_s

    def _exchange(self, sock: socket.socket) -> None:
        """Send a byte and await it. Raises ``OSError``."""
        begun = time.monotonic()
        sock.sendall(b".")
        if not sock.recv(1):
            raise ConnectionError("the other end has closed")
        with self._answered:
            self._begun = begun
            self._answers.append(time.monotonic())
            self._trip_s = min(self._trip_s, self._answers[-1] - begun)
            self._answered.notify_all()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_S):
            try:
                self._exchange(self._reopened().sock)
            except (OSError, TargetError, Unreachable):
                road, self._road = self._road, None
                if road is not None:
                    road.close()
                self._stopped.wait(AGAIN_S)

    def _reopened(self) -> Road:
        if self._road is None:
            if self._shell is None:
                raise CarrierFailed("nothing carries here")  # cannot happen: then nothing beats
            self._road = self._shell.stream(ECHO, timeout_s=PATIENCE_S)
            self._road.sock.settimeout(None)
        return self._road
