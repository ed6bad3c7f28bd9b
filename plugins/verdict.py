"""What a check may come to, what a run comes to, and the exit code that says so.

The words and codes are the suite's contract with pipelines; change nothing here lightly.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(StrEnum):
    """How much a check weighs: a red gate fails the run, red advice is only shown unless ``--strict``."""

    GATE = "gate"
    ADVICE = "advice"


class Outcome(StrEnum):
    """What became of one check. ``ERROR`` means that it could not be judged."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    ERROR = "error"
    SKIPPED = "skipped"


class Exit(IntEnum):
    """Exit codes beyond pytest's own 0 to 5."""

    PASS = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    UNJUDGED = 10
    DIRTY = 11
    REFUSED = 12


#: Where several codes apply, the first of these wins; what is not listed keeps pytest's own meaning.
PRECEDENCE = (
    Exit.REFUSED,
    Exit.DIRTY,
    Exit.USAGE,
    Exit.INTERRUPTED,
    Exit.INTERNAL,
    Exit.FAILED,
    Exit.UNJUDGED,
)


def worst(codes: Iterable[int]) -> int:
    """The exit code of a run to which all of ``codes`` apply; 0 when there are none."""
    present = set(codes)
    for code in PRECEDENCE:
        if code in present:
            return int(code)
    return max(present, default=0)


class NotJudged(Exception):
    """A check that reached no verdict; ``reason`` is shown to the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotApplicable(NotJudged):
    """The question does not arise here: an option not declared, a feature the server's version lacks. Skipped."""


class Blocked(NotJudged):
    """The question cannot be asked because the check ``by`` failed. Skipped, and names that check."""

    def __init__(self, by: str, reason: str) -> None:
        super().__init__(f"because {by} failed: {reason}")
        self.by = by


class Unjudged(NotJudged):
    """The question arises and could not be answered: outcome ``error``; a gate's run ends with exit 10."""


class Unreachable(Exception):
    """The host, its SSH server or its engine cannot be reached: nothing at all can be judged. Exit 10."""
