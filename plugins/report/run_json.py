"""``run.json``: what a pipeline reads. Its schema is the suite's contract; fields are added, never changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, TypeVar

from plugins.options import Suite
from plugins.run import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from plugins.check import CheckResult
    from plugins.facts import Facts
    from plugins.run import Run

T = TypeVar("T")

SCHEMA = 1


class Target(TypedDict):
    """Which host, engine, server and containers a run was about; null where they were not reached."""

    hostname: str | None
    engine_id: str | None
    redis_run_id: str | None
    redis_version: str | None
    containers: Mapping[str, str]


def identify(facts: Facts | None) -> Target:
    """What was reached, as far as it was reached."""
    if facts is None:
        return Target(hostname=None, engine_id=None, redis_run_id=None, redis_version=None, containers={})
    return Target(
        hostname=_known(lambda: facts.engine.name),
        engine_id=_known(lambda: facts.engine.id),
        redis_run_id=_known(lambda: facts.redis.server.run_id),
        redis_version=_known(lambda: facts.redis.server.version),
        containers=_known(lambda: {c.name: c.id for c in (facts.redis_container, *facts.backends)}) or {},
    )


def _known(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except Exception:  # noqa: BLE001 - a fact that broke is told by its own check; the verdict is still owed
        return None


def document(run: Run, target: Target, exit_code: int) -> Mapping[str, object]:
    """The run as JSON: verdict first, then what it was reached from."""
    return {
        "schema": SCHEMA,
        "run_id": run.run_id,
        "suite": run.request.suite,
        "host": run.host.name,
        "verdict": verdict(exit_code),
        "exit_code": exit_code,
        "reason": run.reason(exit_code),
        "started": run.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration_s": round(run.duration_s, 3),
        "target": target,
        "notes": run.notes,
        "checks": [result.to_json() for result in _checks(run)],
        "experiments": [experiment.to_json() for experiment in run.experiments],
    }


def _checks(run: Run) -> Iterator[CheckResult]:
    """The checks of verify; of chaos the checklist's, after each experiment and by its name."""
    if run.request.suite is not Suite.CHAOS:
        yield from run.results.values()
    for experiment in run.experiments:
        for check in experiment.checks:
            yield replace(check, id=f"{experiment.fault}/{check.id}")


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write the document whole or not at all. Raises ``OSError``."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")
    draft.replace(path)
