"""One runner that comes to its end: played up to a moment, ended there, and what became of its host."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never, get_args

from plugins.eventually import NotInTime, eventually
from plugins.journal import NAME, read
from plugins.verdict import Exit
from tests_plugins.chaos import play, playing, select
from tests_plugins.leases import stat
from tests_plugins.staging.janitor import descendants
from twin.resp import ErrorReply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.kills_ground import Before, Ground
    from tests_plugins.chaos import Playing

LEASE_S = 3
#: In which everything must be as before, from the runner's last sign of life: the product's promise.
HEALED_S = LEASE_S + 5.0
#: Seconds that somebody looks on, to see how late it is where it is too late.
PATIENCE_S = 60.0
#: Before the first experiment: the host is reached, its lock taken, its steady state seen.
START = "start"

#: How a runner says that its lease ran out.
RAN_OUT = re.compile(r"the lease (ran out|cannot be renewed|could not be given back)")

#: How a runner ends. It may undo by itself after the second and third; after the last three it still lives.
Ending = Literal["SIGKILL", "SIGTERM", "Ctrl-C", "cut", "silence", "sleep"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)


class TooLate(Exception):
    """The run was over before the moment came."""


@dataclass(frozen=True)
class Moment:
    """When a runner is ended, and how."""

    fault: str
    phase: str
    after_s: float  # after the phase's beginning
    ending: Ending = "SIGKILL"


@dataclass(frozen=True)
class Fate:
    """What followed. Seconds from the runner's end; None: not within ``PATIENCE_S``."""

    where: str
    moment: Moment
    came_in: str  # the phase that the journal has last
    held: bool  # the lock was taken
    answers_s: float | None
    keys_s: float | None
    same_s: float | None  # the configuration
    quiet_s: float | None  # no process of the run is left on the host
    stays: bool  # as before when the run was over on this machine, too
    left_here: bool  # a process of its own on this machine
    exit_code: int
    admitted: bool  # it said itself that its lease had run out
    next_exit: int
    said: str  # by the next run, of this one

    @property
    def told(self) -> bool:
        """Whether somebody said what happened: the runner itself where it still could, else the next run."""
        in_order = self.exit_code == Exit.INTERRUPTED or self.admitted
        return not self.held or in_order or "left without" in self.said

    @property
    def amiss(self) -> str:
        """Which promises were not kept; empty where all were."""
        times = {"Redis": self.answers_s, "keys": self.keys_s, "config": self.same_s, "watcher": self.quiet_s}
        late = [name for name, seconds in times.items() if seconds is None or seconds > HEALED_S]
        found = {
            f"{', '.join(late)} too late": bool(late),
            "changed afterwards": not self.stays,
            "a process left here": self.left_here,
            "no lock was held": not self.held and self.moment.phase != START,
            "not told": not self.told,
            f"the next run ended with {self.next_exit}": self.next_exit != 0,
        }
        return "; ".join(words for words, wrong in found.items() if wrong)


def carry_out(ground: Ground, moment: Moment, reports: Path, *, recover: bool = False) -> Fate:
    """Plant keys, play, end the runner at the moment, and look on; then what the next run does, or ``--recover``.

    Raises ``TooLate``; ``NotInTime`` or ``AssertionError`` where the moment's phase never comes.
    """
    before = ground.plant()
    options = (*ground.arguments, "--lease", str(LEASE_S), *select(moment.fault))
    with playing(*options, reports=reports, environ=ground.environ, host=ground.host) as run:
        if moment.phase != START:
            run.await_said(f"{moment.fault}: {moment.phase}: ", within_s=PATIENCE_S)
        threading.Event().wait(moment.after_s)  # the moment itself
        run_id = next((path.name for path in reports.glob("*Z-*")), "")
        if run.process.poll() is not None:
            raise TooLate(f"{moment}: the run was over by then:\n{run.output}")
        came_in, held = _came_in(reports / run_id / NAME), bool(run_id) and ground.holds_lock(run_id)
        stopped = _end(ground, run, moment.ending)
        since = _watch(_conditions(ground, before, run_id))
        for process in stopped:
            os.kill(process, signal.SIGCONT)
        exit_code = run.process.wait(PATIENCE_S)
        left_here = _left(run.process.pid)
        admitted = bool(RAN_OUT.search(run.output))
        stays = all(map(_holds, _conditions(ground, before, run_id).values()))
    then = ("--recover",) if recover else ("--lease", str(LEASE_S), *select("client_kill_normal"))
    next_exit, said = _next_run(ground, run_id, reports.with_name(f"{reports.name}-next"), *then)
    times = (since["answers"], since["keys"], since["same"], since["quiet"])
    return Fate(ground.name, moment, came_in, held, *times, stays, left_here, exit_code, admitted, next_exit, said)


def _conditions(ground: Ground, before: Before, run_id: str) -> Mapping[str, Callable[[], bool]]:
    """What must be so in the end."""
    return {
        "answers": ground.answers,
        "keys": lambda: not ground.changed(before),
        "same": lambda: ground.configuration() == before.configuration,
        "quiet": lambda: ground.quiet(run_id),
    }


def _came_in(journal: Path) -> str:
    if not journal.exists():
        return START
    phases = [str(one["phase"]) for one in read(journal) if one["event"] == "phase"]
    return phases[-1] if phases else START


def _end(ground: Ground, run: Playing, ending: Ending) -> list[int]:
    """End the runner; those of its processes that only sleep, and are to be woken later."""
    runner = run.process.pid
    stopped: list[int] = []
    match ending:
        case "SIGKILL" | "SIGTERM":
            run.process.send_signal(signal.Signals[ending])
        case "Ctrl-C":  # a terminal sends it to everybody in it
            os.killpg(runner, signal.SIGINT)
        case "cut":
            ground.cut()
        case "silence":  # nothing gets through any more, and what was sent arrives later
            stopped = [process for process in descendants(runner) if stat(process)[0].endswith("(ssh")]
        case "sleep":
            stopped = [runner]
        case other:
            assert_never(other)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    return stopped


def _watch(conditions: Mapping[str, Callable[[], bool]]) -> dict[str, float | None]:
    """For each the seconds from now after which it held for good: looked at until all hold, for a second."""
    start = time.monotonic()
    last_bad = dict.fromkeys(conditions, start)
    held = dict.fromkeys(conditions, False)

    def look() -> bool:
        for name, condition in conditions.items():
            held[name] = _holds(condition)
            if not held[name]:
                last_bad[name] = time.monotonic()
        return all(held.values())

    with suppress(NotInTime):
        eventually(look, what="all is as before", within_s=PATIENCE_S, every_s=0.1, hold_s=1.0)
    return {name: last_bad[name] - start if held[name] else None for name in conditions}


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (OSError, ErrorReply):  # Redis does not answer, or still loads
        return False


def _left(group: int) -> bool:
    """Whether a process of the run's own is left on this machine; an ssh whose runner is gone ends soon."""

    def ended() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    try:
        return not eventually(ended, what="its processes end", within_s=5.0)
    except NotInTime:
        return True


def _next_run(ground: Ground, run_id: str, reports: Path, *options: str) -> tuple[int, str]:
    """The next run's exit code, and what it says of this one."""
    then = play(*ground.arguments, *options, reports=reports, environ=ground.environ, host=ground.host)
    notes = [line for line in then.output.splitlines() if f"run {run_id} (" in line]
    return then.exit_code, "; ".join(note.partition(") ")[2] for note in notes)
