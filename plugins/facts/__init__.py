"""What was observed of the target, gathered once and concurrently; checks assert on facts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from plugins.facts import agreement, causes, container
from plugins.facts.counters import Counters, compare, own_counters
from plugins.facts.found import Found
from plugins.facts.machine import Room
from plugins.facts.readiness import Kind, Readiness, expected
from plugins.verdict import Blocked, NotApplicable, NotJudged, Unjudged

if TYPE_CHECKING:
    from plugins.facts.agreement import Agreement
    from plugins.facts.bond import Bond
    from plugins.facts.causes import Chain
    from plugins.facts.container import Opinion
    from plugins.facts.counters import Comparison
    from plugins.facts.flow import Flow, Later
    from plugins.facts.keyspace import Keyspace
    from plugins.facts.logs import Story
    from plugins.facts.look import Look
    from plugins.facts.machine import Disk
    from plugins.facts.server import RedisFacts
    from plugins.probe import Answer
    from plugins.steady import Steadiness
    from plugins.target.model import Container
    from plugins.target.open import Target


#: Seconds that whoever answers in place of a backend that does not run is given.
_SOON_S = 1.0


class Facts(Found):
    """The facts of one run. Every attribute waits for its own part, and only for that.

    An attribute that cannot be had raises: ``Blocked`` (because another check is red, which it names),
    ``NotApplicable`` (the question does not arise), ``Unjudged`` (it could not be answered), ``Unreachable``.
    """

    def __init__(self, target: Target, flow: Flow, look: Later[Look], steadiness: Later[Steadiness]) -> None:
        super().__init__(target, flow, look)
        self._steadiness = steadiness

    @property
    def steadiness(self) -> Steadiness:
        """What came of waiting for the steady state. Raises ``NotApplicable`` where nobody asked to wait."""
        return self._steadiness.get()

    @property
    def green_holds(self) -> Steadiness:
        """Whether green held for as long as was asked. Blocked while a vantage point is unwell right now."""
        steadiness = self.steadiness
        if not steadiness.stable_for_s:
            raise NotApplicable("--stable-for was not given")
        return causes.judge_green(self._chain, steadiness)

    @property
    def redis_health(self) -> Opinion:
        """What the engine's own health check says of Redis. Raises ``NotApplicable`` where it says nothing."""
        return causes.judge_health(self._chain, container.health(self.running_redis))

    @property
    def backend_health(self) -> Opinion:
        """The same of the backend's running replicas. Blocked where none runs."""
        return causes.judge_health(self._chain, container.health(*self.running_backends))

    @property
    def holder(self) -> str:
        """Which run of chaos is at work on the host, and may have done what is seen; empty where none is known."""
        from plugins.holder import holder_of  # noqa: PLC0415 - only who has seen something red asks

        return holder_of(self._target, self._now.introduction.get().engine.id)

    @property
    def _chain(self) -> Chain:
        return self._now.chain.get()

    @property
    def exec_ping(self) -> Answer:
        """PING by the client inside Redis's container. Raises ``Unjudged`` where it refuses the suite alone."""
        return self._weighed(self._chain.judge_exec_ping())

    @property
    def ping(self) -> Answer:
        """PING over the network. Raises likewise."""
        return self._weighed(self._chain.judge_ping())

    def _weighed(self, answer: Answer) -> Answer:
        """An answer that is not well, against what the application says."""
        return answer if answer.ok else causes.weigh(answer, self.host, vouched=self._vouched)

    @property
    def _vouched(self) -> bool:
        """Whether the application finds Redis well: by the backend's own check, else by readiness."""
        if self.host.backend_service is None:
            return causes.vouched(None, self._now.readiness.get())
        return causes.vouched(self._now.heard_backend(), None)

    @property
    def write(self) -> Answer:
        """The write round trip with a canary key. Raises ``NotApplicable`` where the suite may not write."""
        return self._chain.judge_write(self._now.write.get())

    @property
    def backend(self) -> Answer:
        """The backend's own check, in every running replica."""
        standing = self.backend_standing
        return causes.judge_backend(self._chain, standing, self._now.backend.get())

    @property
    def _readiness(self) -> Readiness | None:
        """What readiness says; None without an address. While no backend runs, only who answers soon is waited for.

        That is whoever answers in its place: a paused one accepts connections, and never says a word.
        """
        look = self._now
        backends = look.backends.get()
        if backends is None or backends.running or look.readiness.arrives(_SOON_S):
            return look.readiness.get()
        return Readiness(Kind.TIMED_OUT, f"no answer within {_SOON_S:g} s, and no backend runs")

    @property
    def readiness_report(self) -> Readiness:
        """The readiness answer, read. Raises ``NotApplicable`` without ``readiness_url``."""
        readiness = self._readiness
        if readiness is None:
            raise NotApplicable("the inventory names no readiness_url")
        optional = self.host.redis_optional
        return causes.judge_readiness(self._chain, self._now.backends.get(), readiness, optional=optional)

    @property
    def readiness(self) -> Answer:
        """The readiness answer as a vantage point; an "ok" while Redis is away is not well."""
        report = self.readiness_report
        answer = report.answer(redis_optional=self.host.redis_optional)
        misplaced = self._chain.shut_out and self._vouched
        return causes.asked(causes.doubt(self._chain, report, answer, misplaced=misplaced))

    @property
    def published_redis(self) -> Container:
        """The running Redis, for a question about its port. Blocked where nothing listens there: it may be wrong."""
        redis = self.running_redis
        if self._chain.shut_out:
            self._chain.must_hold()
        return redis

    @property
    def readiness_expected(self) -> str:
        """What readiness has to say on this host."""
        return expected(redis_optional=self.host.redis_optional)

    @property
    def readiness_body(self) -> Readiness:
        """The readiness answer where the backend's word for Redis could be read; else ``Blocked``."""
        report = self.readiness_report
        if not report.kind.spoken:
            raise Blocked(causes.READINESS, report.reason)
        return report

    @property
    def agreement(self) -> Agreement:
        """Whether the vantage points tell the same story. Raises ``Blocked`` where Redis itself is away."""
        chain, look = self._chain, self._now
        readiness = self._readiness
        causes.judge_agreement(chain, look.backends.get(), readiness)
        return agreement.compare(look.heard(), readiness, other_server=chain.other_server())

    @property
    def bond(self) -> Bond:
        """Whether the backend is connected to this Redis. Needs a backend whose own check passes."""
        answer = self.backend
        if not answer.ok:
            raise Blocked(causes.BACKEND, answer.detail)
        self._chain.judge_redis()
        bond = self._now.bond.get()
        if bond.connected is None:
            raise Unjudged(bond.detail)
        return bond

    @property
    def redis(self) -> RedisFacts:
        """What Redis says of itself."""
        self._chain.judge_redis()
        return self._now.server.get()

    @property
    def keyspace(self) -> Keyspace:
        """The keys, counted with SCAN."""
        self._chain.judge_redis(keys=True)
        return self._now.keyspace.get()

    @property
    def config_file(self) -> bytes | None:
        """The configuration file that Redis's container names on its command line; None: none, or unreadable."""
        return self._now.config_file.get()

    @property
    def logs(self) -> Story:
        """The backend's log since ``since``. Blocked where its errors only tell that Redis is away."""
        standing = self.backend_standing
        if not standing.containers:
            raise Blocked(causes.BACKEND_RUNS, standing.detail)
        story = self._now.logs.get()
        if story.failures:
            self._chain.excuse()
        return story.judged()

    @property
    def redis_disk(self) -> Disk:
        """The file system that Redis writes to."""
        folder = self.redis.config.get("dir")
        return self.machine.disk_of(folder)

    @property
    def room_for_save(self) -> Room:
        """Whether a save fits on the disk. Raises ``NotApplicable`` where Redis writes nothing."""
        redis = self.redis
        if not redis.config.set("save") and not redis.persistence.appends:
            raise NotApplicable("Redis writes nothing to disk (no save points, appendonly no)")
        return Room(self.redis_disk, redis.memory.used)

    @property
    def counters(self) -> Counters:
        """Redis's cumulative counters, for the journal."""
        counters = self.redis.counters
        return replace(counters, own=counters.own | own_counters(self._target.refused))

    @property
    def baseline(self) -> Counters | None:
        """The same server process's counters at the last look."""
        return self._now.baseline(self.counters.redis_run_id)

    @property
    def restarts(self) -> Comparison:
        """How often the engine restarted this very container, against the last look."""
        look = container.look(self.running_redis, self._now.introduction.get().now())
        return compare(look, self._now.baseline(look.redis_run_id))

    @property
    def backend_restarts(self) -> Comparison:
        """The same of every running container of the backend."""
        look = container.look_at_all(self.running_backends, self._now.introduction.get().now())
        return compare(look, self._now.baseline(look.redis_run_id))

    @property
    def looks(self) -> tuple[Counters, ...]:
        """All cumulative counters that could be had, for the journal: Redis's, its container's, the backend's."""
        found = []
        try:
            found.append(self.counters)
        except NotJudged:
            if own := own_counters(self._target.refused):
                found.append(Counters("", datetime.now(UTC).isoformat(), {}, own))
        with suppress(NotJudged):
            found.append(self.restarts.now)
        with suppress(NotJudged):
            found.append(self.backend_restarts.now)
        return tuple(found)
