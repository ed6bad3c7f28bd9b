"""What became of the recording client's writes. Pure.

A write was acknowledged where SET said OK, refused where it got an error or never left, and unknown otherwise: it may
be there or not. Where it was acknowledged, when it was matters: see ``promise``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from plugins.checker import Finding, Verdict
from plugins.facts.units import plural, shown
from plugins.history import Operation, Result
from plugins.promise import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugins.promise import Promise
    from plugins.recovery import Moments
    from plugins.traffic.recorder import ReadBack, Written

_SHOWN = 5


@dataclass(frozen=True)
class Counted:
    """INFO stats at one moment: how many keys this server process has evicted and expired since its start."""

    run_id: str
    evicted: int
    expired: int


@dataclass(frozen=True)
class Recording:
    """The recording client's operations (vantage point ``write``), what it knows, and what was read back."""

    operations: Sequence[Operation]
    written: Written
    found: ReadBack


@dataclass(frozen=True)
class Tally:
    """How many writes came to what. ``lost``: numbers of acknowledged writes that are gone, but for what was flushed.

    ``broken``: those of them that had to survive; ``oldest_ms``: how long before the fault the oldest lost write was
    acknowledged, negative for one that came after it.
    """

    acknowledged: int
    unknown: int
    lost: tuple[int, ...]
    broken: tuple[int, ...]
    oldest_ms: float | None


def tally(recording: Recording, promise: Promise, moments: Moments) -> Tally:
    """Count what was written, and compare it with what was read back and what was promised."""
    writes = _acknowledged(recording)
    gone = {number: writes[number] for number in recording.found.lost(recording.written)}
    broken = tuple(number for number, write in gone.items() if promise.covers(write, moments))
    lost = broken if promise.kept is Kept.FLUSHED else tuple(gone)
    unsure = [one for one in recording.operations if one.result is Result.UNKNOWN and one.value not in writes]
    oldest = min((gone[number].end for number in lost), default=None)
    since = None if oldest is None else round((moments.injected - oldest) * 1000, 1)
    return Tally(len(writes), len(unsure), lost, broken, since)


def acknowledged_writes_survive(
    recording: Recording, promise: Promise, moments: Moments, counted: Sequence[Counted]
) -> Finding:
    """Every acknowledged write that the promise covers is there, with its value.

    ``counted`` are looks at the counters: before the first write, just before the fault, and after the last key was
    read back. Keys that vanished while the server evicted or expired some prove nothing; another value proves it.
    """
    name = acknowledged_writes_survive.__name__
    done = tally(recording, promise, moments)
    evidence: dict[str, str | float | None] = {
        "acknowledged": done.acknowledged,
        "lost": len(done.lost),
        "unknown": done.unknown,
        "promised_window_ms": promise.loss_window_ms(moments),
        "oldest_lost_ms": done.oldest_ms,
    }
    if not any(write.end <= moments.injected for write in _acknowledged(recording).values()):
        return Finding(name, Verdict.UNKNOWN, "no write was acknowledged before the fault", evidence)
    lost = f"{len(done.lost)} of {plural(done.acknowledged, 'acknowledged write')} lost"
    if not done.broken:
        return Finding(name, Verdict.VALID, f"{lost}; {promise.said}", evidence)
    said = f"{lost}, {len(done.broken)} of them had to survive (numbers {_some(done.broken)}); {promise.said}"
    if (why := grown(counted)) and not recording.found.altered.keys() & set(done.broken):
        return Finding(name, Verdict.UNKNOWN, f"{said}; but {why}", evidence)
    return Finding(name, Verdict.INVALID, said, evidence)


def grown(counted: Sequence[Counted]) -> str:
    """Whether the server evicted or expired keys between the looks, in words. A new process counts from 0.

    One look cannot tell, nor can none. A counter that went backwards was reset, and counts as it stands.
    """
    if not counted:
        return "nobody counted the evicted and expired keys"
    evicted = expired = 0
    for before, after in pairwise(counted):
        same = before.run_id == after.run_id
        evicted += _since(before.evicted if same else 0, after.evicted)
        expired += _since(before.expired if same else 0, after.expired)
    if not evicted and not expired:
        return "" if len(counted) > 1 else "the evicted and expired keys were counted only once"
    return f"{plural(evicted, 'key')} evicted and {plural(expired, 'key')} expired meanwhile"


def _since(before: int, after: int) -> int:
    return after - before if after >= before else after


def nothing_unwritten_appears(recording: Recording) -> Finding:
    """Only keys that the client wrote are in its namespace, with the values that it wrote; none that was refused."""
    name = nothing_unwritten_appears.__name__
    written, found = recording.written, recording.found
    if not written.attempted:
        return Finding(name, Verdict.UNKNOWN, "nothing was written")
    refused = {one.value for one in recording.operations if one.result is Result.FAIL} - written.acknowledged.keys()
    wrong = [
        *(f"{shown(key)} was never written" for key in found.strangers),
        *(f"write {number} holds {shown(value)} instead" for number, value in sorted(found.altered.items())),
        *(f"write {number} was refused and is there" for number in sorted(found.present & refused)),
    ]
    evidence = {"strangers": len(found.strangers), "altered": len(found.altered)}
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        return Finding(name, Verdict.INVALID, "; ".join(wrong[:_SHOWN]) + more, evidence)
    if found.unsearched:
        return Finding(name, Verdict.UNKNOWN, f"not all keys were seen: {found.unsearched}", evidence)
    return Finding(name, Verdict.VALID, f"{plural(len(found.present), 'key')}, each as it was written", evidence)


def _acknowledged(recording: Recording) -> dict[int, Operation]:
    """The acknowledged writes by number, each ending when SET's answer was there."""
    started = {one.value: one.start for one in recording.operations if one.value is not None}
    return {
        number: Operation("write", started.get(number, -inf), at, Result.OK, value=number)
        for number, at in sorted(recording.written.acknowledged.items())
    }


def _some(numbers: Iterable[int]) -> str:
    listed = list(map(str, numbers))
    return ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
