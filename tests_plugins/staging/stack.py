"""The Compose project of a staging host: the twin's own, and the ways in which real projects differ from it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests_plugins.staging.images import BACKEND, REDIS
from tests_plugins.staging.requirements import path_of
from twin.compose import FILE, furnish
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What runs on the host. What the twin's own options cannot say stands beside them."""

    twin: Options = field(default_factory=Options)  # names, password, flags, published port, limits …
    redis_image: str = REDIS
    backend_image: str = BACKEND
    backend: bool = True  # False: the project has Redis only
    replicas: int = 1  # of the backend; with several it publishes no port
    #: Laid over the Compose model; None removes: {"services": {"redis_staging": {"healthcheck": None}}}
    changes: Mapping[str, Any] = field(default_factory=dict)
    #: The whole Compose file instead: of the twin's options only the names and the password count then.
    text: str | None = None

    def furnish(self, folder: Path, backend_port: int) -> None:
        """Write what a deployment leaves in the project's folder, which must exist."""
        furnish(folder, self.twin, backend_port)
        with (folder / ".env").open("a", encoding="utf-8") as settings:  # the last word of a name counts
            settings.write(f"TWIN_REDIS_IMAGE={self.redis_image}\nTWIN_BACKEND_IMAGE={self.backend_image}\n")
        if self.text is not None:
            (folder / FILE).write_text(self.text, encoding="utf-8")
        elif changes := self._all_changes():
            # JSON is YAML, too.
            (folder / FILE).write_text(json.dumps(merged(model(folder), changes), indent=2), encoding="utf-8")

    def _all_changes(self) -> dict[str, Any]:
        service = self.twin.backend_service
        if not self.backend:
            return merged({"services": {service: None}}, self.changes)
        if self.replicas > 1:
            several = {"deploy": {"replicas": self.replicas}, "ports": []}
            return merged({"services": {service: several}}, self.changes)
        return dict(self.changes)


def model(folder: Path) -> dict[str, Any]:
    """The folder's Compose file as data, its variables not filled in. Raises ``RuntimeError`` with Compose's words."""
    done = subprocess.run(
        [path_of("docker"), "compose", "-f", FILE, "config", "--no-interpolate", "--format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"docker compose cannot read {folder / FILE}: {done.stderr.strip()}")
    described: dict[str, Any] = json.loads(done.stdout)
    described.pop("name", None)  # Compose names a project and what is in it after the folder: not ours
    for kind in ("networks", "volumes"):
        for one in described.get(kind, {}).values():
            one.pop("name", None)
    return described


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the changes laid over it: tables are merged, other values replaced, None stays for removal.

    None in a change removes the key where ``base`` has it.
    """
    result = dict(base)
    for key, value in changes.items():
        below = result.get(key)
        if value is None and key in result:
            del result[key]
        elif isinstance(value, dict) and isinstance(below, dict):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result
