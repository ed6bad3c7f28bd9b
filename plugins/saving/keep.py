"""Keys saved on the host before a fault that may lose them, as commands that put them back where they are absent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plugins.facts.databases import Databases
from plugins.facts.replies import Replies
from plugins.facts.units import plural, size, span
from plugins.saving.asking import Refused, ask, information
from plugins.saving.copy import Copy
from plugins.saving.libraries import loading
from plugins.saving.outcome import CannotSave, Limits, Saved
from plugins.saving.room import Room, room
from plugins.saving.walk import Walk
from plugins.saving.writers import Writers
from plugins.target.cli_text import Unreadable
from plugins.target.keyfile import KeyFile, replaying
from plugins.target.model import TargetError
from plugins.target.resp import NotRedis, encode
from plugins.target.roads import Deadline
from plugins.undo import Restore
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.facts.info import Info
    from plugins.saving.walk import Entry
    from plugins.target.model import Command, Container, Reply, Wire
    from plugins.target.open import Target

#: How many trips go by before Redis is asked again how much memory is left.
LOOK_EVERY = 16
#: From this share of the deadline on, or of the stall, it is foretold whether the rest will do.
FORETELL_FROM = 0.1
#: Bytes of what Redis counts as its data that are none: buffers, statistics, scripts.
NO_DATA = 1 << 20
#: Of the time for which writers may be held back, saving may take this share: the file must still reach the host's
#: disk, the undo be written, and the fault begin.
SAVING_SHARE = 0.75
#: How Redis refuses a RESTORE of nothing onto a key that is there where keys may be restored. OOM: there is no room for
#: it as long as nothing is lost.
MAY_RESTORE = frozenset({"BUSYKEY", "OOM"})
#: And where the key has just gone.
BAD_DATA = "DUMP payload"
#: The longest value that a server takes, in bytes, unless it says otherwise.
LONGEST = 512 << 20
#: The oldest server that can tell the moment of an expiry.
EXACT_SINCE = (7,)


def save(  # noqa: PLR0913 - what a saving depends on
    target: Target,
    redis: Container,
    path: str,
    *,
    leave_out: bytes | tuple[bytes, ...],
    limits: Limits | None = None,
    functions: bool = False,
) -> Saved:
    """Save every key of every database, but for those that begin with (one of) ``leave_out``, in a file of the host's.

    ``functions``: the libraries of functions, too, where there are any. ``path`` is in a folder there that is there
    already and nobody else's. The writers are held back from the first key on, and let go as soon as it shows that all
    of it takes longer than ``limits.stall_s``; else they still are when it returns. ``Saved.gap`` says what became of
    them, ``Saved.close`` lets them go. Memory here and in Redis is bounded; Redis does not fork, and evicts nothing
    for it.

    Raises ``CannotSave``: then the file is gone, the writers are let go, and there must be no fault.
    """
    limits = limits or Limits()
    wire = target.wire(redis)
    writers = Writers(wire)
    copy = Copy()
    try:
        deadline = Deadline(limits.deadline_s, "saving the keys")
        return _Keeper(target, redis, wire, writers, copy, deadline, limits).keep(path, leave_out, functions=functions)
    except BaseException as error:
        writers.close()
        copy.close()
        if isinstance(error, TargetError | NotApplicable | Unjudged):
            raise CannotSave(f"the keys cannot be saved: {_words(error)}") from error
        raise


def _words(error: Exception) -> str:
    """An error's words, but where they quote what Redis answered: that may be a value."""
    if isinstance(error, Unreadable | NotRedis):
        return "what answers does not speak as Redis does"
    return str(error)


class _Keeper:
    """One saving."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a saving is made of, put together in one place
        self,
        target: Target,
        redis: Container,
        wire: Wire,
        writers: Writers,
        copy: Copy,
        deadline: Deadline,
        limits: Limits,
    ) -> None:
        self._target = target
        self._redis = redis
        self._wire = wire
        self._writers = writers
        self._copy = copy
        self._deadline = deadline
        self._limits = limits
        self._exact = True
        self._bytes = 0
        self._seen = 0
        self._total = 0
        self._data = 0
        self._passed = self._read = 0
        self._room = Room()
        self._longest = LONGEST
        self._libraries: tuple[Command, ...] = ()

    def keep(self, path: str, leave_out: bytes | tuple[bytes, ...], *, functions: bool) -> Saved:
        """See ``save``."""
        begun = time.monotonic()
        restore = Restore(replaying(self._target, self._redis), path)
        info = information(self._wire, timeout_s=self._deadline.left())
        self._exact = info.compatibility >= EXACT_SINCE
        counted = {number: one.keys for number, one in Databases(info, Replies({})).all.items()}
        self._total = sum(counted.values())
        self._data = info.number("used_memory_dataset") - NO_DATA
        self._longest = self._longest_taken()
        self._check(info, counted)
        if functions:
            self._libraries = tuple(loading(self._wire, info, timeout_s=self._deadline.left()))
        file = KeyFile(self._target.shell, path, self._deadline)
        try:
            if self._limits.stall_s > 0:
                self._writers.hold(self._limits.stall_s)
            self._look()
            saved: dict[int, int] = {}
            if self._libraries:
                file.write(encode(self._libraries))
            for number in counted:
                for batch in self._entries(number, leave_out):
                    self._write(file, number, batch, first=number not in saved)
                    saved[number] = saved.get(number, 0) + len(batch)
            file.finish()
        except BaseException:
            file.abandon()
            raise
        took_s = time.monotonic() - begun
        held = self._writers.held
        keys, writers, copy = sum(saved.values()), self._writers, self._copy
        return Saved(restore, keys, self._bytes, saved, held, took_s, writers, copy, self._libraries)

    def _longest_taken(self) -> int:
        """The longest value that this server takes back; it gives out longer ones."""
        match self._wire.ask([("CONFIG", "GET", "proto-max-bulk-len")], timeout_s=self._deadline.left()):
            case [[_, bytes(value)]] if value.isdigit():
                return int(value)
        return LONGEST

    def _check(self, info: Info, counted: dict[int, int]) -> None:
        """Whether keys could be put back at all. Raises ``Refused``."""
        if info.text("role") != "master":
            raise Refused("this Redis is a replica: no key could be put back into it")
        for number in counted:
            self._check_restore(number)

    def _check_restore(self, number: int) -> None:
        """Whether this user may put keys back: a RESTORE of nothing, onto a key that is there. It changes nothing."""
        (key,) = ask(self._wire, number, [("RANDOMKEY",)], timeout_s=self._deadline.left())
        if not isinstance(key, bytes):
            return
        command = ("RESTORE", key, 0, b"")
        try:
            ask(self._wire, number, [command], timeout_s=self._deadline.left(), atomically=True)
        except Refused as refused:
            if refused.code not in MAY_RESTORE and BAD_DATA not in str(refused):
                raise

    def _look(self) -> None:
        """Ask how much memory is left."""
        info = information(self._wire, timeout_s=self._deadline.left())
        self._room = room(info, self._redis.memory_limit, paused=self._writers.held)

    def _prepare(self, walk: Walk, trips: int) -> None:
        """Before a trip: let the writers go in time, see whether all will end in time, and whether the next key fits.

        Raises ``CannotSave``.
        """
        released = self._let_go_in_time()
        self._foretell()
        if released or trips % LOOK_EVERY == 0 or not self._room.fits(walk.largest):
            self._look()
        if not self._room.fits(walk.largest):
            raise CannotSave(f"the keys cannot be saved: {self._room.describe(walk.largest)}")

    def _let_go_in_time(self) -> bool:
        """Let the writers go where what is left of the stall will not do, by what the first keys took."""
        if not self._writers.held:
            return False
        used_s, allowed_s = self._writers.stalled_s, self._limits.stall_s * SAVING_SHARE
        needed_s = used_s / self._done if self._done else used_s
        if used_s < FORETELL_FROM * allowed_s or needed_s < allowed_s:
            return False
        self._writers.release(f"to save {plural(self._total, 'key')} would take about {span(needed_s)}")
        return True

    @property
    def _done(self) -> float:
        """Which share of the keys and of their memory was read so far."""
        return min(1.0, self._passed / max(1, self._total), self._read / max(1, self._data))

    def _foretell(self) -> None:
        allowed_s = self._limits.deadline_s
        used_s = allowed_s - self._deadline.left()
        if not self._seen or used_s < FORETELL_FROM * allowed_s:
            return
        needed_s = used_s * self._total / self._seen
        if needed_s > allowed_s:
            raise CannotSave(
                f"the keys cannot be saved in time: {plural(self._total, 'key')} would take about {span(needed_s)}, and"
                f" {span(allowed_s)} are allowed"
            )

    def _entries(self, number: int, leave_out: bytes | tuple[bytes, ...]) -> Iterator[list[Entry]]:
        """One database's keys, in batches. Raises ``CannotSave`` and ``TargetError``."""
        walk = Walk(leave_out, exact=self._exact)
        before, read, passed, kept, trips = self._seen, self._read, self._passed, 0, 0
        while not walk.done:
            trips += 1
            self._prepare(walk, trips)
            commands = walk.commands(self._room)
            batch = walk.take(self._ask(number, commands))
            kept += len(batch)
            self._seen, self._read = before + walk.seen, read + walk.read
            self._passed = passed + kept + walk.left_out
            if batch:
                yield batch

    def _ask(self, number: int, commands: list[Command]) -> list[Reply]:
        """Without a transaction, which costs as much again, where nobody could write in the middle of it."""
        if self._writers.held:
            replies = ask(self._wire, number, commands, timeout_s=self._deadline.left())
            if self._writers.held:
                return replies
        return ask(self._wire, number, commands, timeout_s=self._deadline.left(), atomically=True)

    def _write(self, file: KeyFile, number: int, batch: list[Entry], *, first: bool) -> None:
        """To the host, and to the copy. Raises ``CannotSave`` and ``TargetError``."""
        longest = max(len(entry.payload) for entry in batch)
        if longest > self._longest:
            raise CannotSave(
                f"the keys cannot be saved: Redis would not take back one of {size(longest)}, only up to"
                f" {size(self._longest)} (proto-max-bulk-len)"
            )
        select: list[Command] = [("SELECT", number)] if first else []
        data = encode([*select, *(entry.restoring() for entry in batch)])
        self._bytes += len(data)
        if self._bytes > self._limits.max_bytes:
            raise CannotSave(f"the keys cannot be saved: they take more than {size(self._limits.max_bytes)}")
        file.write(data)
        self._copy.add(number, batch)
