"""Whether promises are kept: by real servers that write, are stopped or killed, and start again."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.facts.drift import losses
from plugins.facts.server import COMMANDS, read
from plugins.facts.startup import parse_startup
from plugins.fault import Loss
from plugins.history import Operation, Result
from plugins.promise import Kept, Observed, Promise, observe, promised
from plugins.recovery import Moments
from plugins.target.model import TargetError
from tests_plugins.servers import Server, server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = server_programs()
STOP, KILL = Loss.UNSAVED_AT_STOP, Loss.UNSAVED_AT_KILL
NONE = ("--save", "")
EVERYSEC, ALWAYS, NO = ((*NONE, "--appendonly", "yes", "--appendfsync", how) for how in ("everysec", "always", "no"))
POINTS = ("--save", "3600", "1")


@dataclass
class Life:
    """One life of a server, in a folder that outlives it, and the writes that it acknowledged."""

    server: Server
    process: subprocess.Popen[bytes]
    writes: list[Operation]

    def write(self, count: int) -> None:
        """So many keys, each a sequence number."""
        for _ in range(count):
            number, start = len(self.writes), time.monotonic()
            assert self.server.ask("SET", f"k{number}", number) == b"OK"
            self.writes.append(Operation("write", start, time.monotonic(), Result.OK, value=number))

    def observe(self) -> Observed:
        """Its persistence, with what its own command line would change at the next start."""
        asked = time.monotonic()
        facts = read(self.server.wire.ask(COMMANDS))
        changed = losses(parse_startup(("redis-server", *self.server.argv[1:])), facts.config, facts.info.compatibility)
        return observe(facts, asked=asked, changed=changed)

    def end(self, loss: Loss) -> float:
        """Stop or kill it; when that began."""
        began = time.monotonic()
        (self.process.kill if loss is KILL else self.process.terminate)()
        self.process.wait(timeout=10)
        return began

    def second(self) -> int:
        """The server's clock, in whole seconds as INFO has them."""
        match self.server.ask("TIME"):
            case [bytes(seconds), _]:
                return int(seconds)
        raise AssertionError

    def kept(self) -> set[int]:
        """The numbers of the keys that are there."""
        keys = self.server.ask("KEYS", "k*")
        assert isinstance(keys, list)
        return {int(key[1:]) for key in keys if isinstance(key, bytes)}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a server keeps its files; a unix socket's path must be short."""
    path = Path(tempfile.mkdtemp(prefix="promise."))
    yield path
    shutil.rmtree(path)


@contextmanager
def alive(program: str, folder: Path, *flags: str) -> Iterator[Life]:
    """A server on the folder's files, ready to answer."""
    argv = (program, "--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder), *flags)
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server: list[Server] = []

    def answers() -> bool:
        try:
            server[:] = server or [Server(folder / "s", argv)]
            return server[0].ask("PING") == b"PONG"
        except (OSError, TargetError):
            server.clear()
            return False

    try:
        eventually(answers, bool, what="the server answers", within_s=10)
        yield Life(server[0], process, [])
    finally:
        process.kill()
        process.wait()
        for one in server:
            one.wire.close()


def outlived(program: str, folder: Path, flags: tuple[str, ...], loss: Loss, *, for_s: float = 0.0) -> Promise:
    """Write, end the server, start it again: what the promise covers is there. The promise, for more questions."""
    with alive(program, folder, *flags) as life:
        started = time.monotonic()
        life.write(50)
        while time.monotonic() - started < for_s:
            life.write(1)
        promise = promised(life.observe(), loss)
        life.write(50)
        began = life.end(loss)
    with alive(program, folder, *flags) as again:
        moments = Moments(began, time.monotonic())
        due = {one.value for one in life.writes if promise.covers(one, moments)}
        assert due <= again.kept()
        assert (promise.kept is Kept.NONE) == (not due)
    return promise


@pytest.mark.parametrize(
    ("flags", "loss", "kept"),
    [
        (ALWAYS, STOP, Kept.ALL),
        (ALWAYS, KILL, Kept.ALL),
        (EVERYSEC, STOP, Kept.ALL),
        (NO, STOP, Kept.ALL),
        (NO, KILL, Kept.NONE),
        (POINTS, STOP, Kept.ALL),
        (NONE, STOP, Kept.NONE),
        (NONE, KILL, Kept.NONE),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else str(part),
)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_promised_is_there(program: str, flags: tuple[str, ...], loss: Loss, kept: Kept, folder: Path) -> None:
    """Real servers, ended and started again, hold what their settings promise."""
    assert outlived(PROGRAMS[program], folder, flags, loss).kept is kept


@pytest.mark.parametrize("program", PROGRAMS)
def test_everysec_keeps_what_is_older_than_its_window(program: str, folder: Path) -> None:
    """What was acknowledged more than 2 s before the kill is there."""
    assert outlived(PROGRAMS[program], folder, EVERYSEC, KILL, for_s=2.2).window_ms == 2000


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_kill_keeps_what_the_last_snapshot_holds(program: str, folder: Path) -> None:
    """What was acknowledged before it began, to the second of the server's clock, and no more is promised."""
    with alive(PROGRAMS[program], folder, *POINTS) as life:
        life.write(20)
        second = life.second()
        # The server's clock has whole seconds, and on a busy machine it takes a part of one to compare it with ours.
        eventually(life.second, lambda now: now > second + 2, what="a later second", within_s=5)
        life.server.ask("SAVE")
        promise = promised(life.observe(), KILL)
        life.write(20)
        moments = Moments(life.end(KILL), time.monotonic())
    assert promise.kept is Kept.SAVED
    due = {one.value for one in life.writes if promise.covers(one, moments)}
    assert due == set(range(20))
    with alive(PROGRAMS[program], folder, *POINTS) as again:
        assert due <= again.kept()


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("loss", [STOP, KILL])
def test_an_append_only_file_that_the_next_start_does_not_read_promises_nothing(
    program: str, loss: Loss, folder: Path
) -> None:
    """CONFIG SET appendonly yes is lost at the restart, and all keys with it."""
    with alive(PROGRAMS[program], folder, *NONE) as life:
        for name, value in (("appendfsync", "always"), ("appendonly", "yes")):
            assert life.server.ask("CONFIG", "SET", name, value) == b"OK"
        life.write(20)
        eventually(lambda: life.observe().append_trouble, lambda trouble: not trouble, what="rewritten", within_s=10)
        promise = promised(life.observe(), loss)
        life.end(loss)
    assert promise.kept is Kept.NONE
    assert "does not read the append-only file" in promise.said
    with alive(PROGRAMS[program], folder, *NONE) as again:
        assert again.kept() == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_was_written_after_the_fault_must_be_there_in_any_case(program: str, folder: Path) -> None:
    """Nothing has ended the new process, so nothing of its own may be missing."""
    with alive(PROGRAMS[program], folder, *NONE) as life:
        promise, returned = promised(life.observe(), KILL), time.monotonic()
        life.write(5)
        assert all(promise.covers(one, Moments(returned - 1, returned)) for one in life.writes)
        assert life.kept() == set(range(5))
