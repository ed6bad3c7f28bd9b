"""The walk over the keys: every pattern's SCAN and the inspection of the last batch go out in the same trip."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from plugins.facts.patterns import Inspection, PatternSurvey
from plugins.facts.replies import refusal
from plugins.facts.units import shown, text_of
from plugins.target.model import ReplyError, TimedOut
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.inventory import Host, Pattern
    from plugins.target.model import Command, Reply, Wire
    from plugins.verdict import NotJudged

#: Buckets a SCAN looks at: about a millisecond of the server's time.
_COUNT = 2000
#: Keys of a pattern that are measured for the estimate where no ``max_bytes`` asks for all of them.
_MEASURED = 100
#: What a trip may take beyond the budget, in seconds, so that the last one is not cut off.
_GRACE_S = 1.0
_ETERNAL = -1  # PTTL of a key that never expires; of one that is gone it is -2


#: One key at random.
DRAW: Command = ("RANDOMKEY",)


def scan(cursor: bytes, glob: bytes) -> Command:
    """The next part of the keyspace, as far as it matches."""
    return ("SCAN", cursor, "MATCH", glob, "COUNT", _COUNT)


def about(pattern: Pattern, key: bytes, *, measured: bool) -> list[Command]:
    """What a pattern's declarations want to know of a key, and its bytes where it is ``measured``."""
    wanted: list[tuple[bool, Command]] = [
        (pattern.type is not None, ("TYPE", key)),
        (pattern.ttl or pattern.max_ttl_s is not None, ("PTTL", key)),
        (measured, ("MEMORY", "USAGE", key)),
    ]
    return [question for asked, question in wanted if asked]


def count(wanted: int) -> list[Command]:
    """How many keys there are, and so many of them."""
    return [("DBSIZE",), ("SCAN", b"0", "COUNT", wanted)]


def measure(key: bytes) -> list[Command]:
    """What is asked of a key of the sample."""
    return [("PTTL", key), ("MEMORY", "USAGE", key)]


class Walker(Protocol):
    """Whoever asks in trips: what it wants to know next, until it wants nothing more."""

    def questions(self) -> list[Command]:
        """The next trip's commands; none: it is done."""
        ...

    def take(self, replies: Sequence[Reply]) -> None:
        """The answers to the last ``questions``."""
        ...


class Sampled(NamedTuple):
    """Keys with what is known of them, how many there are in all, whether these are all, what was refused."""

    keys: tuple[Inspection, ...]
    population: int
    whole: bool
    refused: NotJudged | None


def walk(wire: Wire, host: Host) -> tuple[tuple[PatternSurvey, ...], Sampled, float]:
    """Ask until everything is known or the time is over. Raises ``TargetError`` when the connection fails."""
    start = time.monotonic()
    own = host.namespace.encode()
    lanes = [Lane(pattern, own) for pattern in host.patterns]
    sampler = Sampler(host.limits.sampled_keys, own)
    _ask_in_turns(wire, [*lanes, sampler], start + host.limits.survey_s)
    return tuple(lane.survey for lane in lanes), sampler.sampled(), time.monotonic() - start


def _ask_in_turns(wire: Wire, walkers: Sequence[Walker], deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:
        asked = [(walker, walker.questions()) for walker in walkers]
        commands = [command for _, questions in asked for command in questions]
        if not commands:
            return
        try:
            replies = wire.ask(commands, timeout_s=left + _GRACE_S)
        except TimedOut:
            return  # what is not whole says so
        for walker, questions in asked:
            walker.take(replies[: len(questions)])
            replies = replies[len(questions) :]


class Lane:
    """One pattern's way through the keyspace."""

    def __init__(self, pattern: Pattern, own: bytes) -> None:
        self.survey = PatternSurvey(pattern)
        self._own = own
        self._glob = pattern.glob.encode(errors="surrogateescape")
        self._cursor = b"0"
        self._seen: set[int] = set()  # SCAN may return a key twice; a hash each is a fifth of the keys' memory
        self._waiting: list[bytes] = []
        self._scanning = False
        self._asked: list[tuple[bytes, list[Command]]] = []

    def questions(self) -> list[Command]:
        """The next SCAN, and what the pattern declares of each key that the last one found."""
        going = self.survey.refused is None
        self._scanning = going and not self.survey.whole
        self._asked = [(key, self._about(key, index)) for index, key in enumerate(self._waiting)] if going else []
        self._waiting = []
        scanned = [scan(self._cursor, self._glob)] if self._scanning else []
        return [*scanned, *(question for _, questions in self._asked for question in questions)]

    def _about(self, key: bytes, index: int) -> list[Command]:
        pattern = self.survey.pattern
        measured = pattern.max_bytes is not None or self.survey.measured + index < _MEASURED
        return about(pattern, key, measured=measured)

    def take(self, replies: Sequence[Reply]) -> None:
        """A SCAN's keys to look at next, and the answers about the last ones."""
        inspected, refused = inspect_all(self._asked, replies[int(self._scanning) :])
        self.survey = self.survey.with_inspections(inspected)
        if self._scanning:
            refused = refused or self._found(replies[0])
        self.survey = replace(self.survey, refused=self.survey.refused or refused)

    def _found(self, reply: Reply) -> NotJudged | None:
        self._cursor, keys, refused = read_scan(reply)
        fresh = [key for key in dict.fromkeys(keys) if hash(key) not in self._seen and not key.startswith(self._own)]
        self._seen.update(map(hash, fresh))
        self._waiting = fresh
        whole = self._cursor == b"0" and refused is None
        self.survey = replace(self.survey, count=self.survey.count + len(fresh), whole=whole)
        return refused


class Sampler:
    """Keys drawn at random, or all of them where there are few."""

    def __init__(self, wanted: int, own: bytes) -> None:
        self._wanted = wanted
        self._own = own
        self._population = 0
        self._whole = False
        self._refused: NotJudged | None = None
        self._keys: list[bytes] = []
        self._asked: list[tuple[bytes, list[Command]]] = []
        self._inspected: tuple[Inspection, ...] = ()
        self._steps = [self._counted, self._drawn, self._looked]

    def questions(self) -> list[Command]:
        """The next step's commands; a step with nothing to ask is passed over."""
        while self._steps:
            if commands := self._step():
                return commands
            self._steps.pop(0)
        return []

    def _step(self) -> list[Command]:
        if self._refused is not None:
            return []
        if len(self._steps) == 3:  # noqa: PLR2004 - all of them: count
            return count(self._wanted)
        if len(self._steps) == 2:  # noqa: PLR2004 - draw, unless the first SCAN came round
            return [] if self._whole else [DRAW] * self._wanted
        self._asked = [(key, measure(key)) for key in self._keys]
        return [question for _, questions in self._asked for question in questions]

    def take(self, replies: Sequence[Reply]) -> None:
        """Go on to the next step with what came back."""
        if replies:
            self._steps.pop(0)(replies)

    def _counted(self, replies: Sequence[Reply]) -> None:
        population, scanned = replies
        cursor, keys, self._refused = read_scan(scanned)
        self._population = population if isinstance(population, int) else len(keys)
        self._whole = cursor == b"0" and self._refused is None
        self._keep(keys)

    def _drawn(self, replies: Sequence[Reply]) -> None:
        drawn = [reply for reply in replies if isinstance(reply, bytes)]
        if drawn:  # else RANDOMKEY is refused, and the first SCAN's keys must do
            self._keep(drawn)

    def _keep(self, keys: Sequence[bytes]) -> None:
        self._keys = [key for key in dict.fromkeys(keys) if not key.startswith(self._own)][: self._wanted]

    def _looked(self, replies: Sequence[Reply]) -> None:
        self._inspected, self._refused = inspect_all(self._asked, replies)

    def sampled(self) -> Sampled:
        """What is known so far."""
        unseen = Unjudged("the time (limits.survey_s) was over before a sample could be looked at")
        refused = self._refused or (unseen if self._steps else None)
        return Sampled(self._inspected, self._population, self._whole and refused is None, refused)


def inspect_all(
    asked: Sequence[tuple[bytes, Sequence[Command]]], replies: Sequence[Reply]
) -> tuple[tuple[Inspection, ...], NotJudged | None]:
    """What the replies to all questions say of each key, and why the first of the refused ones was refused."""
    inspected, refused, at = [], None, 0
    for key, questions in asked:
        answers = replies[at : at + len(questions)]
        at += len(questions)
        one, why = inspect(key, questions, answers)
        refused = refused or why
        inspected += [one] if one is not None else []
    return tuple(inspected), refused


def read_scan(reply: Reply) -> tuple[bytes, list[bytes], NotJudged | None]:
    """SCAN's next cursor and its keys, or why they cannot be had."""
    match reply:
        case [bytes(cursor), list(keys)]:
            return cursor, [key for key in keys if isinstance(key, bytes)], None
        case ReplyError():
            return b"0", [], refusal(("SCAN",), reply)
    return b"0", [], Unjudged(f"SCAN answered {shown(repr(reply))}, which is not its form")


def inspect(
    key: bytes, questions: Sequence[Command], answers: Sequence[Reply]
) -> tuple[Inspection | None, NotJudged | None]:
    """What the answers say of a key, or why it may not be looked at. Of a key that was gone by then: nothing."""
    kind, ttl_ms, size = None, None, None
    for question, answer in zip(questions, answers, strict=True):
        if isinstance(answer, bytes) and question[0] == "TYPE":
            kind = None if answer == b"none" else text_of(answer)
        elif isinstance(answer, int) and question[0] == "PTTL":
            ttl_ms = answer if answer >= _ETERNAL else None
        elif isinstance(answer, int) and question[0] == "MEMORY":
            size = answer
        elif isinstance(answer, ReplyError):
            about = refusal(question, answer)
            return None, type(about)(f"{about.reason}, for the key {shown(key)}")
    return Inspection(key, kind, ttl_ms, size), None
