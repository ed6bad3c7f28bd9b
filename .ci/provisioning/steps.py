"""Running commands and telling what a step did and how long it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class ProvisionError(Exception):
    """A step failed; the message says which command, and quotes the end of what it printed."""


def say(text: str, *, to: TextIO | None = None) -> None:
    """Print one line at once, to standard output unless told otherwise."""
    out = to or sys.stdout
    out.write(f"provision: {text}\n")
    out.flush()


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout_s: float = 900) -> str:
    """Run one command without standard input and return what it printed.

    ``env`` is added to this process's own. Raises ``ProvisionError`` unless the command exits with 0 in time.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProvisionError(f"{' '.join(words)}: {error}") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise ProvisionError(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
    return done.stdout


def works(argv: Sequence[str | Path]) -> bool:
    """Whether a command exists and exits with 0 within 20 s."""
    try:
        run(argv, timeout_s=20)
    except ProvisionError:
        return False
    return True


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Time a step and print one line about it; the block tells what it did through the function it is given."""
    began = time.monotonic()
    notes: list[str] = []
    yield notes.append
    say(f"{name}: {'; '.join(notes) or 'done'} ({time.monotonic() - began:.1f} s)")


def cache_dir() -> Path:
    """Where downloads stay between runs; made when missing."""
    folder = Path(os.environ.get("RUNBOOK_SUITE_CACHE") or "/var/cache/runbook-suite")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
