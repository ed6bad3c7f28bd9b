"""The history of an experiment: every operation of every probe and of the recording client. Pure data.

Times are seconds of the runner's monotonic clock. A history may be read while others still add to it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Result(StrEnum):
    """What became of an operation. ``UNKNOWN``: it may have happened; wherever wellness is judged it counts as bad."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One question from one vantage point, or one write of the recording client (vantage point ``write``)."""

    vantage: str  # a ``probe.Vantage``
    start: float
    end: float
    result: Result
    detail: str = ""  # what was answered, or went wrong; hostile text
    code: str = ""  # readiness: ok, degraded, down, … (see ``facts.readiness``); else an error reply's first word
    value: int | None = None  # a write's sequence number

    @property
    def good(self) -> bool:
        """Whether it says that all is well."""
        return self.result is Result.OK


class History:
    """Operations as they end; safe to add to from several threads."""

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._operations = list(operations)
        self._lock = threading.Lock()
        self._drained = 0

    def add(self, operation: Operation) -> None:
        """Append one operation that has ended."""
        with self._lock:
            self._operations.append(operation)

    def all(self) -> tuple[Operation, ...]:
        """Everything so far, by start."""
        with self._lock:
            return tuple(sorted(self._operations, key=lambda one: one.start))

    def of(self, vantage: str) -> tuple[Operation, ...]:
        """One vantage point's operations so far, by start."""
        return tuple(one for one in self.all() if one.vantage == vantage)

    def drain(self) -> tuple[Operation, ...]:
        """What was added since the last call, in the order it ended: for the journal."""
        with self._lock:
            fresh = tuple(self._operations[self._drained :])
            self._drained = len(self._operations)
        return fresh
