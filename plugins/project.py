"""Whether pytest runs this project, and whole: its configuration, its plugins, its asserts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
_CONFIGURATION = ROOT / "pyproject.toml"

#: The variable that holds the number of a process that has started over once.
_STARTED_OVER = "RUNBOOK_STARTED_OVER"


def is_found(config: pytest.Config) -> bool:
    """Whether pytest found this project, perhaps by another path that a link leads along."""
    return config.inipath is not None and config.inipath.resolve() == _CONFIGURATION


def is_near(config: pytest.Config, paths: Iterable[str]) -> bool:
    """Whether pytest was started in this project or with a path into it; else it would not read its ``conftest.py``."""
    start = config.invocation_params.dir
    places = (start, *(start / path.partition("::")[0] for path in paths))
    return any(place.resolve().is_relative_to(ROOT) for place in places)


def must_assert() -> None:
    """Raise ``pytest.UsageError`` where Python would not execute ``assert``."""
    if sys.flags.optimize:
        raise pytest.UsageError("without its asserts (python -O, PYTHONOPTIMIZE) every check would pass: run it with")


def must_be_whole(config: pytest.Config) -> None:
    """Raise ``pytest.UsageError`` where the plugins are missing that ``addopts`` names."""
    if is_found(config) and not config.pluginmanager.has_plugin("plugins.session"):
        raise pytest.UsageError("this project's addopts are not in force: leave out -o addopts=… and -p no:plugins.…")


def start_over(config: pytest.Config, args: Iterable[str]) -> None:
    """Become a pytest in this project's folder with these arguments.

    Raises ``pytest.UsageError`` where that was done before and has not helped.
    """
    if os.environ.get(_STARTED_OVER) == str(os.getpid()):
        raise pytest.UsageError(
            f"pytest reads {config.inipath or 'no configuration'} instead of {_CONFIGURATION}:"
            " leave out -c, and keep no other configuration of pytest's beside it"
        )
    argv = [sys.executable, "-m", "pytest", *args]
    os.environ[_STARTED_OVER] = str(os.getpid())  # the same process then; its children may start over, too
    os.chdir(ROOT)
    os.execv(sys.executable, argv)  # noqa: S606 - the same program, with arguments that it reads the same way early
