"""Which broken thing is the cause and which the consequence, so that one broken Redis is one clear red. Pure.

The chain: a container of the service runs, Redis answers inside it, Redis answers on the network. The first
broken link is the cause; whatever cannot be asked, or fails merely because of it, is ``Blocked`` and names it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plugins.facts.readiness import Kind
from plugins.probe import CARRIER, CREDENTIALS, DETOUR, FORBIDDEN, READONLY, REFUSED, TIMEOUT, TLS
from plugins.verdict import Blocked, NotApplicable, Unjudged

if TYPE_CHECKING:
    from plugins.facts.container import Opinion, Standing
    from plugins.facts.readiness import Readiness
    from plugins.inventory import Host
    from plugins.probe import Answer
    from plugins.steady import Steadiness

REDIS_RUNS = "container/redis_is_running"
BACKEND_RUNS = "container/backend_is_running"
EXEC_PING = "checklist/redis_responds"
BACKEND = "checklist/backend_connects"
READINESS = "checklist/readiness_includes_redis"
PING = "health/wire_ping"
AGREEMENT = "health/vantage_points_agree"

#: ``Answer.code`` where nothing listens at the inventory's port, while the application finds Redis well.
MISPLACED = "MISPLACED"
#: Codes of an answer in which Redis did not say a word.
_SILENCE = {"", REFUSED, TIMEOUT, CARRIER}
#: Codes of an answer that only says what the suite lacks, and nothing of Redis.
_OWN_LACK = {TLS, FORBIDDEN}
#: Error replies to PING under which the server still answers questions about itself; and about its keys.
_STILL_TALKS, _STILL_HAS_KEYS = {"MISCONF", "LOADING"}, {"MISCONF"}


@dataclass(frozen=True)
class Cause:
    """The check that is red, and what it saw."""

    by: str
    reason: str

    def blocked(self) -> Blocked:
        """The verdict of whatever depends on it."""
        return Blocked(self.by, self.reason)


@dataclass(frozen=True)
class Chain:
    """The links that everything hangs on. An answer is None where the link before it is broken."""

    redis: Standing
    exec_ping: Answer | None = None
    ping: Answer | None = None

    @property
    def cause(self) -> Cause | None:
        """The first broken link; None where Redis is well as far as anybody could ask.

        An in-container PING that fails while the wire answers is not the cause of anything: Redis is there.
        """
        if not self.redis.runs:
            return Cause(REDIS_RUNS, self.redis.detail)
        inside, outside = self.exec_ping, self.ping
        if inside is not None and inside.ok is False and not (outside is not None and outside.ok):
            return Cause(EXEC_PING, inside.detail)
        if outside is not None and outside.ok is False:
            return Cause(PING, outside.detail)
        return None

    @property
    def silent(self) -> Cause | None:
        """The cause where nobody gets an answer from Redis at all: not running, or no reply, not even an error.

        None where there is no such container: then the name may be what is wrong, and Redis elsewhere.
        """
        if not self.redis.containers:
            return None
        codes = {answer.code for answer in (self.exec_ping, self.ping) if answer is not None}
        return (
            self.cause
            if codes <= {"", REFUSED, TIMEOUT, CARRIER} and (self.cause is None or self.cause.by != PING)
            else None
        )

    @property
    def shut_out(self) -> bool:
        """Nothing listens inside the container of Redis at the inventory's ``redis_port``."""
        return self.exec_ping is not None and self.exec_ping.code == REFUSED

    def excuse(self) -> None:
        """Raise ``Blocked`` where the backend's trouble may be a mere consequence.

        What the suite itself lacks is none: the backend has its own credentials, and may speak TLS.
        """
        codes = {answer.code for answer in (self.exec_ping, self.ping) if answer is not None}
        if not codes & {CREDENTIALS, *_OWN_LACK}:
            self.must_hold()

    def judge_exec_ping(self) -> Answer:
        """The in-container PING. Raises ``Blocked`` or ``Unjudged``."""
        if not self.redis.runs:
            raise Blocked(REDIS_RUNS, self.redis.detail)
        return asked(self.exec_ping)

    def judge_ping(self) -> Answer:
        """The wire PING; where Redis does not answer inside its container either, that is the red one."""
        if (cause := self.cause) is not None and cause.by != PING:
            raise cause.blocked()
        answer = asked(self.ping)
        if answer.code == DETOUR:
            raise NotApplicable(answer.detail)
        return answer

    def judge_write(self, write: Answer | None) -> Answer:
        """The write round trip, which needs a Redis that answers, and none that is declared to take no writes."""
        self.must_hold()
        if write is not None and write.ok is None and write.code == READONLY:
            raise NotApplicable(write.detail)
        return asked(write)

    def judge_redis(self, *, keys: bool = False) -> None:
        """Whether the server can be asked about itself. Raises ``Blocked`` where it cannot, or is another one.

        ``keys``: about its keys, too, which it does not know while it is loading.
        """
        if not self.redis.runs:
            raise Blocked(REDIS_RUNS, self.redis.detail)
        talks = self.ping is not None and self.ping.code in (_STILL_HAS_KEYS if keys else _STILL_TALKS)
        if not talks:
            self.must_hold()
        if (other := self.other_server()) is not None:
            raise Blocked(AGREEMENT, other)

    def other_server(self) -> str | None:
        """How the wire and the container turn out to be two servers; None where they are one, as far as known."""
        inside, outside = self.exec_ping, self.ping
        if inside and outside and inside.run_id and outside.run_id and inside.run_id != outside.run_id:
            return f"the wire reaches Redis {outside.run_id[:8]}…, the container runs Redis {inside.run_id[:8]}…"
        return None

    def must_hold(self) -> None:
        """Raise ``Blocked`` naming the first broken link, if one is broken."""
        if (cause := self.cause) is not None:
            raise cause.blocked()


def vouched(backend: Answer | None, readiness: Readiness | None) -> bool:
    """Whether the application, which has credentials and an address of its own, finds Redis well."""
    if backend is not None:
        return backend.ok is True
    return readiness is not None and readiness.kind is Kind.OK


def weigh(answer: Answer, host: Host, *, vouched: bool) -> Answer:
    """What it is worth that Redis is unwell for the suite, where it is well for the application (``vouched``).

    Refused credentials then are the suite's own trouble, and no verdict: raises ``Unjudged`` that says what to mend;
    so they are where there is nobody to vouch. What the suite cannot do at all never is a verdict.
    Where nothing listens at the inventory's port, that may be the wrong one.
    """
    if answer.code in _OWN_LACK:
        raise Unjudged(answer.detail)
    voices = (host.backend_service, host.readiness_url)
    if answer.code == CREDENTIALS and not vouched and voices == (None, None):
        raise Unjudged(f"{answer.detail} - and nobody else can say whether Redis is well: {credentials_wanted(host)}")
    if answer.ok is not False or not vouched:
        return answer
    if answer.code == CREDENTIALS:
        raise Unjudged(f"{answer.detail} - but the application is let in: {credentials_wanted(host)}")
    if answer.code == REFUSED:
        told = f"{answer.detail} - but the application finds Redis well: is redis_port {host.redis_port} the right one?"
        return replace(answer, detail=told, code=MISPLACED)
    return answer


def credentials_wanted(host: Host) -> str:
    """What the suite lacks to be let in."""
    if host.redis_password_env is None:
        return "add redis_password_env to the inventory, the name of a variable that holds the password"
    names = filter(None, (host.redis_username_env, host.redis_password_env))
    return f"what the inventory names for it is not what Redis wants: {', '.join(names)}"


def asked(answer: Answer | None) -> Answer:
    """An answer that is a verdict. Raises ``Unjudged`` where the question could not be asked."""
    if answer is None or answer.ok is None:
        raise Unjudged(answer.detail if answer is not None else "it was not asked")
    return answer


def judge_green(chain: Chain, green: Steadiness) -> Steadiness:
    """Whether green held: blocked while a vantage point is unwell right now, no verdict where one was not heard."""
    if not green.held:
        chain.must_hold()
    if not green.judged:
        raise Unjudged(green.describe())
    return green


def judge_backend(chain: Chain, backend: Standing, answer: Answer | None) -> Answer:
    """The backend's own check: blocked where no backend runs, or where it fails because Redis is away."""
    if answer is None:
        raise Blocked(BACKEND_RUNS, backend.detail)
    if answer.ok is False:
        chain.excuse()
    return asked(answer)


def judge_health(chain: Chain, opinion: Opinion) -> Opinion:
    """The engine's own health check: blocked where it only tells, some seconds later, that Redis does not answer."""
    if not opinion.well:
        chain.excuse()
    return opinion


def judge_readiness(chain: Chain, backend: Standing | None, readiness: Readiness, *, optional: bool) -> Readiness:
    """The readiness answer, where it is a verdict of its own.

    While Redis is away, a required Redis may be ``degraded`` or ``down``: a consequence. An optional one may
    only be ``degraded``: "ok" then lies, "down" and silence take the application away with its cache.
    While no backend runs, whatever is not the backend's own word is a consequence of that.
    """
    if backend is not None and not backend.runs and not readiness.kind.spoken:
        raise Blocked(BACKEND_RUNS, backend.detail)
    if readiness.kind in {Kind.DEGRADED, Kind.DOWN} and not optional:
        chain.excuse()
    return readiness


def judge_agreement(chain: Chain, backend: Standing | None, readiness: Readiness | None) -> None:
    """Whether the stories can be compared at all. Raises ``Blocked``.

    Where Redis is away, everything else follows from that; where no backend runs, half of the voices are missing,
    unless somebody says "ok" in its name.
    """
    if chain.other_server() is None:
        chain.must_hold()
    usurped = readiness is not None and readiness.kind is Kind.OK
    if backend is not None and not backend.running and not usurped:
        raise Blocked(BACKEND_RUNS, backend.detail)


def doubt(chain: Chain, readiness: Readiness, answer: Answer, *, misplaced: bool = False) -> Answer:
    """The readiness answer as a vantage point: "ok" is not well while Redis gives nobody an answer.

    Where only the wire is broken, or Redis refuses the suite in words, the backend may well be right; so it
    may where nothing listens at the inventory's port, and the application finds Redis well (``misplaced``).
    """
    cause = chain.silent
    if readiness.kind is not Kind.OK or cause is None or misplaced:
        return answer
    return replace(answer, ok=False, detail=f"{answer.detail} - while Redis is away: {cause.by} says {cause.reason}")
