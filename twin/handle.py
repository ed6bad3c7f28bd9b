"""A twin that is up: how to reach it, how to make it misbehave, and the interventions."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from plugins.eventually import eventually
from plugins.inventory import Chaos, Environment, Host
from twin import resp, start_delay
from twin.misbehaviour import Misbehaviour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.options import Options

#: How long a log line may take from the backend to the log, in seconds.
LOGGED_S = 5.0


class NotUp(Exception):
    """The twin could not be brought up; the message says why, in the words of whoever refused."""


class Actions(Protocol):
    """What a kind of twin can do to its services, by service name."""

    def act(self, verb: str, service: str) -> None:
        """One intervention: stop, start, restart, kill, pause, unpause, crash. Raises ``RuntimeError``."""
        ...

    def log(self, service: str) -> str:
        """Everything the service has logged."""
        ...

    def redis_address(self) -> tuple[str, int]:
        """Where Redis answers, from this machine."""
        ...

    def spare_url(self) -> str:
        """The address of the spare Redis (service ``redis_spare``) as the backend would write it."""
        ...


@dataclass(frozen=True)
class Twin:
    """A disposable staging host that is up."""

    kind: str  # "compose" or "processes"
    host: Host
    environ: Mapping[str, str]  # for whoever opens the host: this process's, and the password if there is one
    supervisor: Path | None  # the process twin's control socket
    options: Options
    orders: Path  # the file that the backend obeys
    actions: Actions
    because: str = ""  # why it is no Compose twin, where one was tried

    def misbehave(  # noqa: PLR0913 - an option for each way to misbehave, all keyword-only
        self,
        *,
        readiness: str = "honest",
        delay_s: float = 0.0,
        available: str = "honest",
        redis_url: str | None = None,
        reconnects: bool = True,
        log: str | bytes | None = None,
        stream: str = "stderr",
    ) -> None:
        """Give the backend its orders (those not named are withdrawn), and have it write ``log`` to its log.

        Returns when the backend follows them and the lines are in the log. Raises ``ValueError`` for unknown
        words, ``OSError`` when a log is wanted of a backend that does not answer.
        """
        self.obey(
            Misbehaviour(
                readiness=readiness,
                delay_s=delay_s,
                available=available,  # type: ignore[arg-type] # checked when made
                redis_url=redis_url,
                reconnects=reconnects,
            )
        )
        if log is not None:
            self.write_log(log, stream)

    def behave(self) -> None:
        """Withdraw all orders."""
        self.obey(Misbehaviour())

    def obey(self, misbehaviour: Misbehaviour) -> None:
        """Make these the backend's orders; where it runs, return when it follows them."""
        write_orders(self.orders, misbehaviour)
        try:
            self._post("/twin/follow")
        except OSError:
            return  # it does not run: it will read the file when it does

    def delay_start(self, seconds: float) -> None:
        """From its next start on, have Redis wait so long before it starts.

        Raises ``ValueError`` where the twin was made without ``start_delay_s``, or for what is no length of time.
        """
        if self.options.start_delay_s is None:
            raise ValueError("this twin's starts cannot be delayed: make it with Options(start_delay_s=0)")
        start_delay.write(self.orders.parent, seconds)

    def write_log(self, text: str | bytes, stream: str = "stderr") -> None:
        """Have the backend write these lines, and return when they are in its log."""
        data = text if isinstance(text, bytes) else text.encode()
        service = self.options.backend_service
        before = len(self.actions.log(service))
        self._post(f"/twin/log?stream={stream}", data if data.endswith(b"\n") else data + b"\n")
        last = data.rstrip(b"\n").rpartition(b"\n")[2].decode(errors="backslashreplace")
        eventually(
            lambda: self.actions.log(service)[before:],
            lambda added: last in added,
            what=f"the line {last!r} in the log of {service}",
            within_s=LOGGED_S,
        )

    def redis(self, *command: str | bytes | int, timeout_s: float = 5.0) -> resp.Reply:
        """One command to the twin's Redis, as its all-powerful user. Raises ``resp.ErrorReply`` and ``OSError``."""
        login = [("AUTH", self.options.password)] if self.options.password else []
        *_, reply = resp.ask(self.actions.redis_address(), *login, command, timeout_s=timeout_s)
        if isinstance(reply, resp.ErrorReply):
            raise reply
        return reply

    @property
    def spare_url(self) -> str:
        """A second Redis as the backend reaches it, once ``redis_spare`` was started."""
        return self.actions.spare_url()

    def stop(self, service: str) -> None:
        """Stop it as the runbook does: SIGTERM, SIGKILL after ten seconds; it stays down."""
        self.actions.act("stop", service)

    def start(self, service: str) -> None:
        """Start it; running already is fine."""
        self.actions.act("start", service)

    def restart(self, service: str) -> None:
        """Stop and start it."""
        self.actions.act("restart", service)

    def kill(self, service: str) -> None:
        """SIGKILL by hand: it stays down."""
        self.actions.act("kill", service)

    def pause(self, service: str) -> None:
        """Freeze it."""
        self.actions.act("pause", service)

    def unpause(self, service: str) -> None:
        """Thaw it."""
        self.actions.act("unpause", service)

    def crash(self, service: str) -> None:
        """SIGKILL from nowhere: its restart policy decides what follows."""
        self.actions.act("crash", service)

    def _post(self, path: str, body: bytes = b"") -> None:
        try:
            address = httpx.URL(self.host.readiness_url or "").join(path)
            httpx.post(address, content=body, timeout=5, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise OSError(f"the backend answered {path} with {error!r}") from None


def host_of(  # noqa: PLR0913 - what differs between the kinds, all keyword-only
    options: Options,
    *,
    project_dir: str,
    compose_project: str | None,
    redis_port: int,
    readiness_port: int,
    engine_id: str | None,
) -> Host:
    """The inventory entry of a twin."""
    return Host(
        name="twin",
        environment=Environment.DEVELOPMENT,
        project_dir=project_dir,
        compose_project=compose_project,
        redis_service=options.redis_service,
        backend_service=options.backend_service,
        redis_port=redis_port,
        redis_password_env=options.password_env if options.password else None,
        readiness_url=f"http://127.0.0.1:{readiness_port}/api/v1/ready",
        role="master",
        policy=options.policy,
        chaos=Chaos(allowed=True, engine_id=engine_id),
    )


def environ_of(options: Options) -> dict[str, str]:
    """The environment, with Redis's password where there is one."""
    return {**os.environ, **({options.password_env: options.password} if options.password else {})}


def write_orders(path: Path, misbehaviour: Misbehaviour) -> None:
    """Replace the orders in one step: the backend never reads half of them."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(misbehaviour.orders(), file)
    Path(file.name).chmod(0o644)  # in a container the backend may be another user
    Path(file.name).replace(path)
