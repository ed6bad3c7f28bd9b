"""The engine's events of one container: one stream, opened once and read as it comes.

The engine remembers only its last 256 events, a minute's worth where health checks run: asking afterwards is too late.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plugins.target import engine_paths as paths
from plugins.target.engine_stream import RoadClosed
from plugins.target.events import EngineEvent
from plugins.target.roads import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.engine_road import EngineRoad
    from plugins.target.roads import Road

#: Seconds for the engine to begin.
BEGIN_S = 10.0
#: What is kept of an event's attributes; the rest are the container's labels.
KEPT = ("signal", "exitCode")


class EngineEvents:
    """See ``events.Feed``."""

    def __init__(self, engine: EngineRoad, container_id: str) -> None:
        self._engine = engine
        self._container_id = container_id
        self._response: http.client.HTTPResponse | None = None
        self._road: Road | None = None
        self._closed = False
        self._heard = False

    def open(self) -> None:
        """See ``events.Feed``."""
        deadline = Deadline(BEGIN_S, "the engine's events")
        self._response, self._road = self._engine.api().follow(paths.EVENTS, deadline, **paths.OF_LIFE)
        self._road.sock.settimeout(None)  # days may pass without one; a dead carrier ends the connection
        if self._closed:
            self.close()

    def __iter__(self) -> Iterator[EngineEvent]:
        """See ``events.Feed``."""
        if self._response is None or self._road is None:
            raise RoadClosed("the engine's events were not opened")
        self._heard = True
        try:
            while line := self._response.readline():
                said = json.loads(line)
                if self._container_id in {said["Actor"]["ID"], said["Actor"]["Attributes"].get("container")}:
                    yield event(said, time.monotonic())
            why = "the engine ended them"
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
            why = repr(error)
        finally:
            words = "" if self._closed else self._road.why()
            self._give_back()
        if not self._closed:
            raise RoadClosed(f"the engine's events cannot be heard any more: {words or why}")

    def close(self) -> None:
        """See ``events.Feed``: whoever waits for the next event is woken."""
        self._closed = True
        if self._road is not None:
            with contextlib.suppress(OSError):
                self._road.sock.shutdown(socket.SHUT_RDWR)
            if not self._heard:  # else who listens gives it back
                self._give_back()

    def _give_back(self) -> None:
        for part in (self._response, self._road):  # the socket is closed when both are
            if part is not None:
                part.close()


def event(said: dict[str, Any], received: float) -> EngineEvent:
    """One of the engine's lines. Raises ``KeyError`` or ``TypeError`` for what is none."""
    attributes = said["Actor"]["Attributes"]
    at = datetime.fromtimestamp(said["timeNano"] / 1e9, UTC)
    return EngineEvent(said["Action"], at, received, {name: attributes[name] for name in KEPT if name in attributes})
