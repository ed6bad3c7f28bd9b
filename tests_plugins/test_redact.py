"""Redaction: no secret survives, however it is dressed, and nothing else suffers."""

from __future__ import annotations

import base64
import html
import json
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plugins.facts.asking import last_lines
from plugins.facts.logs import brief
from plugins.facts.readiness import read_answer
from plugins.facts.records import clean, join
from plugins.facts.units import shown
from plugins.inventory import Environment, Host
from plugins.keys import InspectedKey, Inspection
from plugins.keys_table import render
from plugins.probe import printable
from plugins.redact import MASK, Redactor
from plugins.target.model import HttpAnswer, LogRecord
from tests_plugins.hostile import any_text, hostile, some_text

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "p'w\"<ü>/& 1\\x"  # noqa: S105 - planted

secrets = some_text.filter(lambda text: len(text) > 3 and bool(text.strip("*")))


@pytest.mark.parametrize(
    "dressed",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps({"password": SECRET})),
        json.dumps(SECRET).replace("/", "\\/"),
        repr(SECRET),
        ascii(SECRET),
        repr(SECRET.encode()),
        shlex.quote(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_dress(dressed: str) -> None:
    """Quotes around it may stay; nothing of itself may."""
    redacted = Redactor((SECRET,))(f"before {dressed} after")
    assert redacted.replace("'", "").replace('"', "").replace("\\", "").count(MASK) == 1
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert len(redacted) < len("before *** after") + 25


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "default"])
def test_a_secret_is_found_inside_longer_base64(user: str) -> None:
    """As in a header of basic authentication, at any alignment."""
    secret = "correct-horse-battery"  # noqa: S105 - planted
    header = base64.b64encode(f"{user}:{secret}!".encode()).decode()
    redacted = Redactor((secret,))(f"Authorization: Basic {header}")
    assert MASK in redacted
    assert len(redacted) < len(f"Authorization: Basic {header}") - len(secret)


@hostile
@given(secret=secrets, before=any_text, after=any_text)
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    """Whatever it is and whatever stands around it."""
    redacted = Redactor((secret,))(f"{before}{secret}{after}")
    assert secret not in redacted


@hostile
@given(secret=secrets, value=st.recursive(any_text, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_no_secret_survives_in_json(secret: str, value: object) -> None:
    """Redacted as data before it is written, the document stays valid and holds no secret."""
    assume(secret not in MASK)
    document = Redactor((secret,)).data({"observed": [secret, value, {f"X {secret}": 1}], "ok": True, "n": None})
    written = json.dumps(document, ensure_ascii=False)
    assert json.loads(written) == document
    assert not any(secret in text for text in _strings(document))


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []


@hostile
@given(text=any_text)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    """Byte for byte, where no address or option gives a password away."""
    assume("://" not in text and ">" not in text)
    assert Redactor(("not-in-there",))(text) == text


@hostile
@given(secret=secrets, text=any_text)
def test_redacting_twice_changes_nothing(secret: str, text: str) -> None:
    """Files are redacted whose parts have been before."""
    redact = Redactor((secret,))
    once = redact(f"{text} {secret} --requirepass x redis://u:p@h {text}")
    assert redact(once) == once


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("redis://user:pass@host:6379/0", "redis://user:***@host:6379/0"),
        ("rediss://:pass@host", "rediss://:***@host"),
        ('{"url": "https://u:p@h/x"}', '{"url": "https://u:***@h/x"}'),
        ("redis-server --requirepass foobar --save ''", "redis-server --requirepass *** --save ''"),
        ('["--requirepass", "foobar"]', '["--requirepass", "***"]'),
        ("--masterauth=foobar", "--masterauth=***"),
        ("requirepass foobar\nport 6379", "requirepass ***\nport 6379"),
        ("env REDISCLI_AUTH=foobar redis-cli", "env REDISCLI_AUTH=*** redis-cli"),
        ("user default on >foobar ~* +@all", "user default on >*** ~* +@all"),
        ("user default on #0123abcd ~*", "user default on #*** ~*"),
    ],
)
def test_a_secret_that_nobody_declared_is_given_away_by_its_place(text: str, redacted: str) -> None:
    """Redis's own command line, configuration and addresses hold passwords too."""
    assert Redactor(())(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a:b@c",
        "https://example.com:8443/x user@host",
        "requirepass is set",
        'export REDISCLI_AUTH="${STAGING_REDIS_PASSWORD:?is not set}"',
        "size > 5 on > x",
    ],
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    """A report full of asterisks tells nobody anything."""
    assert Redactor(())(text) == text


def test_a_very_short_secret_is_masked_only_where_it_stands_alone() -> None:
    """Everything else in the report must stay readable."""
    assert Redactor(("ab",))("ab cable 'ab' ab_c") == "*** cable '***' ***_c"


def test_a_secret_of_asterisks_is_among_the_masks() -> None:
    """There is nothing to replace it by."""
    assert Redactor(("***",))("a *** b") == "a *** b"


def test_the_suites_own_keys_stay_though_the_password_is_redis() -> None:
    """A pipeline reads them; values and foreign keys are masked."""
    redact = Redactor(("redis",))
    document = {"redis_version": "redis 7", "Redis/redis": 1}
    assert redact.data(document) == {"redis_version": "*** 7", "Redis/***": 1}


def test_the_secrets_of_a_host_are_what_its_variables_hold() -> None:
    """Through the inventory's names."""
    host = Host(name="x", environment=Environment.STAGING, redis_password_env="PW")  # noqa: S106 - a variable's name
    assert Redactor.of(host, {"PW": "hunter2"})("hunter2") == MASK
    assert Redactor.of(host, {})("hunter2") == "hunter2"


def test_a_redactor_does_not_show_what_it_hides() -> None:
    """Not even in a traceback."""
    redact = Redactor(("hunter2",))
    redact("x")
    assert "hunter2" not in repr(redact)


# --- where a text is cut ----------------------------------------------------------------------------------------


def _told(text: str) -> str:
    return brief(join([LogRecord(datetime.now(UTC), "stderr", f"ERROR redis {text}")])[0])


def _page(text: str) -> str:
    body = f"<html><title>{text}</title></html>".encode()
    return read_answer(HttpAnswer(502, "text/html", body, 0.0)).describe()


def _message(text: str) -> str:
    body = json.dumps({"checks": {"redis": {"status": "down", "message": text}}}).encode()
    return read_answer(HttpAnswer(503, "application/json", body, 0.0)).describe()


def _inspected(text: str) -> str:
    raw = text.encode()
    string = InspectedKey(raw, "string", elements=len(raw), preview=raw[:200])
    fields = InspectedKey(b"h", "hash", elements=1, preview=[raw, raw])
    return render(Inspection(raw, "wire", (string, fields)))


#: Everything that cuts a text short, each with the number of characters that it leaves of it.
CUTTERS: dict[str, tuple[Callable[[str], str], int]] = {
    "a key's name": (shown, 80),
    "a short name": (lambda text: shown(text, limit=40), 40),
    "an answer": (printable, 1000),
    "blanks before the cut": (lambda text: printable(" " * 3500 + text), 500),
    "a log record": (_told, 300 - len("ERROR redis ")),
    "a long log line": (clean, 8192),
    "a page's title": (_page, 160),
    "a readiness message": (_message, 160),
    "a key inspected": (_inspected, 100),
    "its value": (_inspected, 200),
    "an element": (_inspected, 60),
}


@pytest.mark.parametrize(
    "secret", ["Qz7Kd0vRw4Tn9Xy2Lm5Bc8Hj1Gp6Fs3A", "pl@nted/Se  cret&7", 'a"b\\cé\u00fcd\U0001f600e=%']
)
@pytest.mark.parametrize("cutter", CUTTERS)
def test_no_piece_of_a_secret_survives_a_cut(secret: str, cutter: str) -> None:
    """Wherever the cut goes through it: its beginning before the cut is masked like the whole of it."""
    cut, left = CUTTERS[cutter]
    redact, pieces = Redactor((secret,)), {secret[at : at + 4] for at in range(len(secret) - 3)}
    for before in range(max(0, left - len(secret) - 8), left + 8):
        said = redact(cut("x" * before + secret + "y" * 100))
        assert not [piece for piece in pieces if piece in said], (before, said)


def test_no_end_of_a_secret_survives_a_cut() -> None:
    """A failed command's last words, and a log of which only the newest part was read, begin in the middle."""
    secret = "Qz7Kd0vRw4Tn9Xy2Lm5Bc8Hj1Gp6Fs3A"  # noqa: S105 - planted
    redact, pieces = Redactor((secret,)), {secret[at : at + 4] for at in range(len(secret) - 3)}
    for after in range(350, 410):
        assert not [piece for piece in pieces if piece in redact(last_lines("x" * 500 + secret + "y" * after))]
        assert not [piece for piece in pieces if piece in redact(clean("x" * 9000 + secret + "y" * (after + 1648)))]


def test_a_password_that_nobody_declared_is_masked_where_its_address_is_cut() -> None:
    """Its place gives it away, though the host that would follow it is cut off."""
    assert Redactor(())(shown("x" * 60 + "redis://ops:hunter2hunter2@host")) == f'"{"x" * 60}redis://ops:{MASK}…"'


def test_a_cut_masks_nothing_else() -> None:
    """What merely stands beside one stays, and so do a few letters, which may be the end of any word."""
    text = "a password is… in the red… and … ord"
    assert Redactor(("redis-password",))(text) == text
