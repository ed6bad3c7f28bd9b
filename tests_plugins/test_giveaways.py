"""Passwords that nobody declared: masked where their place gives them away, and prose left alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from plugins.facts.logs import brief
from plugins.facts.records import join
from plugins.giveaways import without_giveaways
from plugins.redact import Redactor
from plugins.target.model import LogRecord

GIVEN_AWAY = [
    (
        "ConnectionPool<Connection<username=app,password=hunter2,host=redis>>",
        "ConnectionPool<Connection<username=app,password=***,host=redis>>",
    ),
    ("password=hun,te>r2,host=redis", "password=***,host=redis"),
    ("REDIS_PASSWORD=hunter2", "REDIS_PASSWORD=***"),
    ("REDIS_PASSWORD=hun&ter;2 next", "REDIS_PASSWORD=*** next"),
    ('{"msg":"REDIS_PASSWORD=hunter2"}', '{"msg":"REDIS_PASSWORD=***"}'),
    ("Password = hunter2", "Password = ***"),
    ("{'password': 'hunter2'}", "{'password': '***'}"),
    ("{'password': b'hunter2', 'db': 0}", "{'password': b'***', 'db': 0}"),
    ("{'password': 'hun\"ter2', 'db': 0}", "{'password': '***', 'db': 0}"),
    ('{"password":"hun\\"ter2","db":0}', '{"password":"***","db":0}'),
    ('"{\\"password\\": \\"hunter2\\", \\"db\\": 0}"', '"{\\"password\\": \\"***\\", \\"db\\": 0}"'),
    ("password: 'hunter2'", "password: '***'"),
    ("AUTH hunter2", "AUTH ***"),
    ("AUTH default hunter2", "AUTH ***"),
    ('"AUTH" "default" "hunter2"', '"AUTH" "***"'),
    ("['AUTH', 'hunter2']", "['AUTH', '***']"),
    ("AUTH failsafe2", "AUTH ***"),
    ("AUTH hunter2 failed", "AUTH *** failed"),
    ("redis-cli -a hunter2", "redis-cli -a ***"),
    ("redis-cli -h redis -a hunter2 PING", "redis-cli -h redis -a *** PING"),
    ('["redis-cli", "-a", "hunter2"]', '["redis-cli", "-a", "***"]'),
    ("redis://:hu/ter2@redis", "redis://:***@redis"),
    ("redis://:hu@ter2@redis", "redis://:***@redis"),
    ("redis://ops:h@u/t@er2@redis:6379/0 and on", "redis://ops:***@redis:6379/0 and on"),
    ("https://u:p@ss@host/x@y", "https://u:***@host/x@y"),
]

PROSE = [
    "password policy",
    "the password is wrong",
    "wrong password: try again",
    "password=None",
    "password=",
    'password=""',
    "password=$REDIS_PASSWORD",
    "password=***",
    'export REDISCLI_AUTH="${STAGING_REDIS_PASSWORD:?is not set}"',
    "AUTH failed",
    "AUTH failed: WRONGPASS invalid username-password pair",
    "NOAUTH Authentication required.",
    "ERR AUTH <password> called without any password configured",
    "ERR Client sent AUTH, but no password is set",
    'redis-cli -a "$REDIS_PASSWORD" PING',
    "redis-cli: Using a password with '-a' or '-u' option on the command line interface may not be safe.",
    "https://example.com:8443/@scope/pkg",
    "redis://redis_staging:6379/0 connected",
    "the secret is out",
]


@pytest.mark.parametrize(("text", "masked"), GIVEN_AWAY)
def test_a_password_is_masked_by_its_place(text: str, masked: str) -> None:
    """As clients, environments, commands and addresses write it; once and for all."""
    assert Redactor(())(text) == masked
    assert without_giveaways(masked) == masked


@pytest.mark.parametrize("text", PROSE)
def test_what_only_speaks_of_passwords_stays(text: str) -> None:
    """A sentence, a variable and a mask hold none."""
    assert Redactor(())(text) == text


@pytest.mark.parametrize("text", [text for text, _ in GIVEN_AWAY if "ter2" in text])
def test_a_log_record_is_masked_before_it_is_cut(text: str) -> None:
    """Wherever the cut goes, nothing of the password is left before it."""
    for before in range(200, 300, 3):
        [record] = join([LogRecord(datetime.now(UTC), "stderr", f"ERROR {'x' * before} {text}{'y' * 300}")])
        assert "hu" not in brief(record).replace("hunter2y", "")


@pytest.mark.parametrize(
    "repeated",
    [
        *(
            "://:",
            "://:a@",
            "http://:a@",
            "redis://a:b/",
            "https://a:",
            "password=",
            "password=,a",
            "password=,aaaaaaaaaaaa,",
        ),
        *(
            "'password': '",
            '\\"password\\": \\"',
            "password: '\\",
            "AUTH ",
            "AUTH x ",
            "redis-cli ",
            "-cli -a -",
            "api",
        ),
        *("password=a>", "secret" + " " * 4, "://" + "a" * 199, "AUTH '", "api", "-cli" + " " * 100, "password\\\\\\"),
    ],
)
def test_no_line_takes_long(repeated: str) -> None:
    """64 KiB of anything: milliseconds, and what backtracks would take seconds."""
    line = repeated * (65_536 // len(repeated))
    start = time.process_time()
    without_giveaways(line)
    assert time.process_time() - start < 0.1
