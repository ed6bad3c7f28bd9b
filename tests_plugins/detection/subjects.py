"""The healthy hosts that rows break, and how the gate is sent to each."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests_plugins.gate import Gate, run_gate
from tests_plugins.staging import NAME
from tests_plugins.staging.host import to_toml
from tests_plugins.staging.stack import merged
from twin import standing
from twin.compose import ComposeActions
from twin.handle import Twin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests_plugins.staging import StagingHost
    from twin.engine import LocalEngine


@dataclass(frozen=True)
class ProcessTwin:
    """A twin of plain processes, judged as ``--host twin``."""

    twin: Twin
    reports: Path

    def judge(
        self, *, changes: Mapping[str, Any], environ: Mapping[str, str], arguments: Sequence[str], folder: Path
    ) -> Gate:
        """See ``scene.Subject``."""
        file = folder / "twin.json"
        standing.save(self.twin, file)
        saved = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**saved, "host": merged(saved["host"], changes)}), encoding="utf-8")
        known = {**os.environ, **self.twin.environ, standing.VARIABLE: str(file), **environ}
        return run_gate("--host", "twin", *arguments, reports=self.reports, environ=known)


@dataclass(frozen=True)
class Staging:
    """A real staging host: Docker Compose, reached over SSH, judged as ``--host staging --inventory FILE``."""

    host: StagingHost
    engine: LocalEngine
    reports: Path

    @property
    def twin(self) -> Twin:
        """The same host as a twin: its services, its backend's orders, its Redis."""
        host, options = self.host.host, self.host.options.stack.twin
        actions = ComposeActions(
            self.engine, self.host.project, self.host.folder, dict(os.environ), options.redis_service
        )
        return Twin(
            kind="compose",
            host=host,
            environ=self.host.environ,
            supervisor=None,
            options=options,
            orders=self.host.folder / "control" / "orders.json",
            actions=actions,
        )

    def judge(
        self, *, changes: Mapping[str, Any], environ: Mapping[str, str], arguments: Sequence[str], folder: Path
    ) -> Gate:
        """See ``scene.Subject``."""
        text = self.host.inventory_file.read_text(encoding="utf-8")
        entry = merged(tomllib.loads(text)["hosts"][NAME], changes)
        file = folder / "hosts.toml"
        file.write_text(to_toml(NAME, entry), encoding="utf-8")
        known = {**self.host.environ, **environ}
        return run_gate("--host", NAME, "--inventory", str(file), *arguments, reports=self.reports, environ=known)
