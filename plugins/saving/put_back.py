"""Saved keys put back where they are absent, and every one of them looked at afterwards."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.saving.anew import written_anew
from plugins.saving.asking import ask, information
from plugins.saving.digest import same, vanishes
from plugins.saving.keep import EXACT_SINCE
from plugins.saving.outcome import Restored
from plugins.saving.room import TRIP_BYTES, room
from plugins.saving.walk import Entry, entries, milliseconds, read
from plugins.target.keyfile import replay
from plugins.target.model import TargetError
from plugins.target.redis import Login
from plugins.target.roads import Deadline
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from plugins.facts.info import Info
    from plugins.saving.outcome import Saved
    from plugins.target.model import Command, Completed, Container, Wire
    from plugins.target.open import Target

#: Milliseconds by which an expiry may be off where the server only tells the distance to it, in whole ones, twice.
_BLUR_MS = 10
#: Milliseconds left to live with which a key may be gone by the time it is looked at.
_ABOUT_TO_GO_MS = 1000
#: Of what the host's command said, so many characters are told.
_SAID = 500


def restore(target: Target, redis: Container, saved: Saved, *, deadline_s: float = 120.0) -> Restored:
    """Put saved keys back by the very command that the host would run by itself, and compare them with what was saved.

    Keys that are there before are others' business, and left alone. Lets the writers go. Raises ``TargetError`` where
    Redis or the host cannot be asked. Where ``redis`` is gone, they go into the one container that took its place.
    """
    saved.writers.close()
    now = _found(target, redis)
    wire = target.wire(now)
    try:
        return _PutBack(target, now, wire, saved, Deadline(deadline_s, "putting keys back")).run()
    finally:
        wire.close()


def _found(target: Target, redis: Container) -> Container:
    """The container as it is now: its address may be another since, and the old one another server's."""
    there = target.stack.containers(redis.service)
    if len(there) == 1:
        return there[0]
    raise TargetError(f"{redis.service!r} has {len(there)} containers now: is it being replaced?")


@dataclass
class _Count:
    """What the look at every key came to."""

    back: int = 0
    present: int = 0
    otherwise: int = 0
    expired: int = 0
    missing: int = 0
    altered: int = 0
    unclear: int = 0


class _PutBack:
    """One restoration."""

    def __init__(self, target: Target, redis: Container, wire: Wire, saved: Saved, deadline: Deadline) -> None:
        self._target = target
        self._redis = redis
        self._wire = wire
        self._saved = saved
        self._deadline = deadline

    def run(self) -> Restored:
        """See ``restore``."""
        begun = time.monotonic()
        before = information(self._wire, timeout_s=self._deadline.left())
        there = self._present()
        done = self._replayed(bytes(int(not one) for one in there))
        count = self._compared(there, before)
        after = information(self._wire, timeout_s=self._deadline.left())
        failed = f"the host's command ended with {done.exit_code}: {_told(done.text + done.errors)}"
        return Restored(
            saved=self._saved.keys,
            put_back=count.back,
            present_already=count.present,
            otherwise=count.otherwise,
            expired=count.expired,
            missing=count.missing,
            altered=count.altered,
            unclear=count.unclear,
            evicted=max(0, _growth(before, after, "evicted_keys") or 0),
            others_wrote=_others(before, after, self._saved.keys - count.present - count.expired),
            held=self._saved.held,
            took_s=time.monotonic() - begun,
            failed=failed if done.exit_code else "",
        )

    def _replayed(self, wanted: bytes) -> Completed:
        """Run the host's command. Where somebody removed the file that it needs, it gets another, of what is here."""
        shell, restore = self._target.shell, self._saved.restore
        login = Login(self._target.host, self._target.environ)
        done = replay(shell, restore, login, timeout_s=self._deadline.left())
        if done.exit_code and shell.run(("test", "-f", restore.file), timeout_s=self._deadline.left()).exit_code:
            with written_anew(shell, self._saved, wanted, self._deadline) as anew:
                done = replay(shell, anew, login, timeout_s=self._deadline.left())
        return done

    def _present(self) -> bytearray:
        """Which of the keys, in their order, are there before anything is put back: a 1 for each."""
        there = bytearray()
        for number, batch in self._saved.copy.batches(TRIP_BYTES):
            asked: list[Command] = [(b"EXISTS", entry.key) for entry in batch]
            replies = ask(self._wire, number, asked, timeout_s=self._deadline.left())
            there += bytes(int(reply == 1) for reply in replies)
        return there

    def _compared(self, there: bytearray, info: Info) -> _Count:
        """What became of each key."""
        space = room(info, self._redis.memory_limit, paused=False)
        exact = info.compatibility >= EXACT_SINCE
        count, at = _Count(present=sum(there)), 0
        for number, batch in self._saved.copy.batches(space.trip):
            ours = {entry.key for index, entry in enumerate(batch, at) if not there[index]}
            at += len(batch)
            fitting = [entry for entry in batch if space.fits(len(entry.payload))]
            count.unclear += len(ours) - sum(entry.key in ours for entry in fitting)
            if fitting:
                self._compare(number, fitting, ours, count, exact=exact)
        return count

    def _compare(
        self, number: int, batch: Sequence[Entry], ours: Collection[bytes], count: _Count, *, exact: bool
    ) -> None:
        """Look at these keys; ``ours`` were absent before."""
        keys = [entry.key for entry in batch]
        asked: list[Command] = [("TIME",), *read(keys, exact=exact)]
        moment, *replies = ask(self._wire, number, asked, timeout_s=self._deadline.left())
        now = {entry.key: entry for entry in entries(keys, replies, exact=exact)}
        clock_ms = milliseconds(moment)
        blur_ms = 0 if exact else _BLUR_MS
        for entry in batch:
            if entry.key in ours:
                _judge(entry, now.get(entry.key), clock_ms, count, blur_ms=blur_ms)
            else:
                count.otherwise += not _unchanged(entry, now.get(entry.key), clock_ms, blur_ms)


def _unchanged(saved: Entry, now: Entry | None, clock_ms: int, blur_ms: int) -> bool:
    """Whether a key that was there before is as it was saved, as far as can be told."""
    if now is None:  # others' doing, or its time's
        return True
    equal = same(saved.payload, now.payload, clock_ms + _ABOUT_TO_GO_MS)
    return equal is not False and abs(saved.expires_at - now.expires_at) <= blur_ms


def _judge(saved: Entry, now: Entry | None, clock_ms: int, count: _Count, *, blur_ms: int) -> None:
    """Count one key that was absent before."""
    by_ms = clock_ms + _ABOUT_TO_GO_MS
    if now is None:
        gone = 0 < saved.expires_at <= by_ms or vanishes(saved.payload, by_ms)
        count.expired += gone
        count.missing += not gone
        return
    equal = same(saved.payload, now.payload, by_ms)
    punctual = abs(saved.expires_at - now.expires_at) <= blur_ms
    if not punctual or equal is False:
        count.altered += 1
    elif equal is None:
        count.unclear += 1
    else:
        count.back += 1


def _growth(before: Info, after: Info, field: str) -> int | None:
    """By how much a counter grew; None where it cannot be told."""
    try:
        return after.number(field) - before.number(field)
    except (NotApplicable, Unjudged):
        return None


def _others(before: Info, after: Info, restored: int) -> int | None:
    """Others' writes between the two, by Redis's count of changes since the last snapshot; None: one came between."""
    same_server = before.get("run_id", "") == after.get("run_id", "")
    snapshots = _growth(before, after, "rdb_last_save_time") != 0 or "1" in {
        info.get("rdb_bgsave_in_progress", "1") for info in (before, after)
    }
    changes = _growth(before, after, "rdb_changes_since_last_save")
    if not same_server or snapshots or changes is None or changes < 0:
        return None
    return max(0, changes - restored)


def _told(said: str) -> str:
    """What the host's command said, its lines counted by their first words: the rest may name keys."""
    lines = Counter(line.partition(" ")[0] for line in said.splitlines() if line.strip())
    return ", ".join(f"{count} times {word}" for word, count in lines.most_common(5))[:_SAID] or "nothing"
