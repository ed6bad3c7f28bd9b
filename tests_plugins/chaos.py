"""Chaos for tests: played in a process of its own, as a pipeline plays it, and read from its ``run.json``."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.eventually import eventually
from plugins.inventory import Chaos, Windows
from twin import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from twin.handle import Twin

ROOT = Path(__file__).resolve().parents[1]
#: A run that takes longer (seconds) hangs.
PATIENCE_S = 120.0
#: Where a test is not about the hold.
BRIEF = Windows(hold_s=0.5)


@dataclass(frozen=True)
class Played:
    """What one run came to."""

    exit_code: int
    output: str
    folder: Path  # its report folder; what is said here is false where it left none
    document: Mapping[str, Any] = field(repr=False)

    @property
    def experiments(self) -> Mapping[str, Mapping[str, Any]]:
        """The experiments by fault."""
        return {one["fault"]: one for one in self.document["experiments"]}

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Each fault's outcome."""
        return {fault: one["outcome"] for fault, one in self.experiments.items()}

    def findings(self, fault: str) -> Mapping[str, str]:
        """Each checker's verdict on a fault."""
        return {one["checker"]: one["verdict"] for one in self.experiments[fault]["findings"]}


def environ_for(twin: Twin, folder: Path, *, windows: Windows = BRIEF, **chaos: object) -> dict[str, str]:
    """What a run needs to know to be played on this twin; ``chaos``: keys of its table that differ from the twin's."""
    changed = dataclasses.replace(twin.host.chaos, **chaos)  # type: ignore[arg-type]  # names of its own fields
    host = dataclasses.replace(twin.host, windows=windows, chaos=changed)
    file = folder / "twin.json"
    standing.save(dataclasses.replace(twin, host=host), file)
    return {**os.environ, **twin.environ, standing.VARIABLE: str(file)}


def every_fault() -> tuple[str, ...]:
    """All families, those too that the inventory leaves out where nobody asks for them."""
    return (*Chaos().faults, "crash", "pause")


@dataclass
class Playing:
    """A run that is under way."""

    process: subprocess.Popen[str]
    reports: Path
    _said: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """What it has said so far."""
        return "".join(self._said)

    def await_said(self, words: str, *, within_s: float = 30.0) -> None:
        """Return once it has said these words. Raises ``NotInTime`` with what it said instead."""
        eventually(
            lambda: self.output,
            lambda output: words in output or self.process.poll() is not None,
            what=f"the run says {words!r}",
            within_s=within_s,
            every_s=0.005,
        )
        assert words in self.output, self.output

    def send(self, number: signal.Signals) -> None:
        """A signal to the runner itself, as a pipeline sends it."""
        self.process.send_signal(number)

    def listen(self) -> None:
        """Take in what it says, until it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.append(line)

    def end(self) -> Played:
        """Wait for its end. Raises ``TimeoutExpired``."""
        self.process.wait(PATIENCE_S)
        folder = self.reports / "latest"
        try:
            document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            document = {}
        return Played(self.process.returncode, self.output, folder, document)


@contextmanager
def playing(*arguments: str, reports: Path, environ: Mapping[str, str], host: str = "twin") -> Iterator[Playing]:
    """``pytest -m chaos`` with these arguments, for a ``with`` block, at whose end it is over."""
    argv = [sys.executable, "-m", "pytest", "-m", "chaos", "--host", host]
    with subprocess.Popen(
        [*argv, "--report-dir", str(reports), *arguments],
        cwd=ROOT,
        # Neither this pytest's own variables nor a Compose project of somebody else's may steer it.
        env={name: value for name, value in environ.items() if not name.startswith(("PYTEST_", "COMPOSE_"))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        start_new_session=True,  # a group of its own, as under a terminal
    ) as process:
        run = Playing(process, reports)
        listener = threading.Thread(target=run.listen)
        listener.start()
        try:
            yield run
            process.wait(PATIENCE_S)
        finally:
            process.send_signal(signal.SIGCONT)  # should somebody have stopped it
            process.kill()
            listener.join()


def play(*arguments: str, reports: Path, environ: Mapping[str, str], host: str = "twin") -> Played:
    """Play it to its end."""
    with playing(*arguments, reports=reports, environ=environ, host=host) as run:
        run.process.wait(PATIENCE_S)
    return run.end()


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Somebody who acts on the host in a thread until the block ends, or ``act`` returns; what he raises is raised."""
    over = threading.Event()
    raised: list[Exception] = []

    def run() -> None:
        try:
            act(over)
        except Exception as error:  # noqa: BLE001 - raised again below, in the test's own thread
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    for error in raised:
        raise error


def select(*faults: str) -> Sequence[str]:
    """Arguments that select the experiments of these faults, and no others."""
    return ("-k", " or ".join(f"[{fault}]" for fault in faults))
