"""A check: what it promised, what it saw, and what it came to. Pure data; ``judging`` fills it in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.verdict import Outcome, Severity


@dataclass
class Check:
    """What a check says of itself while it runs; the reports show it, whatever the outcome.

    ``expected`` starts as the test's docstring, ``remedy`` as its marker's template (see ``plugins.remedy``).
    """

    expected: str
    observed: str = ""
    remedy: str = ""
    runbook: tuple[str, ...] = ()  # sections beside those of the marker


@dataclass(frozen=True)
class CheckResult:
    """One check, judged. All texts are redacted, plain, and may hold anything that the host sent."""

    id: str
    promise: str
    severity: Severity
    outcome: Outcome
    runbook: tuple[str, ...]
    expected: str
    observed: str
    remedy: str
    reason: str  # why there is no verdict; empty where there is one
    duration_s: float
    blocked_by: str = ""  # the check that has to be green first

    def to_json(self) -> Mapping[str, object]:
        """The check as ``run.json`` and the journal hold it."""
        return asdict(self)

    def describe(self) -> str:
        """The check as a person reads it: promise, observation, mend."""
        parts = {
            "promised": self.promise,
            "expected": "" if self.expected == self.promise else self.expected,
            "observed": self.observed,
            "reason": self.reason,
            "mend": self.remedy,
        }
        lines = [f"{name:<9} {text}" for name, text in parts.items() if text]
        return "\n".join(line.replace("\n", "\n" + " " * 10) for line in lines)


def check_id(nodeid: str) -> str:
    """``tests_verify/test_health.py::test_ready[x]`` -> ``health/ready[x]``: the id that every report uses."""
    path, _, name = nodeid.partition("::")
    stem = path.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    return f"{stem}/{name.removeprefix('test_')}"
