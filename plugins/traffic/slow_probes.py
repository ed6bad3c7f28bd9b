"""The vantage points that are asked gently, one question at a time: in-container PING, backend, readiness."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from plugins.checkers.recovering import READINESS_EVERY_S
from plugins.facts import asking
from plugins.facts.readiness import Kind
from plugins.history import Operation, Result
from plugins.probe import Vantage, printable
from plugins.recovery import CARRIER
from plugins.traffic.carrier import Carrier
from plugins.traffic.pace import Rounds
from plugins.traffic.wire_probes import Said, unwitnessed

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from plugins.fault import Scene
    from plugins.history import History
    from plugins.probe import Answer
    from plugins.target.open import Target

#: Seconds from one in-container PING to the next: when all is calm, and from the injection to the recovery.
CALM_S, HOT_S = 0.5, 0.1
#: The same of the backend's own check and of readiness: the contract's rates.
BACKEND_S, READINESS_S = 1.0, READINESS_EVERY_S
#: Seconds that each may take. A redis-cli that waits for a hung Redis cannot be ended from outside.
EXEC_TIMEOUT_S, BACKEND_TIMEOUT_S, READINESS_TIMEOUT_S = 2.0, 5.0, 5.0
#: Seconds for which a backend that limits the rate is left alone where it does not say how long.
_QUIET_S = 1.0


class SlowProbe:
    """Asks one vantage point and records what was said."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a probe is made of
        self,
        vantage: Vantage,
        ask: Callable[[], Said],
        carrier: Carrier,
        history: History,
        every_s: Callable[[], float],
        entry: AbstractContextManager[object] | None = None,
    ) -> None:
        self.vantage = vantage
        self._ask_it = ask
        self._carrier = carrier
        self._history = history
        self._entry = entry or nullcontext()  # held while it asks, from before it is timed
        self.rounds = Rounds(str(vantage), self._ask, every_s=every_s)

    def _ask(self) -> None:
        with self._entry:
            start = time.monotonic()
            said = self._ask_it()
            end = time.monotonic()
        if said.result is Result.FAIL and not self._carrier.alive(start, end):
            said = unwitnessed(said)
        start, end = self._carrier.dated(start, end)
        self._history.add(Operation(self.vantage, start, end, said.result, printable(said.detail), said.code))


class Heat:
    """Whether things happen just now; then the in-container PING is asked more often."""

    def __init__(self) -> None:
        self.on = False

    def every_s(self) -> float:
        """Seconds from one question to the next."""
        return HOT_S if self.on else CALM_S


def exec_ping(  # noqa: PLR0913, PLR0917 - what a probe is made of, and who may go inside
    target: Target, scene: Scene, carrier: Carrier, history: History, heat: Heat, inside: threading.Lock
) -> SlowProbe:
    """PING by the client in Redis's container, while ``inside`` lets it in."""
    probe = replace(asking.exec_ping(target, scene.redis), timeout_s=EXEC_TIMEOUT_S, brief=True)
    return SlowProbe(Vantage.EXEC_PING, lambda: said(probe.ask()), carrier, history, heat.every_s, inside)


def backend(target: Target, scene: Scene, carrier: Carrier, history: History) -> SlowProbe | None:
    """The inventory's check in the backend's containers; None without one."""
    running = [one for one in scene.backends if one.running]
    if target.host.backend_service is None or not running:
        return None
    probe = replace(asking.backend(target, running), timeout_s=BACKEND_TIMEOUT_S)
    return SlowProbe(Vantage.BACKEND, lambda: said(probe.ask()), carrier, history, lambda: BACKEND_S)


def readiness(target: Target, carrier: Carrier, history: History) -> SlowProbe | None:
    """What the backend's readiness says of Redis; None where it has no address."""
    if target.host.readiness_url is None:
        return None
    asker = _Readiness(target)
    way = carrier if target.host.readiness_via == "host" else Carrier()
    return SlowProbe(Vantage.READINESS, asker.ask, way, history, asker.every_s)


class _Readiness:
    """Asks, and heeds a backend that limits the rate."""

    def __init__(self, target: Target) -> None:
        self._probe = asking.ReadinessProbe(target, timeout_s=READINESS_TIMEOUT_S)
        self._quiet_s = 0.0

    def ask(self) -> Said:
        """Well only where Redis is ``ok``; the code is what was said, or why nothing was."""
        heard = self._probe.read()
        limited = heard.kind is Kind.RATE_LIMITED
        self._quiet_s = (heard.retry_after_s or _QUIET_S) if limited else 0.0
        if heard.kind is Kind.OK:
            return Said(Result.OK, heard.describe(), str(heard.kind))
        blank = limited or heard.kind is Kind.NOT_ASKED
        return Said(Result.UNKNOWN if blank else Result.FAIL, heard.describe(), str(heard.kind))

    def every_s(self) -> float:
        """Seconds from one question to the next."""
        return max(READINESS_S, self._quiet_s)


def said(answer: Answer) -> Said:
    """A probe's answer as an operation's outcome; where it could not be asked, the carrier is to blame."""
    if answer.ok is None:
        return Said(Result.UNKNOWN, answer.detail, CARRIER)
    return Said(Result.OK if answer.ok else Result.FAIL, answer.detail, answer.code)
