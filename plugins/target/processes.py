"""The process twin's services, asked through its supervisor's socket: the stack where there is no engine."""

from __future__ import annotations

import base64
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plugins.target.events import EngineEvent
from plugins.target.model import (
    CarrierFailed,
    Completed,
    Container,
    Engine,
    Log,
    LogRecord,
    PortBinding,
    ServiceMissing,
    Stack,
    TargetError,
    TimedOut,
)
from plugins.verdict import Unreachable
from twin.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

#: What the supervisor answers without waiting for a service, it answers within this many seconds.
PROMPT_S = 5.0
#: Seconds that one question for news waits.
WAIT_S = 0.2


class ProcessStack(Stack):
    """A ``Stack`` over the supervisor's unix socket. Every call is a connection of its own; nothing is kept."""

    def __init__(self, supervisor: Path) -> None:
        self._supervisor = supervisor

    def engine(self) -> Engine:
        """The supervisor. Raises ``Unreachable`` when it does not answer."""
        try:
            found = self._call("engine")
        except TargetError as error:
            raise Unreachable(str(error)) from None
        return Engine(
            id=found["id"],
            version=found["version"],
            name=found["name"],
            kind="processes",
            storage_dir=found["storage_dir"],
            clock=_instant(found["clock"]),
        )

    def containers(self, service: str) -> tuple[Container, ...]:
        """The service's one container. Raises ``ServiceMissing``."""
        found = self._call("containers")
        names = [described["name"] for described in found]
        if service not in names:
            raise ServiceMissing(f"the twin has no service {service!r}; it has {', '.join(names)}")
        return tuple(_container(described) for described in found if described["name"] == service)

    def addresses(self) -> frozenset[str]:
        """Loopback addresses, one or more a service."""
        return frozenset(address for described in self._call("containers") for address in described["addresses"])

    def again(self, container: Container) -> Container | None:
        """See ``events.Observable``."""
        return next((one for one in self.containers(container.service) if one.id == container.id), None)

    def events(self, container: Container) -> SupervisorEvents:
        """See ``events.Observable``."""
        return SupervisorEvents(self._call, container.id)

    def execute(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Completed:
        """Run a command in the service's surroundings. Raises ``TimedOut``, or ``TargetError`` when refused."""
        found = self._call(
            "execute",
            timeout_s=timeout_s,
            service=container.service,
            argv=list(argv),
            env=dict(env or {}),
            stdin=base64.b64encode(stdin).decode(),
        )
        return Completed(
            argv=tuple(argv),
            exit_code=found["exit_code"],
            stdout=base64.b64decode(found["stdout"]),
            stderr=base64.b64decode(found["stderr"]),
        )

    def logs(self, container: Container, *, since: datetime, max_bytes: int = 4_000_000) -> Log:
        """The service's log from ``since`` on (an instant with a time zone), its newest ``max_bytes``."""
        stamp = since.astimezone(UTC).isoformat()
        found = self._call("logs", service=container.service, since=stamp, max_bytes=max_bytes)
        records = tuple(
            LogRecord(at=datetime.fromisoformat(at), stream=stream, text=text) for at, stream, text in found["records"]
        )
        return Log(since=since, records=records, truncated=found["truncated"])

    def close(self) -> None:
        """Nothing is kept open."""

    def _call(self, op: str, *, timeout_s: float = PROMPT_S, **parameters: object) -> Any:
        try:
            return client.call(self._supervisor, op, timeout_s=timeout_s, **parameters)
        except client.Refusal as refusal:
            if refusal.code == "timed_out":
                raise TimedOut(f"{op} in the twin: {refusal}") from None
            raise TargetError(f"the twin's supervisor: {refusal}") from None
        except TimeoutError:
            raise TimedOut(f"the twin's supervisor gave no answer to {op} in {timeout_s:g} s") from None
        except OSError as error:
            raise CarrierFailed(f"the twin's supervisor at {self._supervisor} is gone: {error}") from None


class SupervisorEvents:
    """See ``events.Feed``."""

    def __init__(self, call: Callable[..., Any], container_id: str) -> None:
        self._call = call
        self._container_id = container_id
        self._last = 0
        self._closed = threading.Event()

    def open(self) -> None:
        """See ``events.Feed``."""
        self._last = self._call("events", after=None)["last"]

    def __iter__(self) -> Iterator[EngineEvent]:
        """See ``events.Feed``."""
        while not self._closed.is_set():
            told = self._call("events", after=self._last, timeout_s=WAIT_S)
            received = time.monotonic()
            self._last = max([self._last, *(one["number"] for one in told["events"])])
            for one in told["events"]:
                if one["id"] == self._container_id:
                    yield EngineEvent(one["action"], datetime.fromisoformat(one["at"]), received, one["attributes"])

    def close(self) -> None:
        """See ``events.Feed``: it ends within ``WAIT_S`` seconds."""
        self._closed.set()


def _container(described: Mapping[str, Any]) -> Container:
    return Container(
        id=described["container_id"],
        name=described["container_name"],
        service=described["name"],
        image=described["image"],
        state=described["state"],
        exit_code=described["exit_code"],
        health=described["health"],
        started_at=_instant(described["started_at"]),
        finished_at=_instant(described["finished_at"]),
        restart_count=described["restart_count"],
        restart_policy=described["restart_policy"],
        argv=tuple(described["argv"]),
        ports=tuple(PortBinding(*port) for port in described["ports"]),
        addresses=tuple(described["addresses"]),
        # Neither an engine's network nor "host", which means that bindings say nothing.
        network_mode="loopback",
        mounts=described["mounts"],
    )


def _instant(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None
