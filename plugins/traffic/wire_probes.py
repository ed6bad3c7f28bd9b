"""PING and the write over the wire: each attempt once, without retries, ended by a deadline, and recorded."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from plugins.history import Operation, Result
from plugins.probe import TIMEOUT, Vantage, as_text, printable, read_pong
from plugins.recovery import CARRIER, PRESUMED
from plugins.target.model import CannotAsk, ForwardingRefused, TargetError, TimedOut
from plugins.traffic.connections import Connections
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.history import History
    from plugins.target.model import Command, Reply
    from plugins.target.redis import Login
    from plugins.target.roads import Roads
    from plugins.target.whereabouts import Place, Whereabouts
    from plugins.traffic.carrier import Carrier

#: Seconds from one attempt to the next.
EVERY_S = 0.02
#: Seconds that an attempt has beside its round trips: connecting through a tunnel, logging in, asking.
PATIENCE_S = 1.0
TRIPS = 3


@dataclass(frozen=True)
class Said:
    """What came of an attempt; see ``history.Operation``."""

    result: Result
    detail: str = ""
    code: str = ""


class Question(Protocol):
    """What one vantage point asks."""

    vantage: Vantage

    def number(self) -> int | None:
        """The number of the next attempt; None where attempts have none."""
        ...

    def commands(self, number: int | None) -> Sequence[Command]:
        """What is sent, as one trip."""
        ...

    def read(self, number: int | None, replies: Sequence[Reply]) -> Said:
        """What the replies mean."""
        ...

    def unanswered(self, error: Exception) -> Said:
        """What it means that it was sent, and no answer came."""
        ...


class Ping:
    """PING and nothing else: what is asked fifty times a second must cost nothing."""

    vantage = Vantage.PING

    def number(self) -> int | None:
        """See ``Question``."""
        return None

    def commands(self, number: int | None) -> Sequence[Command]:
        """See ``Question``."""
        del number
        return (("PING",),)

    def read(self, number: int | None, replies: Sequence[Reply]) -> Said:
        """See ``Question``."""
        del number
        answer = read_pong(self.vantage, as_text(replies[0]))
        result = {True: Result.OK, False: Result.FAIL, None: Result.UNKNOWN}[answer.ok]
        return Said(result, answer.detail, answer.code)

    def unanswered(self, error: Exception) -> Said:
        """See ``Question``."""
        return unasked(error)


class WireProbe:
    """Puts one question again and again; ``attempt`` may be under way many times at once."""

    def __init__(  # noqa: PLR0913 - what an attempt needs, all keyword-only
        self,
        question: Question,
        *,
        shell: Roads,
        login: Login,
        whereabouts: Whereabouts,
        carrier: Carrier,
        history: History,
    ) -> None:
        self._question = question
        self._whereabouts = whereabouts
        self._carrier = carrier
        self._history = history
        self._timeout_s = PATIENCE_S + TRIPS * carrier.round_trip_s
        # So many are under way at once where answers take their round trip, and one to spare.
        self._connections = Connections(shell, login, keep=2 + math.ceil(carrier.round_trip_s / EVERY_S))

    def attempt(self) -> None:
        """Ask once and record it. Raises nothing of the target's."""
        number = self._question.number()
        start = time.monotonic()
        said = self._ask(number, start)
        end = time.monotonic()
        if said.result is Result.FAIL and not self._carrier.alive(start, end):
            said = unwitnessed(said)
        start, end = self._carrier.dated(start, end)
        vantage, detail = self._question.vantage, printable(said.detail)
        self._history.add(Operation(vantage, start, end, said.result, detail, said.code, number))

    def moved(self, place: Place) -> None:
        """Redis is elsewhere: whoever hangs at its old address hangs no longer."""
        self._connections.leave(place.endpoint)

    def close(self) -> None:
        """Close the connections. Never raises."""
        self._connections.close()

    def _ask(self, number: int | None, start: float) -> Said:
        place = self._whereabouts.now()
        if place.endpoint is None:
            return Said(Result.FAIL, place.why, PRESUMED) if place.known else Said(Result.UNKNOWN, place.why, CARRIER)
        connection = self._connections.lend(place.endpoint)
        sent = False
        try:
            connection.connect(self._timeout_s)
            sent = True
            left_s = max(0.001, start + self._timeout_s - time.monotonic())
            replies = connection.ask(self._question.commands(number), left_s)
        except (TargetError, Unreachable, OSError) as error:
            self._connections.drop(connection)
            return self._question.unanswered(error) if sent else unasked(error)
        self._connections.give_back(connection)
        return self._question.read(number, replies)


def unwitnessed(said: Said) -> Said:
    """A failure during which the carrier was not alive."""
    return Said(Result.UNKNOWN, f"the connection to the host does not answer either ({said.detail})", CARRIER)


def unasked(error: Exception) -> Said:
    """What an error says about Redis, where nothing was written."""
    if isinstance(error, CannotAsk | ForwardingRefused | Unreachable):
        return Said(Result.UNKNOWN, str(error), CARRIER)
    return Said(Result.FAIL, str(error), TIMEOUT if isinstance(error, TimedOut) else "")
