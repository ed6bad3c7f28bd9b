"""The run that is going on, as pytest's configuration holds it for every plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from plugins.journal import NAME, Journal
from plugins.report.run_json import identify
from plugins.verdict import Exit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plugins.check import CheckResult
    from plugins.facts import Facts
    from plugins.located import Located
    from plugins.options import Suite
    from plugins.report.folder import Folder
    from plugins.report.run_json import Target as Identity
    from plugins.run import Run
    from plugins.target.open import Target


@dataclass(frozen=True)
class Stage:
    """Where experiments are played: how the host was found, and its target."""

    located: Located
    target: Target


@dataclass
class Active:
    """What a run holds open, and the record of what it comes to."""

    run: Run
    folder: Folder
    facts: Facts | None = None
    exit_code: int = Exit.USAGE  # until the session ends: only a wrong command line keeps it from beginning
    wanted: dict[str, Path] = field(default_factory=dict)  # where the user wants a copy of which report
    gather: Callable[[], None] = lambda: None  # starts gathering the facts
    stage: Stage | None = None  # of a chaos run
    identity: Identity | None = None  # what a chaos run is about, once it was reached
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        """Open the journal beside the reports."""
        self.journal = Journal(self.folder.path / NAME if self.folder.path else None)

    def identify(self) -> Identity:
        """Which host, engine, server and containers this run is about, as far as they were reached."""
        return self.identity or identify(self.facts)

    def judged(self, nodeid: str, result: CheckResult) -> None:
        """Keep one check's result, in the journal too."""
        self.run.results[nodeid] = result
        self.write("check", check=result.to_json())

    def write(self, event: str, *, sync: bool = False, **fields: object) -> None:
        """Append to the journal. A disk that refuses is noted once, and changes no verdict."""
        try:
            self.journal.write(event, sync=sync, **fields)
        except OSError as error:
            self.journal.path = None
            self.run.notes.append(f"the journal ends early: {error}")


_key = pytest.StashKey[Active]()
_left_out_key = pytest.StashKey["set[Suite]"]()


def activate(config: pytest.Config, active: Active) -> None:
    """Make this the run that is going on."""
    config.stash[_key] = active


def active(config: pytest.Config) -> Active | None:
    """The run that is going on, if a suite was asked for."""
    return config.stash.get(_key, None)


def left_out(config: pytest.Config) -> set[Suite]:
    """The suites whose tests were named or found, and do not run since ``-m`` did not select them."""
    return config.stash.setdefault(_left_out_key, set())
