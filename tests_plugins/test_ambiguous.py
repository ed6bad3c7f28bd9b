"""Where it is not known which containers are meant, one check says so, and no other is judged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from plugins.facts.causes import REDIS_RUNS
from tests_plugins.gate import run_gate
from tests_plugins.staging import REDIS
from tests_plugins.test_compose import project

if TYPE_CHECKING:
    from pathlib import Path

SERVICE: dict[str, Any] = {"image": REDIS, "pull_policy": "never", "stop_grace_period": "0s"}
PAIR = {"unclear_redis": SERVICE, "unclear_backend": {**SERVICE, "entrypoint": ["sleep", "600"]}}


def gate_on(folder: Path, **keys: str) -> list[tuple[str, str, str]]:
    """What a gate on this machine's engine comes to, but for what is asked of the machine and of the engine."""
    entry = {
        "environment": "staging",
        "project_dir": str(folder),
        "redis_service": "unclear_redis",
        "backend_service": "unclear_backend",
        **keys,
    }
    inventory = folder / "hosts.toml"
    text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items() if value)
    inventory.write_text(f"[hosts.here]\n{text}\n", encoding="utf-8")
    gate = run_gate("--host", "here", f"--inventory={inventory}", reports=folder / "r")
    assert (gate.exit_code, gate.document["verdict"]) == (10, "unjudged"), gate.output
    return [(one.id, one.outcome, one.reason) for one in gate.checks.values() if not one.id.startswith("host/")]


def test_of_several_projects_nobody_is_judged(tmp_path: Path) -> None:
    """One check has no verdict and names the key that decides; whatever else cannot be asked is skipped for that."""
    with project(PAIR) as one, project(PAIR) as other:
        judged = gate_on(tmp_path)
    ((unknown, reason),) = [(check, reason) for check, outcome, reason in judged if outcome == "error"]
    assert unknown == REDIS_RUNS
    assert all(word in reason for word in (one.name, other.name, "compose_project"))
    rest = {check: outcome for check, outcome, _ in judged if check != REDIS_RUNS}
    assert set(rest.values()) == {"skipped"}, rest
    assert sum(f"because {REDIS_RUNS} failed" in reason for _, _, reason in judged) > len(rest) / 2


def test_of_several_running_redises_nobody_is_judged(tmp_path: Path) -> None:
    """Two replicas: the same."""
    with project({"unclear_redis": {**SERVICE, "deploy": {"replicas": 2}}}) as one:
        judged = gate_on(tmp_path, compose_project=one.name, backend_service="")
    errors = {check: reason for check, outcome, reason in judged if outcome == "error"}
    assert set(errors) == {REDIS_RUNS}
    assert f"{one.name}-unclear_redis-1, {one.name}-unclear_redis-2" in errors[REDIS_RUNS]
