"""Reading the readiness answer: the body decides, and everything that is no body is told apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.readiness import Kind, Readiness, read_answer, read_failure
from plugins.probe import CARRIER
from plugins.target.model import CannotAsk, CarrierFailed, HttpAnswer, TargetError, TimedOut
from tests_plugins.hostile import hostile
from twin.misbehaviour import READINESS

if TYPE_CHECKING:
    from collections.abc import Mapping


def answered(body: object, *, status: int = 200, content_type: str = "application/json") -> Readiness:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(HttpAnswer(status, content_type, raw, 0.01))


def redis_says(entry: object, *, status: int = 200) -> Readiness:
    return answered({"checks": {"redis": entry}}, status=status)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("word", ["ok", "degraded", "down"])
def test_the_body_decides_also_under_a_503(word: str, status: int) -> None:
    """Whatever HTTP's status, the backend's own word for Redis is the verdict."""
    assert redis_says({"status": word, "message": "m"}, status=status).kind == word


@pytest.mark.parametrize(
    ("word", "optional", "passes"),
    [
        ("ok", True, True),
        ("ok", False, True),
        ("degraded", True, True),
        ("degraded", False, False),
        ("down", True, False),
        ("down", False, False),
    ],
)
def test_degraded_passes_only_where_redis_is_optional(word: str, optional: bool, passes: bool) -> None:
    """As the runbook has it: degraded is fine, down never."""
    assert redis_says({"status": word, "message": "m"}).passes(redis_optional=optional) is passes


#: What each of the twin's misbehaving readiness answers is; the table covers every one of them.
KINDS: Mapping[str, Kind] = {
    "honest": Kind.OK,
    "ok": Kind.OK,
    "degraded": Kind.DEGRADED,
    "degraded_silently": Kind.DEGRADED,
    "down": Kind.DOWN,
    "down_503": Kind.DOWN,
    "honest_503": Kind.OK,
    "error_500": Kind.HTTP_ERROR,
    "error_500_json": Kind.HTTP_ERROR,
    "error_500_while_away": Kind.OK,  # while Redis is there
    "hangs_while_away": Kind.OK,  # the same
    "too_many_429": Kind.RATE_LIMITED,
    "redirect_302": Kind.REDIRECT,
    "html_200": Kind.HTML,
    "html_502": Kind.HTML,
    "html_503": Kind.HTML,
    "empty": Kind.NOT_JSON,
    "half_json": Kind.NOT_JSON,
    "no_checks": Kind.MALFORMED,
    "no_redis": Kind.MALFORMED,
    "no_status": Kind.MALFORMED,
    "checks_is_a_list": Kind.MALFORMED,
    "redis_is_a_string": Kind.MALFORMED,
    "status_is_a_bool": Kind.MALFORMED,
    "json_is_a_list": Kind.MALFORMED,
    "unknown_status": Kind.UNKNOWN_WORD,
    "hostile": Kind.UNKNOWN_WORD,
    "huge": Kind.NOT_JSON,  # as far as it is read
}


def test_a_body_that_was_not_read_to_its_end_is_no_verdict() -> None:
    """Longer than 64 KiB: the rest may well be as it should."""
    begun = b'{"checks": {"redis": {"status": "ok"}, "more": "' + b"x" * (1 << 16)
    read = read_answer(HttpAnswer(200, "application/json", begun[: 1 << 16], 0.01, cut=True))
    assert read.kind is Kind.TOO_LONG
    assert "longer than 64 KiB" in read.reason
    assert read.answer(redis_optional=True).ok is None
    page = read_answer(HttpAnswer(502, "text/html", b"<html>" + b"x" * 1000, 0.01, cut=True))
    assert page.kind is Kind.HTML


def test_json_is_json_whatever_it_is_served_as() -> None:
    """A framework's default content type is no proxy's page."""
    said = json.dumps({"checks": {"redis": {"status": "ok"}}}).encode()
    assert answered(said, content_type="text/html; charset=utf-8").kind is Kind.OK
    assert answered(b"<html>", content_type="text/html").kind is Kind.HTML


@pytest.mark.parametrize("name", READINESS)
def test_every_misbehaviour_of_the_twin_is_told_apart(name: str) -> None:
    """Each known way to answer has its own kind."""
    orders = READINESS[name]
    entry = orders.get("redis", {"status": "ok"})
    body = str(orders.get("body", json.dumps({"checks": {"redis": entry}}))).encode()[: 64 * 1024]
    kind = answered(
        body, status=orders.get("status", 200), content_type=orders.get("content_type", "application/json")
    ).kind
    assert kind == KINDS[name]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"status": "ready"}, "the body has no 'checks'; it has: status"),
        ({"checks": {"database": {}}}, "checks has no 'redis'; it has: database"),
        ({"checks": []}, "checks is [], not an object"),
        ({"checks": {"redis": "ok"}}, 'checks.redis is "ok", not an object'),
        ({"checks": {"redis": {}}}, "checks.redis.status is missing"),
        ({"checks": {"redis": {"status": True}}}, "checks.redis.status is true, not a string"),
        ([], "the body is [], not an object"),
    ],
)
def test_a_missing_key_is_named(body: object, words: str) -> None:
    """The reason says where on the way to checks.redis.status it ends, and what is there instead."""
    assert answered(body).reason == words


def test_a_5xx_without_the_documented_body_says_both() -> None:
    """The status, and what came instead of the body."""
    assert answered({"detail": "boom"}, status=500).reason.startswith("HTTP 500 without the documented body: ")


def test_html_says_whose_page_it_is() -> None:
    """A proxy's page is quoted by its title."""
    page = b"<html><head><title>502 Bad Gateway</title></head></html>"
    assert "502 Bad Gateway" in answered(page, status=502, content_type="text/html").reason


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (TimedOut("5 s"), Kind.TIMED_OUT, "no answer in time"),
        (TargetError("connection refused"), Kind.UNREACHABLE, "connection refused"),
        (TargetError("TLS: certificate has expired"), Kind.UNREACHABLE, "certificate has expired"),
    ],
    ids=["time-out", "refused", "tls"],
)
def test_no_answer_keeps_its_reason(error: TargetError, kind: Kind, words: str) -> None:
    """Time-out, refusal and TLS are told apart in words."""
    readiness = read_failure(error, 0.1)
    assert (readiness.kind, words in readiness.reason) == (kind, True)


@pytest.mark.parametrize(
    ("entry", "schema"),
    [
        ({"status": "ok"}, ""),
        ({"status": "ok", "message": None}, ""),
        ({"status": "degraded", "message": "slow"}, ""),
        ({"status": "degraded"}, "checks.redis says 'degraded' without a message"),
        ({"status": "ok", "message": 3}, "checks.redis.message is 3, not a string"),
    ],
)
def test_the_documented_form(entry: object, schema: str) -> None:
    """A status, and a message in words where something is wrong."""
    assert redis_says(entry).schema == schema


def test_rate_limiting_is_no_verdict() -> None:
    """429 says nothing of Redis."""
    assert answered(b"", status=429).answer(redis_optional=True).ok is None


def test_a_question_that_the_host_could_not_put_is_no_verdict() -> None:
    """No curl on the host says nothing of the backend."""
    readiness = read_failure(CannotAsk("sh: curl: not found"), 0.1)
    assert (readiness.kind, readiness.answer(redis_optional=True).ok) == (Kind.NOT_ASKED, None)


def test_a_question_that_got_lost_on_its_way_is_told_apart() -> None:
    """It may get there next time: the steady state waits for that."""
    answer = read_failure(CarrierFailed("the SSH connection has ended"), 0.1).answer(redis_optional=True)
    assert (answer.ok, answer.code) == (None, CARRIER)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@hostile
@given(
    body=st.binary(max_size=300)
    | json_values.map(lambda value: json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps({"checks": {"redis": value}}).encode()),
    status=st.integers(100, 599),
    content_type=st.text(max_size=20),
)
def test_no_answer_breaks_the_reader(body: bytes, status: int, content_type: str) -> None:
    """Whatever comes back is read, in one bounded line, and is well only if it says ok."""
    readiness = read_answer(HttpAnswer(status, content_type, body, 0.0))
    assert len(readiness.describe()) < 1000
    assert "\n" not in readiness.describe()
    assert readiness.kind is not Kind.OK or b'"ok"' in body


@hostile
@given(depth=st.integers(1000, 200_000))
def test_a_deep_body_is_not_json(depth: int) -> None:
    """A body that is nested to exhaust the parser is refused like any other nonsense."""
    assert read_answer(HttpAnswer(200, "application/json", b"[" * depth, 0.0)).kind is Kind.NOT_JSON
