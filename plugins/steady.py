"""Waiting for the steady state: all vantage points well, and well for as long as was asked.

Probes are not load: one look a second at the most, one question a vantage point at a time, and a backend that
limits the rate of readiness questions is left alone for as long as it says.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.eventually import NotInTime, eventually
from plugins.facts import asking, container
from plugins.probe import CARRIER, Answer
from plugins.target.model import CarrierFailed, TargetError
from plugins.verdict import NotJudged, Unjudged

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from plugins.facts.container import Standing
    from plugins.facts.readiness import Readiness
    from plugins.target.open import Target

#: Seconds between two looks; the backend's own check may be asked once a second.
EVERY_S = 1.0
#: What a hold may need beyond its length: the time that its last look takes.
_LAST_LOOK_S = 15.0


@dataclass(frozen=True)
class Pulse:
    """One look at all vantage points; ``fallen`` says what does not even run."""

    answers: tuple[Answer, ...]
    fallen: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """All probes that can be asked are good, and one of them at least was.

        Who may not or cannot be asked on this host does not count; who only could not be reached this time does.
        """
        return not self.sick and any(one.ok for one in self.answers) and not self._unheard

    @property
    def sick(self) -> tuple[str, ...]:
        """What does not run, and who is unwell."""
        return (*self.fallen, *(f"{one.vantage}: {one.detail}" for one in self.answers if one.ok is False))

    @property
    def _unheard(self) -> tuple[str, ...]:
        return tuple(f"{one.vantage}: {one.detail}" for one in self.answers if one.ok is None and one.code == CARRIER)

    def describe(self) -> str:
        """Who is unwell or was not heard, or that all are well."""
        if self.well:
            return "all well"
        return "; ".join((*self.sick, *self._unheard)) or "nobody could be asked"


@dataclass(frozen=True)
class Steadiness:
    """What came of waiting. Times in seconds; ``held``: green lasted ``stable_for_s`` (or was seen, if that is 0)."""

    held: bool
    wait_s: float
    stable_for_s: float
    took_s: float
    looks: int
    said: str  # the last looks that differed
    judged: bool = True  # False: not held, though nobody was unwell in the look that ended it; somebody was not heard

    def describe(self) -> str:
        """How long it took, or what stood in the way."""
        if self.held:
            hold = f" and held {self.stable_for_s:g} s" if self.stable_for_s else ""
            return f"steady{hold} after {self.took_s:.1f} s ({self.looks} looks)"
        return f"not steady within {self.took_s:.1f} s ({self.looks} looks): {self.said}"


class _TooLate(Exception):
    """Green was lost, or never seen, at a time from which it cannot last long enough any more."""


def await_steady(
    look: Callable[[], Pulse],
    *,
    wait_s: float,
    stable_for_s: float,
    stopped: threading.Event,
    every_s: float = EVERY_S,
) -> Steadiness:
    """Look until all is well, ``wait_s`` from now at the latest, and stays so for ``stable_for_s`` seconds.

    Raises ``Unreachable`` as ``look`` does, and ``Unjudged`` when ``stopped`` was set.
    """
    start, looks, said, sick = time.monotonic(), 0, "", False

    def observe() -> Pulse:
        nonlocal looks, said, sick
        if stopped.is_set():
            raise Unjudged("the run ended while it waited for the steady state")
        pulse = look()
        looks, said = looks + 1, pulse.describe()
        if not pulse.well:
            sick = bool(pulse.sick)
            if time.monotonic() - start >= wait_s:
                raise _TooLate
        return pulse

    held = False
    try:
        eventually(
            observe,
            lambda pulse: pulse.well,
            what="the steady state",
            within_s=wait_s + stable_for_s + _LAST_LOOK_S,
            every_s=every_s,
            hold_s=stable_for_s,
            describe=Pulse.describe,
            pause=stopped.wait,
        )
        held = True
    except NotInTime as late:
        said = str(late)
    except _TooLate:
        pass
    return Steadiness(held, wait_s, stable_for_s, time.monotonic() - start, looks, said, judged=held or sick)


class Pulses:
    """Takes one pulse a call. ``first`` is given out first: a look that was taken anyway."""

    def __init__(self, target: Target, *, write: bool, first: Pulse | None = None) -> None:
        self._target = target
        self._write = write and target.host.canary
        self._first = first
        self._readiness: Readiness | None = None
        self._quiet_until = 0.0  # monotonic
        self.taken = 0

    def __call__(self) -> Pulse:
        """Look once, at all vantage points at the same time. Raises ``Unreachable`` when the engine is gone."""
        self.taken += 1
        if self.taken == 1 and self._first is not None:
            return self._first
        try:
            redis, backends = self._standings()
        except CarrierFailed as error:
            return Pulse((silence("the engine", str(error)),))
        with ThreadPoolExecutor(thread_name_prefix="steady") as pool:
            asked = [pool.submit(probe) for probe in self._probes(redis, backends)]
        heard = [one.result() for one in asked]
        return Pulse(tuple(one for one in heard if one is not None), fallen(redis, backends))

    def _standings(self) -> tuple[Standing, Standing | None]:
        host = self._target.host
        redis = self._stand(host.redis_service, container.stand_alone)
        return redis, self._stand(host.backend_service, container.stand_together) if host.backend_service else None

    def _stand(self, service: str, judge: Callable[..., Standing]) -> Standing:
        try:
            return judge(self._target.stack.containers(service), None)
        except CarrierFailed:
            raise
        except (TargetError, NotJudged) as error:  # missing or ambiguous
            return container.missing(str(error))

    def _probes(self, redis: Standing, backends: Standing | None) -> list[Callable[[], Answer | None]]:
        probes: list[Callable[[], Answer | None]] = [self._ask_readiness]
        if redis.runs:
            one = redis.containers[0]
            probes += [asking.exec_ping(self._target, one).ask, lambda: asking.ping_once(self._target, one)]
            if self._write:
                probes.append(lambda: asking.write(self._target, one))
        if backends is not None and backends.running:
            probes.append(asking.backend(self._target, backends.running).ask)
        return probes

    def _ask_readiness(self) -> Answer | None:
        host = self._target.host
        if host.readiness_url is None:
            return None
        if self._readiness is None or time.monotonic() >= self._quiet_until:
            self._readiness = asking.ReadinessProbe(self._target).read()
            self._quiet_until = time.monotonic() + (self._readiness.retry_after_s or 0.0)
        return self._readiness.answer(redis_optional=host.redis_optional)


class WhenFree:
    """A look that waits for its turn: as long as a run of chaos holds the host, nobody is asked."""

    def __init__(self, look: Callable[[], Pulse], holder: Callable[[], str]) -> None:
        self._look = look
        self._holder = holder
        self._free = False

    def __call__(self) -> Pulse:
        """Who holds the host, else the look; once free it stays so for this run, which takes no lock."""
        holder = "" if self._free else self._holder()
        self._free = not holder
        return self._look() if self._free else Pulse((silence("the host", holder),))


def silence(vantage: str, why: str) -> Answer:
    """The answer of whoever was not heard this time."""
    return Answer(ok=None, detail=why, took_s=0.0, vantage=vantage, code=CARRIER)


def fallen(redis: Standing, backends: Standing | None) -> tuple[str, ...]:
    """What does not run, and what the engine's own health checks do not find healthy."""
    standings = [one for one in (redis, backends) if one is not None]
    down = [one.detail for one in standings if not one.runs]
    running = [one for standing in standings for one in standing.running]
    return (*down, *(f"{one.name} is {one.health}" for one in running if one.health in {"starting", "unhealthy"}))
