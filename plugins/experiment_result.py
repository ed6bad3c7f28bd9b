"""What an experiment came to, as the reports and ``run.json`` have it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plugins.verdict import Outcome, Unjudged

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from plugins.check import CheckResult
    from plugins.checker import Finding
    from plugins.recovery import Recovery


#: The outcomes of an experiment that nobody has judged.
NO_VERDICT = (Outcome.ERROR, Outcome.SKIPPED)


@dataclass(frozen=True)
class Writes:
    """What became of the recording client's writes."""

    acknowledged: int = 0
    lost: int = 0
    unknown: int = 0


def read_back(writes: Writes, phases: Container[str]) -> bool:
    """Whether the writes are known: they are read back just before the phase ``checks``; until then all are 0."""
    return "checks" in phases or writes != Writes()


def lost_of(writes: Writes, phases: Container[str]) -> str:
    """How many of the acknowledged writes were lost, for a cell of a table."""
    return f"{writes.lost} of {writes.acknowledged}" if read_back(writes, phases) else "not read back"


def unsettled(outcome: Outcome) -> str:
    """What there is to say of a vantage point without a recovery: an experiment that ended early has judged none."""
    return "not judged" if outcome in NO_VERDICT else "not well again"


@dataclass(frozen=True)
class ExperimentResult:
    """One experiment, judged. Times in seconds; ``window_s`` by vantage point; texts may hold what the host sent."""

    fault: str
    family: str
    outcome: Outcome
    reason: str = ""  # why it failed, or why there is no verdict
    window_s: Mapping[str, float] = field(default_factory=dict)
    recoveries: tuple[Recovery, ...] = ()
    writes: Writes = field(default_factory=Writes)
    evidence: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckResult, ...] = ()  # the checklist afterwards
    undone: bool = True
    phases_s: Mapping[str, float] = field(default_factory=dict)  # how long each phase took

    @property
    def is_read_back(self) -> bool:
        """Whether what became of the writes is known."""
        return read_back(self.writes, self.phases_s)

    def describe(self) -> str:
        """For a person: recovery and outage by vantage point, the writes, then what every checker found."""
        seen = [one.describe(self.window_s[one.vantage]) for one in self.recoveries if one.vantage in self.window_s]
        written = self.writes
        writes = [f"writes: {written.acknowledged} acknowledged, {written.lost} lost, {written.unknown} unknown"]
        if not self.is_read_back:
            writes = ["writes: not read back"]
        found = [f"{one.checker}: {one.said}" for one in self.findings if one.checker != "recovered_within_window"]
        return "\n".join([*seen, *(writes if seen else []), *found])

    def to_json(self) -> Mapping[str, object]:
        """The experiment as ``run.json`` and the journal hold it."""
        return {
            "fault": self.fault,
            "family": self.family,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "window_s": dict(self.window_s),
            "recovery_s": {one.vantage: _rounded(one.recovery_s) for one in self.recoveries},
            "outage_s": {one.vantage: _rounded(one.outage_s) for one in self.recoveries},
            "uncertainty_s": {one.vantage: _rounded(one.uncertainty_s) for one in self.recoveries},
            "writes": {
                "acknowledged": self.writes.acknowledged,
                "lost": self.writes.lost,
                "unknown": self.writes.unknown,
            },
            "evidence": dict(self.evidence),
            "undone": self.undone,
            "findings": [
                {"checker": one.checker, "verdict": str(one.verdict), "said": one.said} for one in self.findings
            ],
            "checks": [one.id for one in self.checks if one.outcome is not Outcome.PASSED],
            "phases_s": {name: round(seconds, 3) for name, seconds in self.phases_s.items()},
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def assert_valid(result: ExperimentResult) -> None:
    """Fail where a checker found something amiss or a check of the checklist is red; no verdict where one is missing.

    Raises ``AssertionError`` or ``verdict.Unjudged`` with every reason, the failures before what is unknown.
    """
    if result.outcome is Outcome.ERROR:
        raise Unjudged(result.reason)
    assert result.outcome is Outcome.PASSED, result.reason  # noqa: S101 - this is how a test speaks
