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
from plugins.saving.lost import Lost, found, present
from plugins.saving.outcome import Restored
from plugins.saving.room import room
from plugins.saving.walk import Entry, entries, milliseconds, read
from plugins.target.keyfile import replay
from plugins.target.model import Completed
from plugins.target.redis import Login
from plugins.target.roads import Deadline
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from plugins.facts.info import Info
    from plugins.saving.outcome import Saved
    from plugins.target.model import Command, Container, Wire
    from plugins.target.open import Target

#: Milliseconds by which an expiry may be off where the server only tells the distance to it, in whole ones, twice.
_BLUR_MS = 10
#: Milliseconds left to live with which a key may be gone by the time it is looked at.
_ABOUT_TO_GO_MS = 1000
#: Of what the host's command said, so many characters are told.
_SAID = 500


def restore(
    target: Target, redis: Container, saved: Saved, lost: Lost | None = None, *, deadline_s: float = 120.0
) -> Restored:
    """Put saved keys back by the very command that the host would run by itself, and compare them with what was saved.

    Keys that are there before are others' business, and so are those that are absent and that the fault had not
    ``lost``, where that is known: they are left alone. Lets the writers go. Raises ``TargetError`` where Redis or the
    host cannot be asked. Where ``redis`` is gone, they go into the one container that took its place.
    """
    saved.writers.close()
    now = found(target, redis)
    wire = target.wire(now)
    try:
        deadline = Deadline(deadline_s, "putting keys back")
        return _PutBack(target, now, wire, saved, deadline).run(lost or Lost())
    finally:
        wire.close()


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
    taken: int = 0


class _PutBack:
    """One restoration."""

    def __init__(self, target: Target, redis: Container, wire: Wire, saved: Saved, deadline: Deadline) -> None:
        self._target = target
        self._redis = redis
        self._wire = wire
        self._saved = saved
        self._deadline = deadline

    def run(self, lost: Lost) -> Restored:
        """See ``restore``."""
        begun = time.monotonic()
        before = information(self._wire, timeout_s=self._deadline.left())
        there = present(self._wire, self._saved, self._deadline)
        taken = lost.of(before.get("run_id", ""), len(there))
        wanted = bytes(one & (1 - now) for one, now in zip(taken, there, strict=True))
        done = self._replayed(wanted, everything=all(taken))
        count = self._compared(wanted, before)
        count.present, count.taken = sum(there), len(there) - sum(there) - sum(wanted)
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
            taken=count.taken,
            evicted=max(0, _growth(before, after, "evicted_keys") or 0),
            others_wrote=_others(before, after, sum(wanted) - count.expired),
            held=self._saved.held,
            took_s=time.monotonic() - begun,
            failed=failed if done.exit_code else "",
        )

    def _replayed(self, wanted: bytes, *, everything: bool) -> Completed:
        """Run the host's command: with its own file where ``everything`` may come back, and else with one for these.

        It gets one, too, where somebody has removed its own.
        """
        shell, restore = self._target.shell, self._saved.restore
        login = Login(self._target.host, self._target.environ)
        if everything:
            done = replay(shell, restore, login, timeout_s=self._deadline.left())
            missing = ("test", "-f", restore.file)
            if not done.exit_code or not shell.run(missing, timeout_s=self._deadline.left()).exit_code:
                return done
        elif not (any(wanted) or restore.first or self._saved.libraries):
            return Completed(restore.argv, 0)
        with written_anew(shell, self._saved, wanted, self._deadline) as anew:
            return replay(shell, anew, login, timeout_s=self._deadline.left())

    def _compared(self, wanted: bytes, info: Info) -> _Count:
        """What became of each key."""
        space = room(info, self._redis.memory_limit, paused=False)
        exact = info.compatibility >= EXACT_SINCE
        count, at = _Count(), 0
        for number, batch in self._saved.copy.batches(space.trip):
            ours = {entry.key for index, entry in enumerate(batch, at) if wanted[index]}
            at += len(batch)
            fitting = [entry for entry in batch if space.fits(len(entry.payload))]
            count.unclear += len(ours) - sum(entry.key in ours for entry in fitting)
            if fitting:
                self._compare(number, fitting, ours, count, exact=exact)
        return count

    def _compare(
        self, number: int, batch: Sequence[Entry], ours: Collection[bytes], count: _Count, *, exact: bool
    ) -> None:
        """Look at these keys; ``ours`` were to be put back."""
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
    """Whether a key that was not put back is as it was saved, as far as can be told."""
    if now is None:  # others' doing, or its time's
        return True
    equal = same(saved.payload, now.payload, clock_ms + _ABOUT_TO_GO_MS)
    return equal is not False and abs(saved.expires_at - now.expires_at) <= blur_ms


def _judge(saved: Entry, now: Entry | None, clock_ms: int, count: _Count, *, blur_ms: int) -> None:
    """Count one key that was to be put back."""
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
