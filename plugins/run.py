"""One run of a suite on a host: what was asked, what was found, and what it comes to."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from plugins.verdict import Exit, Outcome, Severity, worst

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.check import CheckResult
    from plugins.experiment_result import ExperimentResult
    from plugins.inventory import Host
    from plugins.options import Request

#: pytest's own codes that a run keeps: interrupted, internal error, usage, nothing selected.
_PYTEST_KEEPS = (2, 3, 4, 5)

VERDICTS = {
    Exit.PASS: "pass",
    Exit.FAILED: "fail",
    Exit.UNJUDGED: "unjudged",
    Exit.DIRTY: "dirty",
    Exit.REFUSED: "refused",
}


@dataclass
class Run:
    """What a run knows so far. ``redact`` takes the host's secrets out of any text."""

    request: Request
    host: Host
    redact: Callable[[str], str]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)  # monotonic seconds
    results: dict[str, CheckResult] = field(default_factory=dict)  # by pytest's node id
    experiments: list[ExperimentResult] = field(default_factory=list)
    selected: int = 0  # how many checks were to be run
    stopped: tuple[Exit, str] | None = None  # why the run ended before its checks
    broken: list[str] = field(default_factory=list)  # what failed around checks: files, tear-downs
    notes: list[str] = field(default_factory=list)
    regressions: tuple[str, ...] = ()  # which faults took longer to recover from than in earlier runs
    run_id: str = ""

    def __post_init__(self) -> None:
        """Name the run: start in UTC, host, suite, and the part of the second in four hexadecimal digits.

        Names of one host and suite sort as their runs began, for the newest baseline is found by its name; two are
        hardly ever the same.
        """
        stamp = self.started.strftime("%Y%m%dT%H%M%SZ")
        part = self.started.microsecond * 0x10000 // 1_000_000
        name = re.sub(r"[^\w.-]", "_", self.host.name, flags=re.ASCII)
        self.run_id = f"{stamp}-{name}-{self.request.suite}-{part:04x}"

    @property
    def duration_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def stop(self, code: Exit, reason: str) -> None:
        """Record that nothing (more) can be judged, and why; of several reasons the one that takes precedence stays."""
        if self.stopped is None or worst((self.stopped[0], code)) == code:
            self.stopped = (code, self.redact(reason))

    def break_off(self, what: str) -> None:
        """Record that a part of the suite itself failed: some check has reached no verdict, or not a whole one."""
        self.broken.append(what)
        self.notes.append(self.redact(f"a fault in the suite: {what}"))

    def reason(self, exit_code: int) -> str:
        """Why the run has not judged all that it was to judge, in words; empty where it has."""
        if self.stopped is None and exit_code == Exit.INTERRUPTED:
            judged = sum(result.outcome is not Outcome.ERROR for result in self.results.values())
            return f"interrupted: {judged} of {self.selected} were judged"
        return self.stopped[1] if self.stopped is not None else ""

    def exit_code(self, pytest_status: int) -> int:
        """The exit code by the contract's precedence; ``pytest_status`` is what pytest itself would exit with."""
        codes: list[int] = [self._code_of(result) for result in self.results.values()]
        if pytest_status in _PYTEST_KEEPS:
            codes.append(pytest_status)
        elif self.broken or len(self.results) < self.selected or self._all_skipped():
            codes.append(Exit.UNJUDGED)
        if self.regressions and self.request.fail_on_regression:
            codes.append(Exit.FAILED)
        if self.stopped is not None:
            codes.append(self.stopped[0])
        return worst(codes)

    def _all_skipped(self) -> bool:
        return all(result.outcome is Outcome.SKIPPED for result in self.results.values())

    def _code_of(self, result: CheckResult) -> Exit:
        counts = result.severity is Severity.GATE or self.request.strict
        match result.outcome:
            case Outcome.FAILED:
                return Exit.FAILED
            case Outcome.ERROR if counts:
                return Exit.UNJUDGED
            case Outcome.SKIPPED if counts and result.blocked_by and not self._is_red(result.blocked_by):
                return Exit.UNJUDGED  # nothing else in this run says that something is broken
            case _:
                return Exit.PASS

    def _is_red(self, check: str) -> bool:
        reds = (Outcome.FAILED, Outcome.ERROR)
        return any(result.id == check and result.outcome in reds for result in self.results.values())


def verdict(exit_code: int) -> str:
    """The verdict's word for an exit code; what pytest itself could not finish is unjudged."""
    return VERDICTS.get(Exit(exit_code), "unjudged") if exit_code in set(Exit) else "unjudged"
