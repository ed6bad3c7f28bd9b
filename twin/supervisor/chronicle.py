"""What happened to the services, in a container engine's words, for whoever asks what is new."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

#: Events kept; an engine keeps as many.
KEPT = 256


class Chronicle:
    """Events by number, from 1 on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._last = 0

    def add(self, container_id: str, action: str, **attributes: str) -> None:
        """Write down what just happened to a container."""
        with self._changed:
            self._last += 1
            now = datetime.now(UTC).isoformat()
            self._events.append(
                {"number": self._last, "id": container_id, "action": action, "attributes": attributes, "at": now}
            )
            self._changed.notify_all()

    def after(self, number: int | None, timeout_s: float) -> dict[str, Any]:
        """The events with higher numbers, as soon as there is one or the time is over; None: none yet, only where."""
        with self._changed:
            if number is not None:
                self._changed.wait_for(lambda: self._last > number, timeout_s)
            known = self._last if number is None else number
            return {"last": self._last, "events": [event for event in self._events if event["number"] > known]}
