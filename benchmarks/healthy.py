"""Whether a healthy host is ever called sick: ``python -m benchmarks.healthy [--runs 100]``.

One twin, judged again and again as a pipeline would, each look with the last one's counters as its baseline. Not one
check may be red, or unjudged; what is warned must be warned every time, for then it is the machine's. Exit code 1 else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import twin
from tests_plugins.gate import run_gate
from twin import standing

if TYPE_CHECKING:
    from tests_plugins.gate import Gate
    from twin.handle import Twin


def judge(up: Twin, runs: int, folder: Path) -> list[Gate]:
    """So many looks at the twin, one after the other."""
    file = folder / "twin.json"
    standing.save(up, file)
    environ = {**os.environ, **up.environ, standing.VARIABLE: str(file)}
    looks = []
    for number in range(runs):
        looks.append(run_gate("--host", "twin", reports=folder / "reports", environ=environ))
        sys.stderr.write(f"\r{number + 1} of {runs}")
    sys.stderr.write("\n")
    return looks


def amiss(looks: list[Gate]) -> list[str]:
    """What should not have been, a line each: exit codes, reds, what could not be judged, what was warned at times."""
    found = [f"exit code {gate.exit_code}:\n{gate.output}" for gate in looks if gate.exit_code]
    for outcome in ("failed", "error"):
        found += [f"{name} {outcome}: {gate.checks[name].said}" for gate in looks for name in gate.those(outcome)]
    warned = Counter(name for gate in looks for name in gate.those("warned"))
    found += [f"{name} warned {count} times of {len(looks)}" for name, count in warned.items() if count < len(looks)]
    return found


def main() -> int:
    """Bring a twin up, judge it as often as asked, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="how often the twin is judged (100)")
    parser.add_argument("--kind", choices=get_args(twin.Kind), default="processes", help="of twin (processes)")
    arguments = parser.parse_args()
    with twin.up(kind=arguments.kind) as up, tempfile.TemporaryDirectory() as scratch:
        looks = judge(up, arguments.runs, Path(scratch))
    found = amiss(looks)
    times = sorted(gate.took_s for gate in looks)
    checks = {len(gate.checks) for gate in looks}
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(
        f"{len(looks)} looks at a healthy twin ({up.kind}) with {max(checks)} checks: {len(found)} things amiss;"
        f" median {statistics.median(times):.2f} s, from {times[0]:.2f} to {times[-1]:.2f} s\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
