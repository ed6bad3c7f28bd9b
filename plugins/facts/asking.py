"""The probes of a host under test, made of its target: which container, which wire, which credentials."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from plugins.canary import Write
from plugins.facts.readiness import Readiness, read_answer, read_failure
from plugins.probe import CARRIER, DETOUR, Answer, ExecPing, Vantage, WirePing, is_absent, is_missing, timed
from plugins.target.model import (
    CarrierFailed,
    Completed,
    ForwardingRefused,
    LogUnreadable,
    NoRoute,
    TargetError,
    TimedOut,
)
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from plugins.inventory import Host
    from plugins.target.model import Container, Engine, Log, Stack, Wire
    from plugins.target.open import Target

_HEAD_START = timedelta(seconds=2)
_LAST_LINES = 3  # of a traceback: the exception and what raised it
_SHOWN = 400  # characters of them
_HANDSHAKE_S = 1.0  # for what hangs up on a PING to answer a TLS handshake
_AT_ONCE = 4  # replicas that are asked at the same time


def client_arguments(host: Host, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What ``redis-cli`` needs to know for a PING beside the password."""
    user = environ.get(host.redis_username_env, "") if host.redis_username_env else ""
    named = ("--user", user) if user else ()
    return ("-p", str(host.redis_port), *named)


def client_env(host: Host, environ: Mapping[str, str]) -> dict[str, str]:
    """The password where ``redis-cli`` and ``valkey-cli`` look for it, never in argv."""
    password = environ.get(host.redis_password_env, "") if host.redis_password_env else ""
    return {"REDISCLI_AUTH": password, "VALKEYCLI_AUTH": password} if password else {}


def exec_ping(target: Target, redis: Container) -> ExecPing:
    """PING inside Redis's container, with the suite's credentials."""
    host, environ = target.host, target.environ
    return ExecPing(target.stack, redis, client_arguments(host, environ), client_env(host, environ))


def ping(target: Target, redis: Container, open_wire: Callable[[], Wire | None]) -> Answer:
    """PING over the network. That no way there can be opened is an answer too."""

    def ask() -> Answer:
        wire = _opened(open_wire)
        return off_the_network(WirePing(wire).ask(), getattr(wire, "detour", None), redis, target.stack.engine)

    return timed(Vantage.PING, ask)


def ping_once(target: Target, redis: Container) -> Answer:
    """The same over a connection of its own, closed afterwards."""
    wires: list[Wire] = []

    def opened() -> Wire:
        wires.append(target.wire(redis))
        return wires[0]

    try:
        return ping(target, redis, opened)
    finally:
        for wire in wires:
            wire.close()


def speaks_tls(wire: Wire | None) -> bool:
    """Whether it is TLS that answers where Redis is asked over the network."""
    ask = getattr(wire, "speaks_tls", None)
    return bool(ask and ask(_HANDSHAKE_S))


def off_the_network(
    answer: Answer, detour: Sequence[TargetError] | None, redis: Container, engine: Callable[[], Engine]
) -> Answer:
    """What a PING is worth that was asked inside the container, because no address answered (``detour``: why).

    Where the way there is what is missing (forwarding forbidden, no route, an engine whose networks cannot be reached
    from its host), that is no fault of Redis's. Where what carries the connections failed, nobody knows; else nobody
    could reach Redis over the network, so it is not well.
    """
    if detour is None or not answer.ok:
        return answer
    if not redis.addresses and not redis.ports and redis.network_mode != "host":
        return replace(answer, ok=False, detail=f"{redis.name} is on no network")
    if carrier := [failure for failure in detour if isinstance(failure, CarrierFailed)]:
        return replace(answer, ok=None, code=CARRIER, detail=f"could not be asked over the network: {carrier[0]}")
    forbidden = any(isinstance(failure, ForwardingRefused) for failure in detour)
    if forbidden or all(isinstance(failure, NoRoute) for failure in detour) or engine().rootless:
        why = str(detour[0]) if detour else "its network cannot be reached from here"
        return replace(answer, code=DETOUR, detail=f"asked inside the container, for {why}")
    return replace(answer, ok=False, detail=f"answers inside its container only: {detour[0]}")


def write(target: Target, redis: Container) -> Answer:
    """The write round trip, over a connection of its own: it must not wait for what else is asked."""

    def ask() -> Answer:
        wire = target.wire(redis)
        try:
            return Write(wire, target.host.namespace, replica=target.host.role == "replica").ask()
        finally:
            wire.close()

    return timed(Vantage.WRITE, ask)


def _opened(open_wire: Callable[[], Wire | None]) -> Wire:
    wire = open_wire()
    if wire is None:
        raise TargetError("there is no way to Redis: its container does not run")
    return wire


def reading(path: str) -> tuple[str, ...]:
    """The command that prints a file."""
    return ("cat", "--", path)


def read_file(target: Target, container: Container, path: str) -> bytes | None:
    """A file inside a container; None where it cannot be read."""
    try:
        done = target.stack.execute(container, reading(path))
    except TargetError:
        return None
    return done.stdout if done.exit_code == 0 else None


def read_logs(target: Target, containers: Sequence[Container], since: datetime) -> list[Log]:
    """The containers' logs, from shortly before ``since`` on, so that the head of a traceback is not cut off.

    Raises ``Unjudged`` where the log driver keeps nothing.
    """
    try:
        return [target.stack.logs(one, since=since - _HEAD_START) for one in containers]
    except LogUnreadable as error:
        raise Unjudged(f"the log cannot be read back: {error}") from error


def last_lines(text: str) -> str:
    """The end of what a failed command printed: the exception of a traceback, bounded."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    exception = [line for line in lines[-_LAST_LINES:] if not line.startswith(("File ", "Traceback ", "^", "~"))]
    text = " | ".join(exception)
    return text if len(text) <= _SHOWN else f"…{text[1 - _SHOWN :]}"


@dataclass(frozen=True)
class Replica:
    """What one container of the backend said: ``done`` None where it was not asked, ``code`` as an answer's."""

    name: str
    done: Completed | None
    complaint: str = ""
    code: str = ""


def read_backend(replicas: Sequence[Replica]) -> Answer:
    """All running replicas must be able to use Redis; the detail names those that cannot, and why."""
    unasked = [f"{one.name}: {one.complaint}" for one in replicas if one.done is None]
    absent = [f"{one.name}: {_last_words(one.done)}" for one in replicas if one.done and is_absent(one.done)]
    failed = [
        f"{one.name}: {_last_words(one.done)}"
        for one in replicas
        if one.done and one.done.exit_code != 0 and not is_absent(one.done)
    ]
    verdict: bool | None
    code = ""
    match failed, unasked + absent:
        case [], []:
            verdict, detail = True, f"exit 0 in {', '.join(one.name for one in replicas)}"
        case [], _:
            verdict, detail = None, "backend_check cannot be run: " + "; ".join(unasked + absent)
            code = CARRIER if any(one.code == CARRIER for one in replicas) else ""
        case _:
            verdict, detail = False, "; ".join(failed)
    return Answer(ok=verdict, detail=detail, took_s=0.0, vantage=Vantage.BACKEND, code=code)


def _last_words(done: Completed) -> str:
    """A failed command's exit code, and what it said last; the engine's own complaint is on standard output."""
    said = last_lines(done.errors) or last_lines(done.text)
    return f"exit {done.exit_code}: {said}" if said else f"exit {done.exit_code}, without a word"


@dataclass(frozen=True)
class BackendProbe:
    """The inventory's ``backend_check`` in every running container of the backend."""

    stack: Stack
    replicas: tuple[Container, ...]
    argv: tuple[str, ...]
    timeout_s: float = 10.0
    vantage: Vantage = Vantage.BACKEND

    def ask(self) -> Answer:
        """Ask every replica once, a few at a time."""
        return timed(self.vantage, self._ask)

    def _ask(self) -> Answer:
        if len(self.replicas) == 1:
            return read_backend([self._ask_one(self.replicas[0])])
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="facts: backend") as pool:
            return read_backend(list(pool.map(self._ask_one, self.replicas)))

    def _ask_one(self, replica: Container) -> Replica:
        try:
            return Replica(replica.name, self.stack.execute(replica, self.argv, timeout_s=self.timeout_s))
        except TimedOut as error:
            return Replica(replica.name, _timed_out(self.argv, str(error)))
        except TargetError as error:
            if is_missing(str(error)):
                return Replica(replica.name, None, f"{self.argv[0]} is not in the container: {error}")
            # Or it stopped running meanwhile: the next look tells.
            return Replica(replica.name, None, str(error), CARRIER)


def _timed_out(argv: tuple[str, ...], complaint: str) -> Completed:
    """A check that hangs is a check that fails: the backend waits for Redis and gives nobody an answer."""
    return Completed(argv, 124, stderr=f"no answer in time: {complaint}".encode())


def backend(target: Target, running: Sequence[Container]) -> BackendProbe:
    """The inventory's check in the containers that run."""
    return BackendProbe(target.stack, tuple(running), target.host.backend_check)


@dataclass(frozen=True)
class ReadinessProbe:
    """The backend's readiness address, asked from the runner or from the host as the inventory says."""

    target: Target
    timeout_s: float = 5.0
    vantage: Vantage = Vantage.READINESS

    def ask(self) -> Answer:
        """Ask once; ``degraded`` is well where Redis is optional."""
        return timed(self.vantage, lambda: self.read().answer(redis_optional=self.target.host.redis_optional))

    def read(self) -> Readiness:
        """Ask once and read all that the answer tells."""
        start = time.monotonic()
        try:
            read = read_answer(self.target.readiness(timeout_s=self.timeout_s))
            return replace(read, at=time.monotonic())
        except TargetError as error:
            return read_failure(error, time.monotonic() - start)
