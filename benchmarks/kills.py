"""What is left of a host whose runner is killed: ``python -m benchmarks.kills [--moments 20] [--seed 3] [--where …]``.

Chaos is played with a lease of three seconds, on a real staging host over SSH whose Redis keeps nothing on its disk,
and on both twins. At moments that a seed draws, over all phases and families, the runner gets SIGKILL; then, likewise,
SIGTERM, Ctrl-C, its SSH connection cut, its SSH connection silent for a while, and the runner asleep for a while. It is
told how soon Redis answers and takes writes, every key that was there before is back with its value and its expiry,
configuration and users are as before, and no watcher is left; and what the next run says. Exit code 1 where one of
these took longer than the lease and five seconds, where the next run does not pass, or nobody tells what happened.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.kills_ground import GROUNDS
from benchmarks.kills_run import ENDINGS, START, Moment, TooLate, carry_out
from plugins.fault import registered
from tests_plugins.staging import unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.kills_ground import Ground
    from benchmarks.kills_run import Ending, Fate

#: About how long each phase takes on a twin, in seconds: a moment is drawn from there.
PHASES = {
    START: 3.0,
    "scene": 0.05,
    "warm-up": 0.5,
    "save": 0.1,
    "arm": 0.1,
    "fault": 0.3,
    "recovery": 1.5,
    "undo": 0.05,
    "read back": 0.1,
    "bond": 0.3,
    "checks": 0.3,
}
#: Those before which keys are saved, whatever the host's persistence.
SAVED = ("flushall", "flushdb", "flush_session", "flush_cache", "kill", "crash", "pause")
#: Endings that take an SSH connection.
REMOTE = ("cut", "silence")

HEAD = """\
| host | ending | fault | phase | after s | Redis back s | keys back s | config same s | watcher gone s | exit \
| the next run said | amiss |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def row(fate: Fate) -> str:
    """A row of the table."""
    moment = fate.moment
    phase = moment.phase if moment.phase == fate.came_in else f"{moment.phase} → {fate.came_in}"
    when = (fate.where, moment.ending, moment.fault, phase, f"{moment.after_s:.2f}")
    then = map(_span, (fate.answers_s, fate.keys_s, fate.same_s, fate.quiet_s))
    return f"| {' | '.join((*when, *then, str(fate.exit_code), fate.said or '', fate.amiss or 'nothing'))} |"


def _span(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f}"


def drawn(seed: int, count: int, ending: Ending = "SIGKILL") -> list[Moment]:
    """So many moments; with enough of them every phase and every fault is among them."""
    dice = random.Random(f"{seed} {ending}")  # noqa: S311 - the same each time is what is wanted
    faults = [fault.name for fault in registered()]
    phases: list[str] = []
    while len(phases) < count:
        phases += dice.sample(list(PHASES), len(PHASES))
    found: list[Moment] = []
    left: list[str] = []
    for phase in phases[:count]:
        left = left or dice.sample(faults, len(faults))
        fit = next((fault for fault in left if phase != "save" or fault in SAVED), None) or dice.choice(SAVED)
        if fit in left:
            left.remove(fit)
        found.append(Moment(fit, phase, round(dice.uniform(0, PHASES[phase]), 2), ending))
    return found


def plan(seed: int, kills: int, others: int, grounds: Sequence[str]) -> list[tuple[str, Moment]]:
    """Which moment is played where."""
    kinds = [(ending, kills if ending == "SIGKILL" else others) for ending in ENDINGS]
    moments = [moment for ending, count in kinds for moment in drawn(seed, count, ending)]
    shared = [
        ("ssh" if moment.ending in REMOTE or moment.fault == "pause" else grounds[number % len(grounds)], moment)
        for number, moment in enumerate(moments)
    ]
    return [(where, moment) for where, moment in shared if where in grounds]


def played(ground: Ground, moment: Moment, reports: Path) -> Fate:
    """What follows; a moment that would come after the run's end is one in the middle of what was left."""
    try:
        return carry_out(ground, moment, reports)
    except TooLate:
        earlier = replace(moment, after_s=round(moment.after_s / 2, 2))
        return played(ground, earlier, reports.with_name(f"{reports.name}-earlier"))


def main() -> int:
    """Play, print, and exit 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=20, help="moments at which a runner is killed (20)")
    parser.add_argument("--others", type=int, default=3, help="moments for each other ending (3)")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--where", choices=tuple(GROUNDS), nargs="+", default=list(GROUNDS))
    asked = parser.parse_args()
    if reason := unavailable():
        raise SystemExit(f"no staging host can be made here: {reason}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background hands its deafness on
    print(HEAD, flush=True)  # noqa: T201 - the figures are what was asked for
    kept = True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
        grounds = {name: stack.enter_context(GROUNDS[name]()) for name in asked.where}
        for number, (where, moment) in enumerate(plan(asked.seed, asked.moments, asked.others, asked.where)):
            fate = played(grounds[where], moment, folder / str(number))
            print(row(fate), flush=True)  # noqa: T201 - likewise
            kept = kept and not fate.amiss
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
