"""What is asked of Redis, its backend and its readiness while a fault is played: probes and the recording client.

Every vantage point has threads and connections of its own, so that none waits for another. Operations through SSH are
dated as of the host: when the question reached it and when the answer left it, by half the shortest round trip.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Self

from plugins import guard
from plugins.target.model import TargetError
from plugins.target.redis import Login
from plugins.target.whereabouts import CannotSample, Whereabouts
from plugins.traffic import slow_probes
from plugins.traffic.carrier import Carrier
from plugins.traffic.pace import Pacer
from plugins.traffic.recorder import ReadBack, Recorder, Written
from plugins.traffic.wire_probes import EVERY_S, Ping, WireProbe
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from plugins.fault import Scene
    from plugins.history import History
    from plugins.inventory import Host
    from plugins.target.model import Wire
    from plugins.target.open import Target
    from plugins.target.whereabouts import Place
    from plugins.traffic.slow_probes import SlowProbe
    from plugins.traffic.wire_probes import Question

__all__ = ["CannotSample", "ReadBack", "Traffic", "Written", "may_write"]


def may_write(host: Host) -> bool:
    """Whether the recording client may write there: where the guard lets the suite write, and it is no replica."""
    return guard.may_write(host) and host.role != "replica"


class Traffic:
    """Asks from ``start`` to ``stop``; as a context manager, from one end to the other.

    ``run_id`` names the recording client's keys, and must be another one for each experiment.
    """

    def __init__(self, target: Target, scene: Scene, history: History, *, run_id: str) -> None:
        self._target = target
        self._scene = scene
        self._history = history
        self._recorder = Recorder(target.host.namespace, run_id) if may_write(target.host) else None
        self._left = self._recorder is not None  # whether its keys may still be there
        self._carrier = Carrier(target.shell)
        self._heat = slow_probes.Heat()
        self._inside = threading.Lock()  # held by the one command in Redis's container, or by who wants none there
        self._wire: list[WireProbe] = []
        self._pacers: list[Pacer] = []
        exec_ping = slow_probes.exec_ping(target, scene, self._carrier, history, self._heat, self._inside)
        backend = slow_probes.backend(target, scene, self._carrier, history)
        readiness = slow_probes.readiness(target, self._carrier, history)
        self._exec_ping = exec_ping
        self._slow: list[SlowProbe] = [one for one in (exec_ping, backend, readiness) if one is not None]
        self.whereabouts = Whereabouts(target, scene.redis, moved=self._moved)

    @property
    def vantages(self) -> tuple[str, ...]:
        """The vantage points that are asked here."""
        wire = [str(one.vantage) for one in self._questions()]
        slow = [str(one.vantage) for one in self._slow]
        return (*slow[:1], *wire, *slow[1:])

    @property
    def written(self) -> Written:
        """What the recording client knows of its writes so far; nothing where it may not write."""
        return self._recorder.written if self._recorder is not None else Written(0, {})

    def start(self) -> None:
        """Begin everywhere. Raises ``CannotSample``, ``TargetError`` and ``Unreachable``; then nothing has begun."""
        try:
            self._carrier.start()
            self.whereabouts.start()
        except BaseException:
            self.stop()
            raise
        for question in self._questions():
            probe = self._wire_probe(question)
            self._wire.append(probe)
            self._pacers.append(Pacer(str(question.vantage), probe.attempt, every_s=EVERY_S))
        for pacer in self._pacers:
            pacer.start()
        for slow in self._slow:
            slow.rounds.start()

    def stop(self) -> None:
        """Ask no more, and wait for what is under way, which has deadlines. Never raises."""
        for slow in self._slow:
            slow.rounds.end()
        for pacer in self._pacers:
            pacer.stop()
        for slow in self._slow:
            slow.rounds.stop()
        self.whereabouts.stop()
        self._carrier.stop()
        for probe in self._wire:
            probe.close()

    def hot(self, *, on: bool) -> None:
        """Whether to look closely: from the injection to the recovery."""
        self._heat.on = on
        self._exec_ping.rounds.hurry()

    @contextlib.contextmanager
    def nobody_inside(self) -> Iterator[None]:
        """Run no command in Redis's container for as long as the block lasts, and wait for the one under way.

        A command that is being started when its container is frozen never starts and never ends, and with it Docker
        20.10 hangs for whatever is asked of that container, its unpausing included, until root thaws it.
        """
        with self._inside:
            yield

    def read_back(self) -> ReadBack | None:
        """What is there of the recording client's writes; None where there is none. Raises ``TargetError``."""
        if self._recorder is None:
            return None
        with self._fresh_wire() as wire:
            return self._recorder.read_back(wire)

    def cleanup(self, found: ReadBack | None = None) -> None:
        """Take away the recording client's keys, and the strangers that were found. Raises ``TargetError``."""
        if self._recorder is None:
            return
        with self._fresh_wire() as wire:
            self._recorder.cleanup(wire, found.strangers if found is not None else ())
        self._left = False

    def leave_nothing(self) -> None:
        """After an experiment that was cut short: ``cleanup``, unless it was done, where Redis can be asked.

        Never raises: the keys expire by themselves.
        """
        if self._left:
            with contextlib.suppress(TargetError, Unreachable):
                self.cleanup()

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self.stop()

    def _questions(self) -> list[Question]:
        return [Ping(), *([self._recorder] if self._recorder is not None else [])]

    def _wire_probe(self, question: Question) -> WireProbe:
        return WireProbe(
            question,
            shell=self._target.shell,
            login=Login(self._target.host, self._target.environ),
            whereabouts=self.whereabouts,
            carrier=self._carrier,
            history=self._history,
        )

    def _moved(self, place: Place) -> None:
        for probe in self._wire:
            probe.moved(place)

    @contextlib.contextmanager
    def _fresh_wire(self) -> Iterator[Wire]:
        """A connection to Redis where it is now."""
        for redis in self._target.stack.containers(self._scene.redis.service):
            if redis.id == self._scene.redis.id:
                wire = self._target.wire(redis)
                try:
                    yield wire
                finally:
                    wire.close()
                return
        raise TargetError(f"the container {self._scene.redis.name} is not there any more")
