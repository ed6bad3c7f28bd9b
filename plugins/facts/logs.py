"""Which records of the backend's log tell of a Redis that could not be used. Pure.

Searching for "redis" and "error" misses a ``ConnectionRefusedError`` and catches ``redis errors=0``. So: what the
record itself says of its level, what the libraries say when a connection fails, and what Redis itself answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from plugins.facts.levels import FAILURE, LOUD, QUIET, level_of
from plugins.facts.records import join
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from plugins.facts.records import Record
    from plugins.inventory import Host
    from plugins.target.model import Container, Log, LogRecord

_SHOWN, _QUOTED = 3, 300  # records, and characters of each, in the observation

#: Counters and fields that say that nothing went wrong.
_NOTHING = re.compile(
    r"(?:err(?:or)?|fail|exception|timeout)[\w.-]{0,24}[\"']?"
    r"\s{0,4}[=:]\s{0,4}(?:[\"']?(?:0+(?:\.0+)?%?|none|null|nil|false|no|ok|-)[\"']?(?![\w.])|\"\"|''|\[\]|\{\})"
    r"|\b(?:no|0|zero|without(?:\s+any)?)\s+(?:[\w-]{1,32}\s+){0,2}(?:errors?|failures?|exceptions?|timeouts?)\b"
    r"|\berror-free\b|\b0 of \d{1,9} (?:\w{1,20} )?failed\b"
    r"|\b(?:refused|resets?|errors?|failures?) (?:count|total)\s{0,4}[=:]\s{0,4}0(?![\w.])",
    re.IGNORECASE,
)
#: Settings, and what is there to deal with failures: what an application says as it starts.
_SETTINGS = re.compile(
    r"\b(?:retry[ _-])?on[ _-](?:errors?|failures?|timeouts?|exceptions?)\b|\bmax[ _-](?:errors?|failures?)\b"
    r"|\b(?:captur|report|track|collect)(?:es?|s|ing) (?:\w{1,20} )?(?:errors?|exceptions?)\b"
    r"|\b(?:error|exception|failure)s?[ _-](?:handl|report|track|middleware|hook|budget)\w{0,8}\b",
    re.IGNORECASE,
)
#: Counters that say that something did. A ``timeout=5`` is a setting.
_COUNTED = re.compile(
    r"(?:errors?|error_rate|error_count|failures?|timeouts)[\"']?\s{0,4}[=:]\s{0,4}[\"']?[\d.]{0,20}[1-9]",
    re.IGNORECASE,
)
_ACCESS = re.compile(r"\"?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \S{1,2048} HTTP/[\d.]{1,4}\"?\s+(\d{3})\b")
_PATHS = re.compile(r"(?<![\w.:/-])/[\w./%?=&~+-]{1,512}")
_ADDRESS = re.compile(r"[\d.]+|[0-9a-f]*:[0-9a-f:]+", re.IGNORECASE)
_OTHERS = re.compile(
    r"postgres|psycopg|asyncpg|mysql|mariadb|mongo|amqp|rabbit|kafka|smtp|elastic|opensearch|ldap|memcache"
    r"|httpx|httpcore|urllib3|aiohttp|requests\.exceptions|https?://|botocore|grpc",
    re.IGNORECASE,
)
_PORT = re.compile(r"[:\s,](\d{2,5})\b")

#: What only Redis answers, whatever else the record says.
_REPLIES = re.compile(
    r"\bMISCONF\b|\bOOM command not allowed|\bREADONLY You can'?t|\bNOAUTH\b|\bWRONGPASS\b|\bLOADING Redis"
    r"|\bNOPERM (?:this|User)\b|\bBUSY Redis|\bMaxRetriesPerRequestError"
    r"|\bMASTERDOWN\b|\bCLUSTERDOWN\b|\bNOREPLICAS\b|\bmax number of clients reached"
    r"|\bcache\b.{0,40}\b(?:unavailable|unreachable|(?:is|was|went) down|connection lost)",
    re.IGNORECASE,
)
#: A connection that failed; it may be to something else, if the record names that.
_CONNECTION = re.compile(
    r"ConnectionRefused(?:Error)?|ConnectionReset(?:Error)?|ECONNREFUSED|ECONNRESET|\bconnection refused\b"
    r"|\bconnection reset by peer\b|\bconnect call failed\b|\bno route to host\b|EHOSTUNREACH"
    r"|\berror -?\d{1,6} (?:while )?connecting to\b"
    r"|\bconnection closed by server\b|\btimeout (?:connecting to server|reading from (?:socket|\S{1,256}:\d{1,5}))",
    re.IGNORECASE,
)
#: The same, where the record names Redis: of what else is not known they might be told of anything.
_UNREACHED = re.compile(
    r"ETIMEDOUT|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EPIPE|\bbroken pipe\b|\bi/o timeout\b|\bno such host\b"
    r"|\bname or service not known\b|\btemporary failure in name resolution\b|\bnetwork is unreachable\b",
    re.IGNORECASE,
)
#: A record without any of these, and without a name of Redis's, needs no closer look; most of a log is such records.
_WORTH_A_LOOK = (
    *("redis", "valkey", "cache", "connect", "misconf", "oom command", "readonly you", "noauth", "wrongpass"),
    *("loading redis", "masterdown", "clusterdown", "noreplicas", "clients reached", "econn", "timeout"),
    *("no route", "ehostunreach", "noperm", "maxretries"),
)
#: With Redis named: a failure where the level is a warning at least.
_TROUBLE = re.compile(r"\btimeouts?\b|\bdown\b|\bdenied\b|\bdisconnected\b|\breset\b|\blost\b|\bgone\b", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^\s/@]{1,512}@")


@dataclass(frozen=True)
class Addressee:
    """What a log may call this Redis beside its kind: its port, and the names and addresses that lead to it."""

    port: int = 6379
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, host: Host, containers: Sequence[Container]) -> Addressee:
        """By all that the inventory and the engine call it."""
        own = {name for one in containers for name in (one.name, *one.addresses)}
        return cls(host.redis_port, frozenset({host.redis_service, *own}))

    def named_in(self, text: str) -> bool:
        """Whether a record is about Redis: by its kind, as an address with its port, or by its own address."""
        return bool(self._named.search(text))

    def called_in(self, text: str) -> bool:
        """The same, or by a name, which may also be a common word: for what only connections tell."""
        return self.named_in(text) or bool(self.names and self._called.search(text))

    def worth_a_look(self, lowered: str) -> bool:
        """A quick look before a close one."""
        return any(word in lowered for word in self._words)

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return (*_WORTH_A_LOOK, str(self.port), *(name.lower() for name in self.names))

    @cached_property
    def _named(self) -> re.Pattern[str]:
        endpoint = rf"[\w\])][:#]{self.port}\b|['\"], {self.port}\)"
        addresses = [name for name in self.names if _ADDRESS.fullmatch(name)]
        return re.compile("|".join(("redis|valkey", endpoint, *map(_alone, addresses))), re.IGNORECASE)

    @cached_property
    def _called(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_alone, sorted(self.names))), re.IGNORECASE)


def _alone(name: str) -> str:
    return rf"(?<![\w.:-]){re.escape(name)}(?![\w-])"


#: A Redis of which nothing is known.
_SOME_REDIS = Addressee()


@dataclass(frozen=True)
class Story:
    """What the log tells since an instant. ``records`` counts whole ones; ``truncated``: only the newest were read.

    ``kept_from``: nothing older is kept, for the log is rotated, and that is later than the instant.
    """

    since: datetime
    records: int
    failures: tuple[Record, ...]
    truncated: bool = False
    kept_from: datetime | None = None

    def describe(self) -> str:
        """The failures first, a few of them, bounded; then how much was read."""
        read = f"{self.records} records since {self.since:%Y-%m-%dT%H:%M:%SZ}"
        read += ", only the newest of a long log" if self.truncated else ""
        read += f", of which none is kept from before {self.kept_from:%H:%M:%S}" if self.kept_from else ""
        if not self.failures:
            return f"none in {read}"
        shown = [brief(record) for record in self.failures[-_SHOWN:]]
        return "\n".join((f"{len(self.failures)} in {read}; the newest:", *shown))

    def judged(self) -> Story:
        """The story itself. Raises ``Unjudged`` where no failure was found in a log that was not read to its start."""
        if self.truncated and not self.failures:
            raise Unjudged(f"{self.describe()}; what came before them was not read: give a shorter --since")
        if self.kept_from and not self.failures:
            mend = "let the log driver keep more (max-size, max-file), or give a shorter --since"
            raise Unjudged(f"{self.describe()}; the log is rotated, and what came before is gone: {mend}")
        return self


def tell(logs: Sequence[Log], since: datetime, redis: Addressee = _SOME_REDIS) -> Story:
    """Read the logs of all replicas. A record that began before ``since`` does not count, wherever it ends."""
    records = [record for log in logs for record in join(_marked(log)) if record.at >= since]
    failures = [record for record in records if is_failure(record, redis)]
    ordered = tuple(sorted(failures, key=lambda record: record.at))
    gone = [log.begins for log in logs if log.begins is not None and log.begins > since]
    return Story(since, len(records), ordered, any(log.truncated for log in logs), max(gone, default=None))


def _marked(log: Log) -> Sequence[LogRecord]:
    """The log's lines, the first with a sign of a cut where older ones were dropped: it may be the end of one."""
    if not log.truncated or not log.records:
        return log.records
    first, *others = log.records
    return [replace(first, text=f"…{first.text}"), *others]


def brief(record: Record) -> str:
    """A record in one line: how it begins, and the exception that it ends with."""
    telling = record.exceptions or record.lines
    parts = [telling[0], telling[-1]] if len(telling) > 1 else list(telling)
    clean = [_USERINFO.sub("***@", part) for part in parts]  # before anything is cut off that tells it
    line = " … ".join(part if len(part) <= _QUOTED else f"{part[:_QUOTED]}…" for part in clean)
    return f"{record.at:%H:%M:%S} {line}"


def is_failure(record: Record, redis: Addressee = _SOME_REDIS) -> bool:
    """Whether the record tells that Redis could not be used.

    Quiet levels (info and below) never do, unless they carry a traceback: then somebody failed, whatever it says.
    """
    text = record.text
    if not redis.worth_a_look(text.lower()):
        return False
    level = level_of(record.lines[0])
    if level in QUIET and not record.has_traceback:
        return False
    if len(record.lines) == 1:
        if _is_fine_access(text):
            return False
        text = _PATHS.sub(" ", text)
    return _tells_of_failure(_SETTINGS.sub(" ", _NOTHING.sub(" ", text)), loud=level in LOUD, redis=redis)


def _tells_of_failure(text: str, *, loud: bool, redis: Addressee) -> bool:
    if _REPLIES.search(text):
        return True
    if _CONNECTION.search(text) and (redis.called_in(text) or not _names_another(text, redis.port)):
        return True
    if _UNREACHED.search(text) and redis.called_in(text):
        return True
    trouble = FAILURE.search(text) or _COUNTED.search(text) or (loud and _TROUBLE.search(text))
    return bool(trouble) and redis.named_in(text)


def _is_fine_access(text: str) -> bool:
    """An access log's line of a request that the server did not fail."""
    found = _ACCESS.search(text)
    return found is not None and int(found.group(1)) < 500  # noqa: PLR2004 - HTTP's own figure


def _names_another(text: str, redis_port: int) -> bool:
    """Whether the record names another service, or an address with another port than Redis's."""
    if _OTHERS.search(text):
        return True
    failed = re.search(r"(?:connect(?:ing|ion)?[^\n]{0,40}?\bto |connect call failed \()\S{1,256}", text, re.IGNORECASE)
    if failed is None:
        return False
    ports = [int(port) for port in _PORT.findall(text[failed.start() : failed.end() + 16])]
    return bool(ports) and redis_port not in ports
