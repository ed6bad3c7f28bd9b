"""Options of pytest's own, and of its plugins, that do not go with a run on a host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import argparse

#: What xdist's options say where nobody asked for workers.
_NO_WORKERS: tuple[object, ...] = (None, False, 0, "no", [])


def refuse(option: argparse.Namespace, *, is_chaos: bool) -> None:
    """Raise ``pytest.UsageError`` where one of them was given."""
    _refuse_tracing(option)
    _refuse_memory(option)
    _refuse_workers(option)
    if is_chaos:
        if getattr(option, "reruns", None):
            raise pytest.UsageError("a chaos experiment is judged once: leave out --reruns")
        if not hasattr(option, "reportchars"):
            raise pytest.UsageError("chaos shows what it does to the host: leave out -p no:terminal")


def _refuse_tracing(option: argparse.Namespace) -> None:
    """What pytest's tracing writes holds what the host said before anything is masked in it."""
    for given, name in ((option.debug, "--debug"), (os.environ.get("PYTEST_DEBUG"), "PYTEST_DEBUG")):
        if given:
            raise pytest.UsageError(f"{name} writes down what the host says, secrets too: leave it out with --host")


def _refuse_workers(option: argparse.Namespace) -> None:
    """A run gathers its facts once and plays one experiment at a time: each worker would be a run of its own."""
    asked = {"-n": "numprocesses", "--tx": "tx", "-d": "distload", "--dist": "dist"}
    given = [name for name, attribute in asked.items() if getattr(option, attribute, None) not in _NO_WORKERS]
    if given:
        raise pytest.UsageError(f"a run on a host is one process: leave out {' and '.join(given)} (xdist)")


def _refuse_memory(option: argparse.Namespace) -> None:
    """What pytest remembers of the last run would leave checks out, and nobody would see that they are missing."""
    remembered = ("lf", "failedfirst", "newfirst", "stepwise", "stepwise_skip", "stepwise_reset")
    if any(getattr(option, name, False) for name in remembered):
        raise pytest.UsageError(
            "a run on a host judges all that was selected: leave out --lf, --ff, --nf and --sw; choose with -k"
        )
