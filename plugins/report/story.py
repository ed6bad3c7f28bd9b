"""A run as its journal tells it: what every page is rendered from. Pure data; texts may be hostile. See ``telling``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plugins.experiment_result import Writes, read_back
from plugins.probe import Vantage
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from plugins.check import CheckResult
    from plugins.history import Operation
    from plugins.recovery import Moments
    from plugins.report.run_json import Target

#: What an experiment came to that the journal tells no end of.
CUT_SHORT = "the run ended before this experiment did"


@dataclass(frozen=True)
class Phase:
    """A part of an experiment; ``at`` is its beginning, monotonic."""

    name: str
    at: float


@dataclass(frozen=True)
class Told:
    """What was done to the host: a command, when (monotonic), and how it ended."""

    argv: str
    start: float
    end: float
    exit_code: int
    said: str


@dataclass(frozen=True)
class Line:
    """A record of a container's log; ``at_s`` counts from the return of the recovering command."""

    service: str
    at_s: float
    text: str


@dataclass(frozen=True)
class Found:
    """What one checker found."""

    checker: str
    verdict: str  # valid, invalid, unknown
    said: str


@dataclass(frozen=True)
class Played:
    """One experiment. Times of operations, phases and deeds are monotonic seconds, of ``…_s`` mappings spans."""

    fault: str
    outcome: Outcome = Outcome.ERROR
    reason: str = CUT_SHORT
    ended: bool = False  # False: the journal ends before the experiment does
    window_s: Mapping[str, float] = field(default_factory=dict)
    recovery_s: Mapping[str, float | None] = field(default_factory=dict)
    outage_s: Mapping[str, float | None] = field(default_factory=dict)
    uncertainty_s: Mapping[str, float | None] = field(default_factory=dict)
    writes: Writes = field(default_factory=Writes)
    evidence: Mapping[str, str] = field(default_factory=dict)
    undone: bool = True
    findings: tuple[Found, ...] = ()
    phases_s: Mapping[str, float] = field(default_factory=dict)
    phases: tuple[Phase, ...] = ()
    moments: Moments | None = None  # None: the fault was not injected
    operations: tuple[Operation, ...] = ()  # by start
    deeds: tuple[Told, ...] = ()
    log: tuple[Line, ...] = ()  # by time
    before: Mapping[str, str] = field(default_factory=dict)  # INFO
    after: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_read_back(self) -> bool:
        """Whether what became of the writes is known."""
        return read_back(self.writes, self.phases_s)

    @property
    def is_begun(self) -> bool:
        """Whether there was something to undo: the undo is written before the fault is injected."""
        return self.moments is not None or any(phase.name == "fault" for phase in self.phases)

    @property
    def is_armed(self) -> bool:
        """Whether the host has an undo to run, should the run end here."""
        return self.is_begun or any(phase.name == "arm" for phase in self.phases)

    @property
    def vantages(self) -> tuple[str, ...]:
        """The vantage points that were asked, in the order in which they are always shown."""
        asked = {one.vantage for one in self.operations} | set(self.window_s)
        return tuple(sorted(asked, key=lambda one: (_ORDER.index(one) if one in _ORDER else len(_ORDER), one)))


_ORDER = tuple(Vantage)


@dataclass(frozen=True)
class Story:
    """See the module. ``exit_code`` None: the run was killed."""

    run_id: str
    suite: str
    host: str
    environment: str
    reached_by: str
    project: str
    asked: str  # the command line
    started: datetime | None
    duration_s: float
    exit_code: int | None
    strict: bool
    selected: int  # how many checks or experiments were to be judged; 0: the journal does not say
    stopped: str  # why the run ended before its checks; empty where it did not
    identity: Target | None  # who was reached; None: the run was killed before it told
    notes: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    played: tuple[Played, ...]
    info: Mapping[str, str]  # of verify: INFO as it was
