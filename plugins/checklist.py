"""The runbook's checklist, run after every intervention: the very checks of the verify suite, on fresh facts."""

from __future__ import annotations

import inspect
import re
import time
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from plugins.check import Check, CheckResult
from plugins.judging import outcome_of
from plugins.remedy import render
from plugins.verdict import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.facts import Facts
    from plugins.run import Run

#: Items 1 to 5, and what they miss: writes. By module of the verify suite and function.
ITEMS = {
    "test_checklist": (
        "test_redis_responds",
        "test_redis_accepts_writes",
        "test_backend_connects",
        "test_readiness_includes_redis",
        "test_no_connection_errors_in_logs",
    ),
    "test_memory": ("test_used_memory_ratio",),
}


def run_checklist(facts: Facts, run: Run) -> tuple[CheckResult, ...]:
    """Judge every item. What an item raises is its outcome, as in the verify suite."""
    return tuple(_judge(module, function, facts, run) for module, function in _items())


def _items() -> Iterator[tuple[str, Callable[..., None]]]:
    for module, names in ITEMS.items():
        loaded = import_module(f"tests_verify.{module}")
        for name in names:
            yield module, getattr(loaded, name)


def _judge(module: str, function: Callable[..., None], facts: Facts, run: Run) -> CheckResult:
    marks = {mark.name: mark.args for mark in getattr(function, "pytestmark", ())}
    promise = re.sub(r"\s+", " ", inspect.getdoc(function) or "").strip()
    check = Check(promise, remedy=str(marks["remedy"][0]) if "remedy" in marks else "")
    offered = {"check": check, "facts": facts, "limits": run.host.limits, "host": run.host}
    severity = Severity.GATE if "gate" in marks else Severity.ADVICE
    begun, excinfo = time.monotonic(), None
    try:
        function(**{name: offered[name] for name in inspect.signature(function).parameters})
    except BaseException:  # judged by what it is; an interrupt is raised again
        excinfo = pytest.ExceptionInfo.from_current()
        if excinfo.errisinstance((KeyboardInterrupt, SystemExit)):
            raise
    outcome, reason = outcome_of(excinfo, severity, strict=run.request.strict)
    amiss = outcome in (Outcome.FAILED, Outcome.WARNED)
    return CheckResult(
        id=f"{module.removeprefix('test_')}/{function.__name__.removeprefix('test_')}",
        promise=promise,
        severity=severity,
        outcome=outcome,
        runbook=tuple(map(str, marks.get("runbook", ()))),
        expected=run.redact(check.expected),
        observed=run.redact(check.observed),
        remedy=run.redact(render(check.remedy, facts.site)) if amiss and check.remedy else "",
        reason=run.redact(reason),
        duration_s=round(time.monotonic() - begun, 6),
    )
