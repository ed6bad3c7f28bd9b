"""How long the report of a great chaos run takes, how big it is, how soon it is open: ``python -m benchmarks.report``.

Twenty experiments of ten thousand operations each, written by the journal as a run writes it, then read and rendered
in a process of its own, as ``pytest --render`` does it; what Python and pytest take to start is told apart.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from plugins.journal import NAME, Journal
from tests_plugins.browser.chromium import chromium, unavailable

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS, OPERATIONS = 20, 10_000
#: The most that rendering may take, in seconds on two cores, and the report, in bytes, and its opening, in seconds.
TARGET_S, TARGET_BYTES, TARGET_OPEN_S = 3.0, 5_000_000, 1.0
#: Milliseconds from the navigation's start until a frame of the whole page was painted.
_PAINTED = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
#: Seconds from one question to the next, and of an answer, by vantage point.
_RATES = {
    "ping": (0.02, 0.0004),
    "write": (0.02, 0.0006),
    "exec_ping": (0.5, 0.015),
    "backend": (1.0, 0.4),
    "readiness": (0.25, 0.008),
}
_FAULT_S, _BACK_S, _WINDOW_S = 10.0, 1.4, 5.0


@dataclass(frozen=True)
class Rendered:
    """One round: seconds in all, seconds of a Python and a pytest that render nothing, and the report's size."""

    seconds: float
    idle_s: float
    size: int


def write_run(folder: Path, *, experiments: int = EXPERIMENTS, operations: int = OPERATIONS, seed: int = 1) -> None:
    """A run's journal in ``folder``, as killed runs leave it too: no end that would need a live target."""
    chance = random.Random(seed)  # noqa: S311 - latencies, not secrets
    journal = Journal(folder / NAME)
    journal.write(
        "run", run_id=folder.name, suite="chaos", host="staging", environment="staging", argv="pytest -m chaos"
    )
    for number in range(experiments):
        _write_experiment(journal, f"restart-{number}", operations, chance)
    journal.write("end", exit_code=0, target={}, notes=[])


def _write_experiment(journal: Journal, fault: str, operations: int, chance: random.Random) -> None:
    journal.write("phase", fault=fault, phase="fault", at=_FAULT_S)
    rows = sorted(_operations(operations, chance), key=lambda row: float(str(row[2])))
    for first in range(0, len(rows), 500):
        journal.write("operations", fault=fault, operations=rows[first : first + 500])
    journal.write("moments", fault=fault, injected=_FAULT_S, recovering=_FAULT_S + 0.3)
    lines = [[number / 20, f'INFO: 127.0.0.1:{number} - "GET /api/v1/ready HTTP/1.1" 200 OK'] for number in range(100)]
    for service in ("redis_staging", "backend_staging"):
        journal.write("log", fault=fault, service=service, lines=lines, more=0)
    journal.write(
        "deed", fault=fault, deed={"argv": "docker compose restart redis_staging", "start": 10.0, "end": 10.3}
    )
    info = {f"field_{number}": str(chance.random()) for number in range(60)}
    journal.write("info", fault=fault, when="before", info=info)
    journal.write("info", fault=fault, when="after", info={name: str(chance.random()) for name in info})
    spans = dict.fromkeys(_RATES, _BACK_S)
    journal.write(
        "experiment",
        experiment={
            "fault": fault,
            "outcome": "passed",
            "window_s": dict.fromkeys(_RATES, _WINDOW_S),
            **dict.fromkeys(("recovery_s", "outage_s", "uncertainty_s"), spans),
            "writes": {"acknowledged": operations // 2, "lost": 0, "unknown": 2},
            "undone": True,
            "findings": [
                {"checker": f"checker_{number}", "verdict": "valid", "said": "as it was"} for number in range(9)
            ],
        },
    )


def _operations(count: int, chance: random.Random) -> list[list[object]]:
    """So many operations of all vantage points, with a time in which Redis was away."""
    span_s = count / sum(1 / every_s for every_s, _ in _RATES.values())
    rows: list[list[object]] = []
    for vantage, (every_s, takes_s) in _RATES.items():
        for turn in range(int(span_s / every_s)):
            start = turn * every_s + chance.random() / 500
            end = start + takes_s * chance.lognormvariate(0, 0.5)
            away = _FAULT_S <= start < _FAULT_S + 0.3 + _BACK_S
            code = ("degraded" if away else "ok") if vantage == "readiness" else ""
            rows.append([vantage, round(start, 4), round(end, 4), "fail" if away else "ok", code, None])
    return rows


def render(folder: Path) -> Rendered:
    """Render the run in ``folder`` once."""
    idle_s = _timed("--render", str(folder / "missing"))
    return Rendered(_timed("--render", str(folder)), idle_s, (folder / "report.html").stat().st_size)


def _timed(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False, capture_output=True, timeout=120
    )
    return time.perf_counter() - start


def opened(page: Path, rounds: int) -> list[float]:
    """Seconds until Chromium shows the whole page, one for each new tab."""
    with chromium() as browser:
        found = []
        for _ in range(rounds):
            tab = browser.new_page(viewport={"width": 1200, "height": 900})
            tab.goto(page.as_uri())
            found.append(float(tab.evaluate(_PAINTED)) / 1000)
            tab.close()
    return found


def main() -> int:
    """Print what each round took; 1 where the median of them is over a target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "20260102T030405Z-staging-chaos-0000"
        folder.mkdir()
        write_run(folder)
        runs = [render(folder) for _ in range(rounds)]
        opening = opened(folder / "report.html", rounds) if unavailable() is None else []
    say = partial(print, flush=True)
    say(f"{EXPERIMENTS} experiments of {OPERATIONS:,} operations each")
    for one in runs:
        say(
            f"rendered in {one.seconds - one.idle_s:.2f} s (and {one.idle_s:.2f} s for pytest to start), "
            f"{one.size / 1e6:.2f} MB"
        )
    say(f"opened in {', '.join(f'{span:.2f} s' for span in opening)}" if opening else f"not opened: {unavailable()}")
    rendering = median(one.seconds - one.idle_s for one in runs)
    held = rendering <= TARGET_S and runs[0].size <= TARGET_BYTES and median(opening or [0.0]) <= TARGET_OPEN_S
    say(
        f"target: rendered in {TARGET_S:g} s, {TARGET_BYTES / 1e6:g} MB, opened in {TARGET_OPEN_S:g} s: "
        f"{'held' if held else 'missed'}, with {rendering:.2f} s"
    )
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
