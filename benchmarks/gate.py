"""How long the whole gate takes beside the runbook's five checklist commands: ``python -m benchmarks.gate``.

On a real staging host on loopback (sshd, Docker Compose), directly and through a proxy that makes the round trip 40 ms;
three commands in turns, so that a noisy machine is noisy for all of them:

- gate: ``pytest -m verify``, all checks, HTML report included
- by hand: the checklist's five commands, each typed over SSH
- batched: the same five in one script over one SSH session, the next thing to beat
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.delay_proxy import delayed
from tests_plugins.staging import ALIAS, NAME, StagingHost, staging_host, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[1]
ROUND_TRIPS_MS = (0, 40)
#: The most that the gate may take, as a share of the five commands typed by hand.
TARGET_RATIO = 0.65
_PATIENCE_S = 60


@dataclass(frozen=True)
class Contest:
    """The three commands at one round trip time."""

    round_trip_ms: int
    runs: Mapping[str, Callable[[], None]]

    def measure(self, rounds: int) -> Mapping[str, list[float]]:
        """Seconds of each, in turns, after one turn that is not counted."""
        seconds: dict[str, list[float]] = {name: [] for name in self.runs}
        for turn in range(rounds + 1):
            for name, run in self.runs.items():
                start = time.perf_counter()
                run()
                if turn:
                    seconds[name].append(time.perf_counter() - start)
        return seconds


def checklist(staging: StagingHost) -> list[str]:
    """The runbook's five checks as a person pastes them, without the terminal that a pipe does not have."""
    host = staging.host
    compose = f"docker compose -f {host.compose_file} -p {staging.project}"
    check = shlex.join(host.backend_check)
    return [
        f"{compose} exec -T {host.redis_service} redis-cli PING",
        f"{compose} exec -T {host.backend_service} {check}",
        f"curl -s {staging.readiness_url}",
        f"{compose} exec -T {host.redis_service} redis-cli INFO memory | grep used_memory_human",
        f"{compose} logs --since=5m {host.backend_service} | grep -i redis | grep -i error || true",
    ]


def contest(staging: StagingHost, round_trip_ms: int, ssh_config: Path, folder: Path) -> Contest:
    """The three commands over one way to the host."""
    inventory = folder / f"hosts-{round_trip_ms}.toml"
    text = staging.inventory_file.read_text(encoding="utf-8")
    inventory.write_text(text.replace(str(staging.ssh.client_config), str(ssh_config)), encoding="utf-8")
    ssh = ["ssh", "-F", str(ssh_config), ALIAS]
    enter = f"cd {staging.host.project_dir}"
    commands = checklist(staging)
    gate = [
        *(sys.executable, "-m", "pytest", "-m", "verify", "--host", NAME, "-q"),
        *(f"--inventory={inventory}", f"--report-dir={folder / 'reports'}"),
    ]

    def by_hand() -> None:
        for command in commands:
            _run([*ssh, f"{enter} && {command}"])

    return Contest(
        round_trip_ms,
        {
            "gate": lambda: _run(gate, environ=staging.environ),
            "by hand": by_hand,
            "batched": lambda: _run([*ssh, "; ".join([enter, *commands])]),
        },
    )


def _run(argv: list[str], environ: Mapping[str, str] = os.environ) -> None:
    # Python keeps what it compiled, unless this is set, as some build machines do: users have it kept.
    env = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise SystemExit(f"{shlex.join(argv)} exited {done.returncode}, so there is nothing to compare:\n{said}")


def table(measured: Mapping[int, Mapping[str, list[float]]]) -> str:
    """The figures in Markdown: medians in seconds, and the ratios turn by turn."""
    lines = [
        "| round trip | gate | by hand | batched | gate / by hand | gate / batched |",
        "|---|---|---|---|---|---|",
    ]
    for round_trip_ms, seconds in measured.items():
        gate, hand, batched = (seconds[name] for name in ("gate", "by hand", "batched"))
        medians = " | ".join(f"{statistics.median(times):.2f} s" for times in (gate, hand, batched))
        lines.append(f"| {round_trip_ms} ms | {medians} | **{_ratio(gate, hand):.2f}** | {_ratio(gate, batched):.2f} |")
    return "\n".join(lines)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def main() -> int:
    """Measure, print, and exit 1 where the gate is slower than it may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="turns that count, each of the three commands once (9)")
    rounds = parser.parse_args().rounds
    if reason := unavailable():
        raise SystemExit(f"no staging host can be made here: {reason}")
    measured = {}
    with staging_host() as staging, tempfile.TemporaryDirectory() as scratch:
        for round_trip_ms in ROUND_TRIPS_MS:
            with delayed(staging.ssh.port, round_trip_ms / 2000) as port:
                config = staging.ssh.config_for(port) if round_trip_ms else staging.ssh.client_config
                measured[round_trip_ms] = contest(staging, round_trip_ms, config, Path(scratch)).measure(rounds)
    print(table(measured))  # noqa: T201 - the figures are what was asked for
    slow = [ms for ms, seconds in measured.items() if _ratio(seconds["gate"], seconds["by hand"]) > TARGET_RATIO]
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
