"""Which records of a log tell of a Redis that could not be used. Pure.

Searching for "redis" and "error" misses a ``ConnectionRefusedError`` and catches ``redis errors=0``. So: what the
record itself says of its level, what the libraries say when a connection fails, and what Redis itself answers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plugins.facts.addressee import SOME_REDIS
from plugins.facts.harmless import is_fine_access, without_harmless, without_loggers
from plugins.facts.levels import FAILURE, LOUD, QUIET, level_of

if TYPE_CHECKING:
    from plugins.facts.addressee import Addressee
    from plugins.facts.records import Record

#: Counters that say that something did. A ``timeout=5`` is a setting.
_COUNTED = re.compile(
    r"(?:errors?|error_rate|error_count|failures?|timeouts)[\"']?\s{0,4}[=:]\s{0,4}[\"']?[\d.]{0,20}[1-9]",
    re.IGNORECASE,
)
#: What only Redis answers, in its own letters, and two sentences that are told of nothing else.
_REPLIES = re.compile(
    r"\bMISCONF\b|\bOOM command not allowed|\bREADONLY You can'?t|\bNOAUTH\b|\bWRONGPASS\b|\bLOADING Redis is\b"
    r"|\bNOPERM (?:[Tt]his|User)\b|\bBUSY Redis|\bMaxRetriesPerRequestError"
    r"|\bMASTERDOWN\b|\bCLUSTERDOWN\b|\bNOREPLICAS\b|(?i:\bmax number of clients reached)"
    r"|(?i:\bcache\b.{0,40}\b(?:unavailable|unreachable|(?:is|was|went) down|connection lost))"
)
#: A connection that failed; it may be to something else, if the record names that.
_CONNECTION = re.compile(
    r"ConnectionRefused(?:Error)?|ECONNREFUSED|\bconnection refused\b"
    r"|\bconnect call failed\b|\bno route to host\b|EHOSTUNREACH"
    r"|\berror -?\d{1,6} (?:while )?connecting to\b"
    r"|\bconnection closed by server\b|\btimeout (?:connecting to server|reading from (?:socket|\S{1,256}:\d{1,5}))",
    re.IGNORECASE,
)
#: The same, where the record names Redis: of what else is not known they might be told of anything.
_UNREACHED = re.compile(
    r"ConnectionReset(?:Error)?|ECONNRESET|\bconnection reset by peer\b|ETIMEDOUT|ENETUNREACH|ENOTFOUND|EAI_AGAIN"
    r"|EPIPE|\bbroken pipe\b|\bi/o timeout\b|\bno such host\b"
    r"|\bname or service not known\b|\btemporary failure in name resolution\b|\bnetwork is unreachable\b",
    re.IGNORECASE,
)
#: With Redis named: a failure where the level is a warning at least.
_TROUBLE = re.compile(
    r"\btimeouts?\b|\bdown\b|\bdisconnected\b|\breset\b|\bgone\b|\bpermission denied\b"
    r"|\bconnections?\b[^\n]{0,40}\b(?:denied|lost)\b|\b(?:denied|lost)\b[^\n]{0,20}\bconnection",
    re.IGNORECASE,
)
#: Exceptions of connections, by their kind.
_KIND = re.compile(
    r"\b\w{0,64}?(?:Connect|Timeout|BrokenPipe|BusyLoading)\w{0,32}(?:Error|Exception)\b|\bsocket\.(?:timeout|gaierror)\b"
)
#: The same, told with what it says: not a class that a setting names.
_TOLD = re.compile(rf"(?:{_KIND.pattern}):\s{{1,4}}[A-Z\[(]")
_OTHERS = re.compile(
    r"postgres|psycopg|asyncpg|mysql|mariadb|mongo|amqp|rabbit|kafka|smtp|elastic|opensearch|ldap|memcache"
    r"|httpx|httpcore|urllib3|aiohttp|requests\.exceptions|https?://|botocore|grpc"
    r"|\b(?:statsd|minio|otel\w{0,16}|opentelemetry|jaeger|zipkin|influxd?b?|consul|etcd|logstash|fluentd|graylog)\b"
    r"|\b(?:clickhouse|cassandra|zookeeper|datadog)\b",
    re.IGNORECASE,
)
#: In a traceback also what serves clients: a connection of theirs is none of Redis's.
_SERVERS = re.compile(r"websocket|wsproto|httptools|\bh11\b|uvicorn/protocols", re.IGNORECASE)
#: An address with its port, but for what else has a colon and a number: source files, and the names of keys and jobs.
_ENDPOINT = re.compile(
    r"(?<![\w.:-])(?:(?!(?:pid|line|id|job|user|session|task|key)[:#])[A-Za-z][\w.-]{0,252}"
    r"|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.%]{2,45}\]|::1)"
    r"(?<!\.py)(?<!\.go)(?<!\.js)(?<!\.ts)[:#](\d{2,5})(?!\w|[:.]\d)"
    r"|['\"], (\d{2,5})[,)]|\bport\W{1,4}(\d{2,5})\b",
    re.IGNORECASE,
)
#: A quiet record without any of these tells of no failure: most of a log is such records.
_HINTS = (
    *(
        "error",
        "exception:",
        "socket.",
        "refused",
        "reset",
        "call failed",
        "closed by server",
        "timeout",
        "broken pipe",
    ),
    *(
        "econn",
        "etimedout",
        "enetunreach",
        "enotfound",
        "eai_again",
        "epipe",
        "ehostunreach",
        "no route",
        "unreachable",
    ),
    *("no such host", "not known", "name resolution", "misconf", "oom ", "readonly", "noauth", "wrongpass", "noperm"),
    *("loading redis", "busy redis", "maxretries", "masterdown", "clusterdown", "noreplicas", "clients reached"),
    *("unavailable", " down", "connection lost"),
)
_FIRST_FREE = 1024  # smaller numbers are well-known ports or, after a module's name, lines of its source
_WELL_KNOWN = frozenset({22, 25, 80, 88, 110, 143, 389, 443, 465, 587, 636, 993, 995})


def is_failure(record: Record, redis: Addressee = SOME_REDIS) -> bool:
    """Whether the record tells that Redis could not be used.

    Quiet levels (info and below) only do by what Redis itself answered and by a connection to it that failed, unless
    they carry a traceback: then somebody failed, whatever it says.
    """
    if not redis.worth_a_look(record.text.lower()):
        return False
    if len(record.lines) == 1 and is_fine_access(record.text):
        return False
    level = level_of(record.lines[0])
    if level in QUIET and not record.has_traceback:
        return _tells_quietly(record.text, redis)
    told = without_harmless(record.told, quiet=False)
    return _tells_of_failure(told, loud=level in LOUD, redis=redis) or _fails_to_connect(told, record.frames, redis)


def _tells_quietly(text: str, redis: Addressee) -> bool:
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return False
    text = without_harmless(text, quiet=True)
    if not redis.called_in(text):
        return False
    if _REPLIES.search(text):
        return True
    failed = _CONNECTION.search(text) or _UNREACHED.search(text) or _TOLD.search(text)
    return bool(failed) and not _names_another(text, redis)


def _tells_of_failure(text: str, *, loud: bool, redis: Addressee) -> bool:
    if _REPLIES.search(text):
        return True
    if redis.called_in(text) and (_CONNECTION.search(text) or _UNREACHED.search(text)):
        return True
    said = without_loggers(text)
    trouble = FAILURE.search(said) or _COUNTED.search(said) or (loud and _TROUBLE.search(said))
    return bool(trouble) and redis.named_in(text)


def _fails_to_connect(text: str, frames: tuple[str, ...], redis: Addressee) -> bool:
    """Whether a connection failed that is nobody else's by the record's words, nor by the frames of its traceback.

    Frames name whatever a request goes through, so they count for nothing else; the innermost decides.
    """
    refused = _CONNECTION.search(text)
    if not refused and not (frames and _KIND.search(text)):
        return False
    if _names_another(text, redis):
        return False
    for frame in reversed(frames):
        if redis.named_in(frame):
            return True
        if _OTHERS.search(frame) or _SERVERS.search(frame):
            return False
    return bool(refused)


def _names_another(text: str, redis: Addressee) -> bool:
    """Whether the record names addresses of which none has Redis's port; without any, whether it names a service."""
    named = [int(next(filter(None, found))) for found in _ENDPOINT.findall(text)]
    ports = [port for port in named if port >= _FIRST_FREE or port in _WELL_KNOWN]
    return redis.port not in ports if ports else bool(_OTHERS.search(text))
