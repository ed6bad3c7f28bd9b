"""What is asked of the engine: its API's paths and what goes with them, where a plan can name them too. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plugins.target.projects import SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INFO = "/info"
VERSION = "/version"
CONTAINERS = "/containers/json"
#: Every container of Compose's, of all projects, stopped ones too.
OF_COMPOSE = {"all": "1", "filters": json.dumps({"label": [SERVICE]})}
EVENTS = "/events"
#: What begins, ends or halts a container, or changes where it is; of all containers, for the engine's filter by one
#: leaves out the networks'.
_LIFE = ("start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "destroy", "connect", "disconnect")
OF_LIFE = {"filters": json.dumps({"type": ["container", "network"], "event": _LIFE})}


def container(name: str) -> str:
    """All that the engine knows of a container."""
    return f"/containers/{name}/json"


def log(name: str) -> str:
    """A container's log."""
    return f"/containers/{name}/logs"


def newest(since: str, lines: str) -> dict[str, str]:
    """Which part of a log: both streams, stamped, from ``since`` (epoch seconds) on, so many lines from its end."""
    return {"stdout": "1", "stderr": "1", "timestamps": "1", "since": since, "tail": lines}


def whole() -> dict[str, str]:
    """The log from the oldest line that is kept; who only wants to know when that was written reads one line of it."""
    return newest("0", "all")


def execution(name: str) -> str:
    """Where a command is made ready in a container."""
    return f"/containers/{name}/exec"


def started(execution_id: str) -> str:
    """Where it is started."""
    return f"/exec/{execution_id}/start"


def ended(execution_id: str) -> str:
    """What came of it."""
    return f"/exec/{execution_id}/json"


def wanted(argv: Sequence[str], env: Mapping[str, str], *, fed: bool) -> dict[str, object]:
    """The command that is made ready; ``fed``: it reads what is sent to it."""
    return {
        "Cmd": list(argv),
        "Env": [f"{name}={value}" for name, value in env.items()],
        "AttachStdin": fed,
        "AttachStdout": True,
        "AttachStderr": True,
    }
