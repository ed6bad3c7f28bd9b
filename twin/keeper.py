"""Keeps a Compose twin: brings it up, and takes it down when its owner is gone: ``python -m twin.keeper SPEC``.

The standard input is the owner's lifeline. One line of JSON on the standard output says how bringing up went:
``{"up": true}``, or ``{"up": false, "said": …}``. Exit code 0: nothing of the project is left.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twin.lifeline import Lifeline, end_on_signals, ignore_signals

#: Taking down is tried this often: an engine may still be making what a killed ``up`` had asked for.
ROUNDS = 3
DOWN_S = 60.0
#: The end of what a failed command said, in characters.
SAID = 4000


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What the keeper does. Commands are argv; ``left`` prints something as long as anything is left."""

    up: list[str]
    down: list[str]
    left: list[str]
    env: dict[str, str]
    folder: str  # the commands run here; removed at the end


def dump(errand: Errand) -> str:
    """The errand as JSON."""
    return json.dumps(dataclasses.asdict(errand))


def bring_up(errand: Errand, lifeline: Lifeline) -> bool:
    """Run the first command and tell the owner; False when the owner was gone before it ended."""
    process = subprocess.Popen(
        errand.up,
        cwd=errand.folder,
        env=errand.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe above
    said = b""
    try:
        while lifeline.wait(process.stdout.fileno()):
            chunk = os.read(process.stdout.fileno(), 65_536)
            said += chunk
            if not chunk:
                up = process.wait() == 0
                answer = {"up": up, "said": said.decode(errors="backslashreplace")[-SAID:]}
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()
                return up
        return False
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def take_down(errand: Errand) -> str | None:
    """Run the second command until nothing is left; what went wrong, if it did."""
    said = ""
    for _ in range(ROUNDS):
        said = _run(errand, errand.down)[1]
        code, left = _run(errand, errand.left)
        if code == 0 and not left.strip():
            shutil.rmtree(errand.folder, ignore_errors=True)
            return None
        said += left
    return said[-SAID:]


def _run(errand: Errand, argv: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            argv,
            cwd=errand.folder,
            env=errand.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DOWN_S,
            check=False,
            start_new_session=True,  # a Ctrl-C at the terminal is not for it
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, f"{error}\n"
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


def main() -> int:
    """Read the command line and keep."""
    parser = argparse.ArgumentParser(prog="python -m twin.keeper", description=__doc__)
    parser.add_argument("errand", type=Path, help="a JSON file")
    parser.add_argument("--owner", type=int, required=True, help="the parent process")
    parser.add_argument("--ttl", type=float, required=True, help="end after this many seconds in any case")
    arguments = parser.parse_args()
    errand = Errand(**json.loads(arguments.errand.read_text(encoding="utf-8")))
    lifeline = Lifeline(owner=arguments.owner, ttl_s=arguments.ttl)
    wrong = None
    end_on_signals()
    try:
        if bring_up(errand, lifeline):
            lifeline.wait()
    finally:
        ignore_signals()
        wrong = take_down(errand)
    if wrong:
        sys.stderr.write(f"the twin in {errand.folder} could not be taken down:\n{wrong}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
