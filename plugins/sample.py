"""Some of others' keys, drawn by chance before a fault, and looked for by their names after it.

A count of keys cannot tell those that were lost from those that came instead; a name can. The names stay in memory.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.checkers.keys import Sought
from plugins.saving.asking import ask
from plugins.saving.walk import milliseconds
from plugins.target.model import TargetError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plugins.target.model import Command, Container, Reply, Wire
    from plugins.target.open import Target

#: How often a key is drawn, in all databases together.
DRAWS = 500
#: Milliseconds left to live with which a key may be gone by the time it is looked for.
ABOUT_TO_GO_MS = 1000
#: Seconds for Redis to answer.
ANSWER_S = 5.0

DRAW: Command = ("RANDOMKEY",)
_ETERNAL = -1  # PTTL of a key that never expires; of one that is gone it is -2


@dataclass(frozen=True)
class Sample:
    """Keys by database, each with its expiry in milliseconds of Redis's clock, 0 for one that stays."""

    keys: Mapping[int, Mapping[bytes, int]]
    why_not: str = ""  # why none could be drawn


def draw(target: Target, redis: Container, databases: Collection[int], *, leave_out: bytes) -> Sample:
    """Draw keys of these databases, but for those that begin with ``leave_out``. Never raises ``TargetError``."""
    if not databases:
        return Sample({})
    times = max(1, DRAWS // len(databases))
    try:
        with closing(target.wire(redis)) as wire:
            return Sample({number: _drawn(wire, number, times, leave_out) for number in databases})
    except TargetError as error:
        return Sample({}, f"no keys could be drawn: {error}")


def _drawn(wire: Wire, number: int, times: int, leave_out: bytes) -> dict[bytes, int]:
    found = {key for key in ask(wire, number, [DRAW] * times, timeout_s=ANSWER_S) if isinstance(key, bytes)}
    keys = sorted(key for key in found if not (leave_out and key.startswith(leave_out)))
    commands: list[Command] = [("TIME",), *(("PTTL", key) for key in keys)]
    moment, *left = ask(wire, number, commands, timeout_s=ANSWER_S)
    return dict(_living(keys, left, milliseconds(moment)))


def _living(keys: list[bytes], left: list[Reply], now_ms: int) -> list[tuple[bytes, int]]:
    lives = [(key, ms) for key, ms in zip(keys, left, strict=True) if isinstance(ms, int) and ms >= _ETERNAL]
    return [(key, 0 if ms == _ETERNAL else now_ms + ms) for key, ms in lives]


def seek(target: Target, redis: Container, sample: Sample) -> Sought:
    """Look for the keys whose time is not over. Never raises ``TargetError``."""
    if sample.why_not:
        return Sought(why_not=sample.why_not)
    eternal = mortal = missing = 0
    try:
        with closing(target.wire(redis)) as wire:
            for number, keys in sample.keys.items():
                asked: list[Command] = [*(("EXISTS", key) for key in keys), ("TIME",)]
                *there, moment = ask(wire, number, asked, timeout_s=ANSWER_S)
                by_ms = milliseconds(moment) + ABOUT_TO_GO_MS
                due = [(at, found) for at, found in zip(keys.values(), there, strict=True) if not at or at > by_ms]
                eternal += sum(not at for at, _ in due)
                mortal += sum(at > 0 for at, _ in due)
                missing += sum(found == 0 for _, found in due)
    except TargetError as error:
        return Sought(why_not=f"the keys that were drawn before could not be looked for: {error}")
    return Sought(eternal, mortal, missing)
