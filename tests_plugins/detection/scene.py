"""A healthy host, and what a row has done to it so far."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.request import urlopen

from plugins.eventually import eventually
from twin import resp
from twin.compose import ComposeActions
from twin.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests_plugins.gate import Gate
    from twin.handle import Twin

#: A backend may try to connect for a second, and wait for an answer for another, before it logs that Redis is away.
LULL_S = 2.2
#: What a mended host may need until it is well, in seconds: a paused backend, a back-off of the restart policy.
WELL_S = 20.0


class Subject(Protocol):
    """A healthy host that may be broken, and the gate that judges it."""

    @property
    def twin(self) -> Twin:
        """The host itself."""
        ...

    def judge(
        self, *, changes: Mapping[str, Any], environ: Mapping[str, str], arguments: Sequence[str], folder: Path
    ) -> Gate:
        """Run the gate; ``changes`` are laid over the host's entry in the inventory, ``folder`` is for scratch."""
        ...


@dataclass
class Scene:
    """What a row has broken, how the gate is told to look, and how everything is mended."""

    subject: Subject
    folder: Path  # for scratch
    changes: dict[str, Any] = field(default_factory=dict)  # to the host's entry in the inventory
    environ: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    since: datetime | None = field(default_factory=lambda: datetime.now(UTC))
    stack: ExitStack = field(default_factory=ExitStack)
    disrupted: bool = False  # clients lost their connections: what they tell of it comes late

    @property
    def twin(self) -> Twin:
        """The host that is broken."""
        return self.subject.twin

    def mend(self, undo: Callable[..., object], *arguments: object) -> None:
        """Do this when the row is over; what was broken last is mended first."""
        self.stack.callback(undo, *arguments)

    def judge(self) -> Gate:
        """Run the gate on the host as it is now."""
        since = ["--since", self.since.isoformat()] if self.since is not None else []
        return self.subject.judge(
            changes=self.changes, environ=self.environ, arguments=[*since, *self.arguments], folder=self.folder
        )


def await_well(twin: Twin, *, disrupted: bool = False, healthy: bool = True) -> None:
    """Wait until the host is well from every side, and nothing more is told of what was. Raises ``NotInTime``.

    ``healthy`` False: the engine's health checks may say what they like.
    """
    eventually(
        lambda: unwell(twin, healthy=healthy),
        lambda said: not said,
        what="a host that is well",
        within_s=WELL_S,
        hold_s=LULL_S if disrupted and twin.kind == "compose" else 0.0,  # without an engine, refused at once
        catch=(OSError, resp.ErrorReply, http.client.HTTPException),
    )


def forget_slowness(twin: Twin) -> None:
    """On a busy machine the table's own commands are slow at times; that is not what the gate is to find."""
    with suppress(OSError, RuntimeError, resp.ErrorReply):  # there may be no Redis to ask
        twin.redis("SLOWLOG", "RESET", timeout_s=0.5)


def unwell(twin: Twin, *, healthy: bool = True) -> str:
    """What is amiss with the host; empty: nothing. Raises ``OSError`` and ``ErrorReply`` where it cannot be asked."""
    if (pong := twin.redis("PING")) != b"PONG":
        return f"PING says {pong!r}"
    with urlopen(twin.host.readiness_url or "", timeout=5) as answer:  # noqa: S310 - the twin's own address
        said = json.load(answer)
    if said["checks"]["redis"] != {"status": "ok"}:
        return f"readiness says {said}"
    services = (twin.host.redis_service, twin.host.backend_service or "") if healthy else ()
    sick = [service for service in services if _sick(twin, service)]
    return f"not healthy: {', '.join(sick)}" if sick else ""


def _sick(twin: Twin, service: str) -> bool:
    """Whether the engine's health check has found the service unhealthy."""
    if isinstance(twin.actions, ComposeActions):
        health = twin.actions.inspect(service)["State"].get("Health")
        return health is not None and health["Status"] == "unhealthy"
    assert twin.supervisor is not None  # a twin of processes has one
    found = {described["name"]: described["health"] for described in client.call(twin.supervisor, "containers")}
    return bool(found[service] == "unhealthy")
