"""What the readiness address says of Redis. Pure: an answer, or the lack of one, in; a verdict with its reason out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from plugins.probe import CARRIER, TIMEOUT, Answer, Vantage, printable
from plugins.target.model import CannotAsk, CarrierFailed, TimedOut

if TYPE_CHECKING:
    from plugins.target.model import HttpAnswer, TargetError

_QUOTED = 160  # characters of a body that are worth showing


class Kind(StrEnum):
    """What came back. The first three are the backend's own words for Redis; the others say why there is none."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN_WORD = "unknown word"
    MALFORMED = "malformed"  # JSON without checks.redis.status, or of another type
    NOT_JSON = "not JSON"
    HTML = "HTML"
    TOO_LONG = "too long"  # and so not read to its end
    HTTP_ERROR = "HTTP error"  # 4xx or 5xx without the documented body
    REDIRECT = "redirect"
    RATE_LIMITED = "rate limited"
    TIMED_OUT = "timed out"
    NOT_ASKED = "not asked"  # the host could not put the question
    UNCARRIED = "not carried"  # what carries the question failed
    UNREACHABLE = "unreachable"  # refused, reset, DNS, TLS: the reason tells them apart

    @property
    def spoken(self) -> bool:
        """Whether the backend's own word for Redis was read."""
        return self in {Kind.OK, Kind.DEGRADED, Kind.DOWN}


@dataclass(frozen=True)
class Readiness:
    """The readiness answer, read.

    ``schema`` is what is wrong with the shape of a body that could be read, empty where it is as documented.
    ``took_s`` in seconds; ``status`` 0 where there was no HTTP answer.
    """

    kind: Kind
    reason: str
    status: int = 0
    took_s: float = 0.0
    schema: str = ""
    retry_after_s: float | None = None
    at: float = field(default=0.0, compare=False)  # monotonic, the end; 0 where it was only read

    def passes(self, *, redis_optional: bool) -> bool:
        """Whether the runbook's expectation holds: ``ok``, or ``degraded`` where Redis is optional."""
        return self.kind is Kind.OK or (self.kind is Kind.DEGRADED and redis_optional)

    @property
    def succeeds(self) -> bool:
        """Whether HTTP's status says success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own figures

    def describe(self) -> str:
        """The answer in one line."""
        return f"{self.reason} (HTTP {self.status}, {self.took_s * 1000:.0f} ms)" if self.status else self.reason

    def answer(self, *, redis_optional: bool) -> Answer:
        """The same as any other probe's answer; no verdict where the question was not put, or the answer not read."""
        silent = self.kind in {Kind.RATE_LIMITED, Kind.NOT_ASKED, Kind.UNCARRIED, Kind.TOO_LONG}
        ok = None if silent else self.passes(redis_optional=redis_optional)
        code = {Kind.TIMED_OUT: TIMEOUT, Kind.UNCARRIED: CARRIER}.get(self.kind, str(self.kind))
        return Answer(ok=ok, detail=self.describe(), took_s=self.took_s, vantage=Vantage.READINESS, code=code)


def expected(*, redis_optional: bool) -> str:
    """What readiness has to say of Redis, in words."""
    return 'checks.redis.status "ok" or "degraded"' if redis_optional else 'checks.redis.status "ok"'


def read_failure(error: TargetError, took_s: float) -> Readiness:
    """What it means that no HTTP answer came."""
    if isinstance(error, TimedOut):
        return Readiness(Kind.TIMED_OUT, f"no answer in time: {error}", took_s=took_s)
    if isinstance(error, CarrierFailed):
        return Readiness(Kind.UNCARRIED, str(error), took_s=took_s)
    kind = Kind.NOT_ASKED if isinstance(error, CannotAsk) else Kind.UNREACHABLE
    return Readiness(kind, str(error), took_s=took_s)


def read_answer(http: HttpAnswer) -> Readiness:
    """What the HTTP answer says of Redis: the body's ``checks.redis.status`` decides, also under a 503."""
    kind, reason, schema = _read_body(http)
    if kind in {Kind.MALFORMED, Kind.NOT_JSON} and http.status >= 400:  # noqa: PLR2004 - HTTP's own figure
        reason = f"HTTP {http.status} without the documented body: {reason}"
        kind = Kind.HTTP_ERROR
    if http.status == 429:  # noqa: PLR2004 - HTTP's own figure
        kind, reason = Kind.RATE_LIMITED, "the backend limits the rate of questions (429)"
    elif 300 <= http.status < 400:  # noqa: PLR2004 - HTTP's own figures
        kind, reason = Kind.REDIRECT, f"a redirect ({http.status}) instead of an answer: readiness_url is not the one"
    return Readiness(kind, reason, http.status, http.took_s, schema, http.retry_after_s)


def _read_body(http: HttpAnswer) -> tuple[Kind, str, str]:
    """Kind, reason and what is amiss with the shape."""
    try:
        body: object = json.loads(http.body)  # first, for it may be served as text/html
    except (ValueError, RecursionError):
        return *_read_text(http), ""
    return _read_json(body)


def _read_text(http: HttpAnswer) -> tuple[Kind, str]:
    """Kind and reason of a body that is no JSON."""
    text = http.body.decode(errors="backslashreplace")
    if _is_html(http.content_type, text):
        title = re.search(r"<title[^>]{0,200}>([^<]*)", text, re.IGNORECASE)
        said = f": {_quote(title[1].strip())}" if title else ""
        return Kind.HTML, f"HTML instead of JSON: a proxy or another site answered{said}"
    if http.cut:
        return Kind.TOO_LONG, f"the body is longer than {len(http.body) // 1024} KiB, and is read no further"
    return Kind.NOT_JSON, f"not JSON: {_quote(text) or 'an empty body'}"


def _is_html(content_type: str, text: str) -> bool:
    return "html" in content_type.lower() or bool(re.match(r"\s*<(!doctype|html|head|body)\b", text, re.IGNORECASE))


def _read_json(body: object) -> tuple[Kind, str, str]:
    entry, missing = _dig(body)
    if missing:
        return Kind.MALFORMED, missing, ""
    status, message = entry.get("status"), entry.get("message")
    if not isinstance(status, str):
        told = "is missing" if "status" not in entry else f"is {_quote(json.dumps(status))}, not a string"
        return Kind.MALFORMED, f"checks.redis.status {told}", ""
    said = f"checks.redis.status is {_quote(status)!r}" + (f": {_quote(str(message))}" if message else "")
    if status not in {Kind.OK, Kind.DEGRADED, Kind.DOWN}:
        return Kind.UNKNOWN_WORD, f"{said} - none of ok, degraded, down", ""
    return Kind(status), said, _shape(entry, status)


def _dig(body: object) -> tuple[dict[str, object], str]:
    """The entry ``checks.redis``, or what is missing on the way to it."""
    here: object = body
    path = "the body"
    for key in ("checks", "redis"):
        if not isinstance(here, dict):
            return {}, f"{path} is {_quote(json.dumps(here))}, not an object"
        if key not in here:
            present = ", ".join(sorted(map(str, here))[:8]) or "nothing"
            return {}, f"{path} has no {key!r}; it has: {_quote(present)}"
        here, path = here[key], key if path == "the body" else f"{path}.{key}"
    if not isinstance(here, dict):
        return {}, f"checks.redis is {_quote(json.dumps(here))}, not an object"
    return here, ""


def _shape(entry: dict[str, object], status: str) -> str:
    """What is amiss with an entry whose status could be read: a trouble without its message, or no text."""
    message = entry.get("message")
    if "message" in entry and message is not None and not isinstance(message, str):
        return f"checks.redis.message is {_quote(json.dumps(message))}, not a string"
    if status != Kind.OK and not message:
        return f"checks.redis says {status!r} without a message"
    return ""


def _quote(text: str) -> str:
    """A bounded piece of what the host sent, in one line."""
    return printable(text, _QUOTED)
