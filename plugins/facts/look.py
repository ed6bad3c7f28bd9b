"""One look at everything: each question is asked as soon as what it needs is there.

The critical path is connect, list, inspect, and the backend's own check; the rest happens meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plugins.facts import asking, container
from plugins.facts.addressee import Addressee
from plugins.facts.bond import Bond
from plugins.facts.causes import Chain
from plugins.facts.engine import Introduction
from plugins.facts.logs import Story, tell
from plugins.facts.secured import secured
from plugins.probe import CARRIER, Answer, Vantage
from plugins.since import Clocks, Since, SinceRequest, resolve
from plugins.target.model import ServiceAmbiguous, ServiceMissing, TargetError
from plugins.target.projects import elsewhere
from plugins.verdict import NotApplicable, NotJudged, Unjudged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from plugins.facts.container import Standing
    from plugins.facts.counters import Counters
    from plugins.facts.flow import Flow, Later
    from plugins.facts.keyspace import Keyspace
    from plugins.facts.machine import Machine
    from plugins.facts.readiness import Readiness
    from plugins.facts.server import RedisFacts
    from plugins.facts.site import Site
    from plugins.steady import Pulse
    from plugins.target.model import Container, Wire
    from plugins.target.open import Target


@dataclass(frozen=True)
class Order:
    """What a gathering was asked for."""

    since: SinceRequest
    baseline: Callable[[str], Counters | None]
    write: bool
    wait_s: float
    stable_for_s: float


class Look:
    """One look at everything. Its parts are under way when the constructor returns."""

    def __init__(self, target: Target, flow: Flow, order: Order) -> None:
        self._target = target
        self._flow = flow
        self._order = order
        self.baseline = order.baseline
        start = flow.start
        # A part may only wait for parts that were started before it.
        self._reached: Later[None] = start("the connection", target.shell.open)
        self.readiness: Later[Readiness | None] = start("readiness", self._ask_readiness)
        self.introduction: Later[Introduction] = start("the engine", self._meet)
        self.redis: Later[Standing] = start("Redis's container", self._find_redis)
        self.backends: Later[Standing | None] = start("the backend's containers", self._find_backends)
        self.addresses: Later[frozenset[str]] = start("the project's addresses", self._find_addresses)
        self.site: Later[Site] = start("the project's folder", self._find_site)
        self.exec_ping: Later[Answer | None] = start("in-container PING", self._ask_inside)
        self.backend: Later[Answer | None] = start("the backend's check", self._ask_backend)
        self._wire: Later[Wire | None] = start("the way to Redis", self._open_wire)
        self.ping: Later[Answer | None] = start("wire PING", self._ask_outside)
        self.write: Later[Answer | None] = start("the write round trip", self._ask_write)
        self.since: Later[Since] = start("the host's clock", self._settle_since)
        self.logs: Later[Story] = start("the backend's log", self._read_logs)
        self.machine: Later[Machine] = start("the machine", self._ask_machine)
        self.chain: Later[Chain] = start("Redis", self._link)
        self.server: Later[RedisFacts] = start("Redis's own facts", self._ask_server)
        self.keyspace: Later[Keyspace] = start("the keyspace", self._survey)
        self.config_file: Later[bytes | None] = start("the configuration file", self._read_config)
        self.bond: Later[Bond] = start("the backend's connections", self._trace)

    def pulse(self) -> Pulse:
        """What this look says of the steady state; a vantage point that hung is unjudged in it."""
        from plugins.steady import Pulse, fallen, silence  # noqa: PLC0415 - only who waits pays for it

        try:
            down, readiness = fallen(self.redis.get(), self.backends.get()), self.readiness.get()
        except NotJudged as unknown:
            return Pulse((silence("the look", str(unknown)),))
        answers = list(self.heard().values())
        if readiness is not None:
            answers.append(readiness.answer(redis_optional=self._target.host.redis_optional))
        return Pulse(tuple(answers), down)

    def heard(self) -> dict[Vantage, Answer]:
        """The vantage points that were asked, but for readiness; one that hung is unjudged among them."""
        parts = {
            Vantage.EXEC_PING: self.exec_ping,
            Vantage.PING: self.ping,
            Vantage.WRITE: self.write,
            Vantage.BACKEND: self.backend,
        }
        heard = {vantage: _heard(part, vantage) for vantage, part in parts.items()}
        return {vantage: answer for vantage, answer in heard.items() if answer is not None}

    def heard_backend(self) -> Answer | None:
        """The backend's own check, likewise; None where it was not asked."""
        return _heard(self.backend, Vantage.BACKEND)

    # --- the host and its containers ----------------------------------------------------------------------------

    def _ask_readiness(self) -> Readiness | None:
        if self._target.host.readiness_url is None:
            return None
        if self._target.host.readiness_via == "host":
            self._reached.get()
        return asking.ReadinessProbe(self._target).read()

    def _meet(self) -> Introduction:
        self._reached.get()
        start = time.monotonic()
        engine = self._target.stack.engine()
        return Introduction(engine, time.monotonic() - start, time.monotonic())

    def _find_redis(self) -> Standing:
        try:
            found = self._containers(self._target.host.redis_service)
        except ServiceMissing as error:
            return container.missing(str(error), elsewhere(error))
        except ServiceAmbiguous as error:
            return container.unclear(str(error))
        return container.stand_alone(found, self._moment(found))

    def _find_backends(self) -> Standing | None:
        service = self._target.host.backend_service
        if service is None:
            return None
        try:
            found = self._containers(service)
        except ServiceMissing as error:
            return container.missing(str(error), elsewhere(error))
        except ServiceAmbiguous as error:
            return container.unclear(str(error))
        return container.stand_together(found, self._moment(found))

    def _moment(self, found: Sequence[Container]) -> datetime | None:
        """The host's clock, to tell since when. Only a container that has ended is worth waiting for it."""
        if all(one.running for one in found) and not self.introduction.done():
            return None
        return self.introduction.get().roughly()

    def _find_addresses(self) -> frozenset[str]:
        self._reached.get()
        return self._target.stack.addresses()

    def _find_site(self) -> Site:
        from plugins.facts.site import survey  # noqa: PLC0415 - imported while the connection is being made

        self.addresses.get()
        return survey(self._target)

    def _containers(self, service: str) -> tuple[Container, ...]:
        self._reached.get()
        try:
            return self._target.stack.containers(service)
        except (ServiceMissing, ServiceAmbiguous):
            raise
        except TargetError:
            self.introduction.get()  # an engine that is gone is unreachable, not unjudged
            raise

    # --- the vantage points -------------------------------------------------------------------------------------

    def _ask_inside(self) -> Answer | None:
        standing = self.redis.get()
        return asking.exec_ping(self._target, standing.containers[0]).ask() if standing.runs else None

    def _ask_backend(self) -> Answer | None:
        standing = self.backends.get()
        return asking.backend(self._target, standing.running).ask() if standing and standing.running else None

    def _open_wire(self) -> Wire | None:
        standing = self.redis.get()
        if not standing.runs:
            return None
        wire = self._target.wire(standing.containers[0])
        self._flow.at_end(wire.close)
        return wire

    def _ask_outside(self) -> Answer | None:
        standing = self.redis.get()
        return asking.ping(self._target, standing.containers[0], self._wire.get) if standing.runs else None

    def _ask_write(self) -> Answer | None:
        if not self._order.write or not self._target.host.canary:
            raise NotApplicable("the suite may not write here: production, or canary = false")
        standing = self.redis.get()
        return asking.write(self._target, standing.containers[0]) if standing.runs else None

    def _link(self) -> Chain:
        standing = self.redis.get()
        inside, outside = _heard(self.exec_ping, Vantage.EXEC_PING), _heard(self.ping, Vantage.PING)
        chain = Chain(standing, inside, outside)
        chain = secured(chain, self._target.host.redis_port, lambda: asking.speaks_tls(self._wire.get()))
        if chain.other_server() is None:
            return chain
        # A restart between the two questions looks the same as two servers: only asking again tells.
        redis = standing.containers[0]
        again = asking.exec_ping(self._target, redis).ask()
        return replace(chain, exec_ping=again, ping=asking.ping_once(self._target, redis))

    # --- Redis's own facts --------------------------------------------------------------------------------------

    def _talk(self) -> Wire:
        """The wire, once its PING has shown that somebody answers there."""
        ping, wire = self.ping.get(), self._wire.get()
        if wire is None or ping is None or (ping.ok is False and not ping.code):
            raise Unjudged("Redis does not answer")
        return wire

    def _ask_server(self) -> RedisFacts:
        from plugins.facts import server  # noqa: PLC0415 - imported while the connection is being made

        return server.read(self._talk().ask(server.COMMANDS))

    def _survey(self) -> Keyspace:
        from plugins.facts.keyspace import survey  # noqa: PLC0415 - imported while the connection is being made

        self.server.get()  # the wire carries one question at a time
        return survey(self._talk(), self._target.host)

    def _read_config(self) -> bytes | None:
        from plugins.facts.startup import config_path  # noqa: PLC0415 - imported while the connection is being made

        redis = self.redis.get().running
        try:
            path = config_path(redis[0].argv) if redis else None
        except Unjudged:  # not redis-server's command line: who compares it says so
            return None
        return asking.read_file(self._target, redis[0], path) if path else None

    def _trace(self) -> Bond:
        from plugins.facts.tracing import Seen, trace  # noqa: PLC0415 - imported while the connection is being made

        answer, standing = self.backend.get(), self.backends.get()
        if standing is None or answer is None or not answer.ok:
            return Bond(connected=None, detail="the backend's own check has not passed")
        seen = Seen(self.server.get(), answer, self.readiness.get(), self.addresses.get())
        return trace(self._target, self.redis.get().containers[0], standing.running, seen)

    # --- the log and the machine --------------------------------------------------------------------------------

    def _settle_since(self) -> Since:
        standing, introduction = self.redis.get(), self.introduction.get()
        host = self._target.host
        try:
            return resolve(
                self._order.since,
                host_now=introduction.now(),
                redis_started_at=standing.containers[0].started_at if standing.runs else None,
                restart_window_s=host.windows.restart,
                clocks=Clocks(introduction.runner_ahead_s(), host.limits.clock_skew_s),
            )
        except ValueError as error:
            raise Unjudged(str(error)) from error

    def _read_logs(self) -> Story:
        standing, since = self.backends.get(), self.since.get()
        if standing is None or not standing.containers:
            raise Unjudged("there is no backend whose log could be read")
        window = self._open_window()
        logs = asking.read_logs(self._target, standing.containers, since.instant)
        story = tell(logs, since.instant, Addressee.of(self._target.host, self.redis.get().containers))
        if window is not None and story.failures:
            raise NotApplicable(f"{window}, and what the backend logs until then does not count: {story.describe()}")
        return story

    def _open_window(self) -> str | None:
        """Redis's restart window where it is not over yet, in words: so far, only a log without failures tells."""
        redis, now = self.redis.get(), self.introduction.get().now()
        started = redis.containers[0].started_at if redis.runs else None
        window_s = self._target.host.windows.restart
        if self._order.since is not None or started is None or (now - started).total_seconds() >= window_s:
            return None
        return f"Redis started {(now - started).total_seconds():.1f} s ago, its window of {window_s:g} s is not over"

    def _ask_machine(self) -> Machine:
        from plugins.facts.machine import ask  # noqa: PLC0415 - imported while the connection is being made

        standing, engine = self.redis.get(), self.introduction.get().engine
        return ask(self._target.machine(), standing.containers[0] if standing.containers else None, engine)


def _heard(part: Later[Answer | None], vantage: Vantage) -> Answer | None:
    """A vantage point's answer; one that hung, or may not be asked, is no verdict."""
    try:
        return part.get()
    except NotApplicable:
        return None
    except (NotJudged, TargetError) as error:
        return Answer(ok=None, detail=str(error), took_s=0.0, vantage=vantage, code=CARRIER)
