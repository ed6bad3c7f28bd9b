"""Where Redis is now: its address, or that its container does not run, as the engine tells.

The engine's events are heard as they happen, and the container is looked at afresh at each start: its address may
be another one then, and a connection to the old one would hang, or reach a stranger.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.target.events import EngineEvent, Observable
from plugins.target.model import ForwardingRefused, TargetError
from plugins.target.redis import addresses
from plugins.verdict import Unjudged, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.target.events import Feed
    from plugins.target.model import Container, Endpoint
    from plugins.target.open import Target

#: Seconds for an address to connect in, when the way to Redis is chosen.
TRIAL_S = 1.0
#: Seconds between two attempts to hear the engine's events again.
AGAIN_S = 0.5

#: After these events the container's state and address are looked at.
CHANGING = frozenset({"start", "unpause", "connect", "disconnect"})


class CannotSample(Unjudged):
    """Redis cannot be watched over the network from here; that says nothing about Redis."""


@dataclass(frozen=True)
class Place:
    """Where Redis is; ``endpoint`` None: not running, and ``why``. Not ``known``: the engine is not heard just now."""

    endpoint: Endpoint | None
    why: str = ""
    known: bool = True


class Whereabouts:
    """See the module. ``moved`` is called, in a thread of its own, whenever the place has changed."""

    def __init__(
        self, target: Target, redis: Container, *, moved: Callable[[Place], None] = lambda _place: None
    ) -> None:
        if not isinstance(target.stack, Observable):
            raise TypeError(f"{type(target.stack).__name__} cannot be watched")
        self._target = target
        self._stack: Observable = target.stack
        self._redis = redis
        self._moved = moved
        self._position = 0  # of the way that was chosen, among the ways that a container has
        self._place = Place(None, "not looked for yet", known=False)
        self._events: tuple[EngineEvent, ...] = ()
        self._gaps: tuple[str, ...] = ()
        self._feed: Feed | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="whereabouts")

    def now(self) -> Place:
        """The place as far as is known."""
        return self._place

    @property
    def events(self) -> tuple[EngineEvent, ...]:
        """What happened to the container since ``start``, in order."""
        return self._events

    @property
    def gaps(self) -> tuple[str, ...]:
        """When events may have been missed, and why; empty where none was."""
        return self._gaps

    def start(self) -> None:
        """Choose the way and begin to listen. Raises ``CannotSample``, ``TargetError`` and ``Unreachable``."""
        feed = self._hear()
        try:
            self._choose()
        except BaseException:
            feed.close()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Listen no more. Never raises."""
        self._stopped.set()
        if self._feed is not None:
            self._feed.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _hear(self) -> Feed:
        self._feed = feed = self._stack.events(self._redis)
        feed.open()
        return feed

    def _choose(self) -> None:
        """Connect to the container's addresses in turn; the first that connects is the way, also after a start."""
        redis = self._stack.again(self._redis)
        if redis is None or not redis.running:
            raise CannotSample(f"{self._redis.name} does not run, so there is nothing to watch")
        failures: list[TargetError] = []
        for position, there in enumerate(self._ways(redis)):
            try:
                self._target.shell.dial(there, timeout_s=TRIAL_S).close()
            except TargetError as error:
                failures.append(error)
            else:
                self._position = position
                self._settle(Place(there))
                return
        raise CannotSample(_no_way(redis, failures))

    def _ways(self, redis: Container) -> list[Endpoint]:
        routed = not self._target.shell.is_here or sys.platform == "linux"
        return addresses(redis, self._target.host.redis_port, routed=routed)

    def _settle(self, place: Place) -> None:
        before, self._place = self._place, place
        if place != before:
            self._moved(place)

    def _watch(self) -> None:
        """Listen, and listen again where it could not be heard any more, until stopped."""
        feed = self._feed
        while not self._stopped.is_set():
            try:
                if feed is None:
                    feed = self._hear()
                    self._look()
                for event in feed:
                    self._heard(event)
            except (TargetError, Unreachable) as error:
                self._lost(str(error))
            if feed is not None:
                feed.close()
            feed = None
            self._stopped.wait(AGAIN_S)

    def _heard(self, event: EngineEvent) -> None:
        self._events = (*self._events, event)
        if event.action in CHANGING:
            self._look()
        elif event.action == "die":
            self._settle(Place(None, _halted("exited", event.attributes.get("exitCode", "?"))))
        elif event.action == "pause":
            self._settle(Place(None, _halted("paused")))
        elif event.action == "destroy":
            self._settle(Place(None, "its container was removed"))

    def _look(self) -> None:
        """Ask where it is now. Raises ``TargetError`` and ``Unreachable``."""
        redis = self._stack.again(self._redis)
        if redis is None:
            self._settle(Place(None, "its container was removed"))
        elif not redis.running:
            self._settle(Place(None, _halted(redis.state, str(redis.exit_code))))
        elif ways := self._ways(redis):
            self._settle(Place(ways[min(self._position, len(ways) - 1)]))
        else:
            self._settle(Place(None, "its container is on no network"))

    def _lost(self, why: str) -> None:
        """Until the engine is heard again, the last address may do; that it does not run is not known any more."""
        if not self._stopped.is_set():
            if self._place.known:
                self._gaps = (*self._gaps, why)
            self._settle(Place(self._place.endpoint, f"the engine is not heard: {why}", known=False))


def _halted(state: str, exit_code: str = "") -> str:
    """That a container does not run, the same whether an event or a look told it."""
    return f"its container has ended (exit code {exit_code})" if state == "exited" else f"its container is {state}"


def _no_way(redis: Container, failures: list[TargetError]) -> str:
    """Why no address of a running container could be connected to, and what could be done."""
    if not failures:
        return f"{redis.name} has no address that could be connected to: it is on no network and publishes no port"
    words = "; ".join(dict.fromkeys(str(failure) for failure in failures))
    mend = (
        " Allow it for this user (AllowTcpForwarding local), for redis-cli in the container dies with it."
        if any(isinstance(failure, ForwardingRefused) for failure in failures)
        else ""
    )
    return f"Redis cannot be watched over the network: {words}.{mend}"
