"""What the supervisor is told to run: the process twin's Compose file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Health:
    """A service's health check: a Redis that answers PING, or an HTTP address that answers 200."""

    kind: str  # "redis" or "http"
    port: int
    host: str = "127.0.0.1"
    path: str = "/"
    interval_s: float = 1.0
    timeout_s: float = 1.0
    retries: int = 3


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One service; what a container of it would be."""

    name: str
    container_id: str
    container_name: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]  # all of it: nothing is inherited
    health: Health
    image: str = ""
    restart: str = "unless-stopped"  # no, always, unless-stopped, on-failure[:N]
    ports: tuple[tuple[str, int, int], ...] = ()  # host address, host port, container port
    addresses: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    starts: bool = True  # False: created only, until it is started
    stop_timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class StackSpec:
    """All services of one twin."""

    project: str
    engine_id: str
    socket: str  # of the control protocol
    folder: str  # everything of the twin is in it; removed at the end
    services: tuple[ServiceSpec, ...]


def dump(spec: StackSpec) -> str:
    """The specification as JSON."""
    return json.dumps(dataclasses.asdict(spec))


def load(text: str) -> StackSpec:
    """The specification from ``dump``'s JSON. Raises ``TypeError`` or ``ValueError`` for anything else."""
    raw = json.loads(text)
    return StackSpec(**{**raw, "services": tuple(_service(service) for service in raw["services"])})


def _service(raw: Mapping[str, Any]) -> ServiceSpec:
    fields = dict(raw)
    fields["health"] = Health(**fields["health"])
    fields["ports"] = tuple((str(ip), int(there), int(inside)) for ip, there, inside in fields["ports"])
    for name in ("argv", "addresses"):
        fields[name] = tuple(fields[name])
    return ServiceSpec(**fields)
