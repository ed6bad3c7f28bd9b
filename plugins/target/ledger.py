"""What runs keep on the host: the lock, the undo that is owed, and the watcher that would carry it out.

Everything happens in the scripts of ``host_side``, which are sent along with every question.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from plugins import lock
from plugins.lock import BASE, CannotLock, Entry, Held, LeaseFired, NoLease, Owed
from plugins.target.model import CarrierFailed, TargetError, TimedOut
from plugins.target.roads import Deadline
from plugins.undo import one_line, script
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.target.roads import Road, Roads
    from plugins.undo import Undo

SCRIPTS = Path(__file__).parent / "host_side"
#: Scripts that undo need this one before them; all need ``common``.
HEALING = frozenset({"watch", "recover"})

#: Seconds for a script that only looks or notes; one may wait a moment for another of ours.
PROMPT_S = 20.0
#: Seconds for a watcher to undo what it was left with, and for a recovery.
UNDOING_S = 60.0
RECOVERY_S = 600.0

#: For so many seconds beyond its lease a runner may be silent, and still be told that the lease has run out.
BEATS_S = 3

#: What a wrapped command's exit code is where it was not begun.
NOT_BEGUN = 75


def text(name: str) -> str:
    """A script as it is sent to the host."""
    names = ("common", "heal", name) if name in HEALING else ("common", name)
    return "".join((SCRIPTS / f"{one}.sh").read_text(encoding="utf-8") for one in names)


def say(shell: Roads, name: str, *words: str, stdin: bytes = b"", timeout_s: float = PROMPT_S) -> str:
    """Run a script on the host; what it printed. Raises ``TargetError``."""
    done = shell.run(("sh", "-c", text(name), "runbook-suite", *words), stdin=stdin, timeout_s=timeout_s)
    if done.exit_code:
        raise TargetError(f"{name} on {shell.where} ended with {done.exit_code}: {done.errors.strip()}")
    return done.text


@dataclass(frozen=True)
class Came:
    """What came of a wrapped command: ``exit_code`` None where it has none, and then ``state`` says why."""

    state: str  # ended, running, never (it was not begun), killed (it ended, and nobody knows how)
    exit_code: int | None = None
    said: str = ""  # on its error output


class Cleared(StrEnum):
    """What became of an undo that was to be taken away."""

    CLEARED = "cleared"
    UNPROVEN = "unproven"  # it stays: what it undid is there again, or in another container
    FIRED = "fired"  # the lease is undoing as well, or has
    GONE = "gone"  # somebody has removed it, with all that the run keeps on the host
    UNTOLD = ""  # it stays: an intervention has been at work for too long


class Beats:
    """The channel through which a lease is renewed, one question at a time."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self._count = 0

    def renew(self, timeout_s: float) -> int:
        """One beat; how often the watcher has ticked. Raises ``LeaseFired``; ``TargetError`` where nobody answers."""
        self._count += 1
        deadline = Deadline(timeout_s, "the lease")
        answer = b""
        try:
            self._road.sock.settimeout(deadline.left())
            self._road.sock.sendall(b"%d\n" % self._count)
            while not answer.endswith(b"\n"):
                self._road.sock.settimeout(deadline.left())
                if not (piece := self._road.sock.recv(256)):
                    raise CarrierFailed(self._road.why() or "its channel has ended")
                answer += piece
        except TimeoutError:
            raise deadline.passed() from None
        except OSError as error:
            raise CarrierFailed(self._road.why() or error.strerror or str(error)) from error
        match answer.split():
            case [b"ok", tick]:
                return int(tick)
            case [b"fired"]:
                raise LeaseFired("the lease ran out: the host has undone what was owed, or is about to")
            case _:
                raise LeaseFired("the watcher on the host has ended, or its folder is gone: nothing would undo a fault")

    def close(self) -> None:
        """End the channel. Never raises."""
        self._road.close()


class Page:
    """One run's folder on the host, with its watcher."""

    def __init__(self, shell: Roads, folder: str) -> None:
        self._shell = shell
        self.folder = folder

    @property
    def keys(self) -> str:
        """A folder for the keys that a restore needs; emptied with the undo that needs them."""
        return f"{self.folder}/keys"

    def beats(self, lease_s: float) -> Beats:
        """Open the channel for renewals, which ends by itself some time after the lease. Raises ``TargetError``."""
        patience = str(math.ceil(lease_s) + BEATS_S)
        argv = ("sh", f"{self.folder}/beat.sh", self.folder, patience)
        return Beats(self._shell.stream(argv, timeout_s=lease_s))

    def write(self, undo: Undo, copy: Path | None = None) -> None:
        """Put the undo on the host's disk, and a copy into the run's own folder, before the fault.

        Raises ``LeaseFired``, ``Owed`` where an earlier one was not cleared, ``TargetError``, ``OSError``.
        """
        data = script(undo).encode(errors="surrogateescape")
        if copy is not None:
            try:
                _write_synced(copy, data)
            except OSError as error:
                raise TargetError(
                    f"nothing was injected, since no copy of the undo can be written to {copy}: {error.strerror};"
                    " make room there, or name another --report-dir"
                ) from error
        words = (self.folder, str(len(data)), one_line(undo.what))
        match say(self._shell, "write", *words, stdin=data, timeout_s=PROMPT_S + UNDOING_S).strip():
            case "written":
                return
            case "owed":
                raise Owed(f"the undo of this run's last fault was not cleared; {undo.what!r} was not begun")
            case "fired":
                raise LeaseFired(f"the lease ran out before {undo.what!r}")
            case "gone":
                raise LeaseFired(f"no watcher lives on {self._shell.where} that could undo {undo.what!r}")
            case other:
                raise TargetError(f"the undo could not be written on {self._shell.where}: {other}")

    def clear(self, *, proven: str | None = None) -> Cleared:
        """Take the undo away after the runner's own was carried out; ``proven``: only where its proof still says this.

        It waits for an intervention that is still at work. Raises ``TargetError``.
        """
        words = ("proven", proven) if proven is not None else ()
        return Cleared(say(self._shell, "clear", self.folder, *words, timeout_s=PROMPT_S + UNDOING_S).strip())

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command for carrying out an intervention whatever becomes of the connection.

        Output and exit code are the intervention's; where the lease has run out it is not begun (``NOT_BEGUN``). At
        most one at a time. It has no standard input.
        """
        return ("sh", f"{self.folder}/act.sh", self.folder, *argv)

    def came(self) -> Came:
        """What came of the last wrapped command, for a runner that lost sight of it. Raises ``TargetError``."""
        state, _, said = say(self._shell, "came", self.folder).partition("\n")
        if state.lstrip("-").isdecimal():
            begun = int(state) != NOT_BEGUN
            return Came("ended" if begun else "never", int(state) if begun else None, said.strip())
        return Came(state, said=said.strip())

    def disarm(self) -> str:
        """End the watcher, and wait until it is gone; what is owed it undoes first. Raises ``TargetError``.

        disarmed; fired: its lease had run out, or it had to undo; owed: it could not; busy: it still tries; gone: the
        run's folder is.
        """
        return say(self._shell, "disarm", self.folder, str(int(UNDOING_S)), timeout_s=2 * UNDOING_S + PROMPT_S).strip()


class Ledger:
    """The folder of one Compose project on its host, shared by all who run the suite against it."""

    def __init__(self, shell: Roads, engine_id: str, project: str, *, login: bytes = b"", base: str = BASE) -> None:
        self.shell = shell
        self._login = login  # AUTH in Redis's protocol; reaches the host by standard input only
        self._base = base
        self._name = lock.project_name(engine_id, project)

    @property
    def folder(self) -> str:
        """The project's folder on the host."""
        return f"{self._base}/{self._name}"

    def look(self) -> tuple[Entry, ...]:
        """What runs have left, living ones included. Raises ``CannotLock`` and ``TargetError``."""
        return lock.entries(say(self.shell, "look", self._base, self._name))

    def holder(self) -> str:
        """Who holds the lock, in words; empty where nobody does. For verify, which takes none."""
        by = lock.holder(self.look())
        return str(by) if by is not None else ""

    def owed(self) -> tuple[Entry, ...]:
        """What is owed, and no runner that lives is about to undo."""
        return lock.debts(self.look())

    def reports(self) -> tuple[Entry, ...]:
        """What leases did and no run has told yet."""
        return lock.told(self.look())

    def acknowledge(self, reports: Sequence[Entry]) -> None:
        """Note that these were told."""
        if reports:
            say(self.shell, "forget", self.folder, *(one.run for one in reports))

    def recover(self) -> tuple[str, ...]:
        """Run what this user's dead runs owe; what was done, a line each, from the host. Then look at ``owed``.

        What another user's owe is left alone: his scripts are not for us to run. Raises ``Held``, ``CannotLock`` and
        ``TargetError``.
        """
        before = {one.run: one for one in self.look()}
        said = say(self.shell, "recover", self.folder, stdin=self._login, timeout_s=RECOVERY_S)
        lines: list[str] = []
        for line in said.splitlines():
            match line.split(" ", 1):
                case ["held"]:
                    lock.refuse(self.look())
                    raise Held(f"another run began on {self.shell.where} just now")
                case ["undone" | "failed" as word, run]:
                    about = before[run].about if run in before else ""
                    lines.append(f"run {run}: {about or 'its fault'}: {'undone' if word == 'undone' else 'still owed'}")
                case ["log", words]:
                    lines.append(f"  {words}")
        return tuple(lines)

    def begin(self, second: Roads, run_id: str, holder: str, ticks: int) -> Page:
        """Take the lock and start the watcher, through a connection of its own, which is closed again.

        Raises ``Held``, ``Owed``, ``CannotLock``, ``NoLease``, and ``TargetError``.
        """
        lock.refuse(self.look())
        if not lock.NAME.fullmatch(run_id):
            raise ValueError(f"a run's name becomes a folder's: {run_id!r} must match {lock.NAME.pattern}")
        words = (self._base, self._name, run_id, str(ticks), one_line(holder), *map(text, ("watch", "act", "beat")))
        try:
            second.open()
            said = say(second, "begin", *words, stdin=self._login)
        except (Unreachable, CarrierFailed, TimedOut) as error:
            raise NoLease(
                f"no watcher can be started through a second connection to {second.where}: {error}"
            ) from error
        finally:
            second.close()
        return self._begun(said, f"{self.folder}/{run_id}")

    def _begun(self, said: str, folder: str) -> Page:
        match said.strip().partition(" "):
            case "armed", _, _:
                return Page(self.shell, folder)
            case "held" | "owed", _, _:
                lock.refuse(self.look())
                raise Held("another run began at the same moment")
            case "missing", _, tool:
                raise NoLease(f"{self.shell.where} has no {tool}, which a watcher needs")
            case "refused", _, why:
                raise CannotLock(f"no lock can be taken on {self.shell.where}: {why}")
            case _:
                raise NoLease(f"no watcher was started on {self.shell.where}; it said: {said.strip()!r}")


def _write_synced(path: Path, data: bytes) -> None:
    """Write a file that is only there when all of it is on the disk."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
