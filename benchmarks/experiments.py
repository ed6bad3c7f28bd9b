"""Where the time of each experiment goes: ``python -m benchmarks.experiments [--rounds N] [-k EXPRESSION]``.

Plays the chaos suite on a twin (Docker Compose where an engine is reachable), kept up for all rounds, and prints the
median seconds of each phase. ``fault`` and ``recovery`` are outage, window and hold; the rest is the suite's own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from plugins.inventory import Family
from twin import standing, up
from twin.seed import seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from twin.handle import Twin

ROOT = Path(__file__).resolve().parents[1]
#: Phases that are outage, window and hold.
PLAYED = ("fault", "recovery")
OWN = ("scene", "warm-up", "save", "arm", "read back", "bond", "undo", "checks")
#: The most that an experiment may take besides, in seconds.
TARGET_S = 3.0
_PATIENCE_S = 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, and print the table; 1 where an experiment's own time is above the target."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-k", default="", help="which experiments, as pytest takes it")
    chosen = parser.parse_args(arguments)
    played: dict[str, list[Mapping[str, float]]] = {}
    with up() as fresh:
        kept = replace(fresh, host=replace(fresh.host, chaos=replace(fresh.host.chaos, faults=get_args(Family))))
        for _ in range(chosen.rounds):
            seed(kept)
            for experiment in _round(kept, chosen.k):
                if experiment["outcome"] == "passed":
                    played.setdefault(experiment["fault"], []).append(experiment["phases_s"])
                else:
                    _say(f"not counted: {experiment['fault']} {experiment['outcome']}: {experiment['reason'][:200]}")
        _say(f"on the twin, by {fresh.kind}; medians in seconds")
    return _show(played)


def _round(kept: Twin, expression: str) -> Iterator[Mapping[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        standing.save(kept, place / "twin.json")
        selected = ["-k", expression] if expression else []
        argv = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "chaos",
            "--host",
            "twin",
            "-q",
            *selected,
            "--report-dir",
            folder,
        ]
        environ = {**os.environ, **kept.environ, standing.VARIABLE: str(place / "twin.json")}
        subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, timeout=_PATIENCE_S, check=False)
        document = json.loads((place / "latest" / "run.json").read_text(encoding="utf-8"))
    yield from document["experiments"]


def _show(played: Mapping[str, Sequence[Mapping[str, float]]]) -> int:
    _say(f"{'':22}" + "".join(f"{name:>10}" for name in (*OWN, "own", *PLAYED)))
    worst = 0.0
    for fault, rounds in sorted(played.items()):
        medians = {name: statistics.median(one.get(name, 0.0) for one in rounds) for name in (*OWN, *PLAYED)}
        own = statistics.median(sum(one.get(name, 0.0) for name in OWN) for one in rounds)
        worst = max(worst, own)
        cells = [*(medians[name] for name in OWN), own, *(medians[name] for name in PLAYED)]
        _say(f"{fault:22}" + "".join(f"{cell:10.2f}" for cell in cells))
    _say(f"the suite's own share: at most {worst:.2f} s an experiment, target {TARGET_S:g} s")
    return 0 if played and worst <= TARGET_S else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    raise SystemExit(main())
