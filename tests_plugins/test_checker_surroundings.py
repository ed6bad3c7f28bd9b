"""Checkers: the backend, its log, and everything else that must be as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugins.checker import Finding, Verdict
from plugins.checkers.connections import Bonds, Connections
from plugins.checkers.surroundings import (
    Surroundings,
    backend_reconnected_without_restart,
    given_up_late,
    log_quiet_in_hold,
    nothing_else_changed,
    server_lived_on,
)
from plugins.facts.config import parse_config
from plugins.facts.logs import tell
from plugins.facts.server import COMMANDS, read
from plugins.facts.units import text_of
from plugins.recovery import Recovery
from plugins.target.model import Container, Log, LogRecord
from tests_plugins.servers import Server, running, server_programs

VALID, INVALID, UNKNOWN = Verdict.VALID, Verdict.INVALID, Verdict.UNKNOWN
PROGRAMS = server_programs()
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
USERS = ("user default on nopass ~* &* +@all", "user app on #5e88 ~app:* +@read")


def surroundings(run_id: str = "a", drifted: str = "", **config: str) -> Surroundings:
    """Some directives, two users, one container."""
    values = {"maxmemory": "100", "save": "", "requirepass": "secret"}
    values |= {name.replace("_", "-"): value for name, value in config.items()}
    parsed = parse_config([word.encode() for pair in values.items() for word in pair])
    return Surroundings(run_id, parsed, USERS, {"redis": "1"}, frozenset(drifted.split()))


BEFORE = surroundings()


def real(server: Server) -> Surroundings:
    """What a real server says of itself."""
    facts = read(server.wire.ask(COMMANDS))
    users = tuple(text_of(line) for line in facts.replies.items("acl") if isinstance(line, bytes))
    return Surroundings(facts.server.run_id, facts.config, users, {"redis": "1"})


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_real_server_is_the_same_after_a_restart(program: str) -> None:
    """No directive of any version differs by itself, so that none need be excused."""
    flags = ("--maxmemory", "100mb", "--requirepass", "x", "--user", "app", "on", "+@read", "~app:*", ">pw")
    seen = []
    for _ in range(2):
        with running(PROGRAMS[program], *flags) as server:
            server.ask("AUTH", "x")
            seen.append(real(server))
    files = dict.fromkeys(("dir", "unixsocket"), "")  # of the tests' own making, another one each time
    seen = [
        replace(one, config=replace(one.config, values={**one.config.values, **files})) for one in seen if one.config
    ]
    assert seen[0].run_id != seen[1].run_id
    assert nothing_else_changed(*seen) == Finding(
        "nothing_else_changed", VALID, "configuration, ACL users and containers are as before"
    )


@pytest.mark.parametrize(("run_id", "verdict"), [("a", VALID), ("b", INVALID), ("", UNKNOWN)])
def test_a_server_that_was_not_to_end_is_the_same_process(run_id: str, verdict: Verdict) -> None:
    """However soon another one was there."""
    assert server_lived_on(BEFORE, surroundings(run_id)).verdict is verdict


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (surroundings(maxmemory="0"), 'maxmemory changed from "100" to "0": somebody set it meanwhile'),
        (
            surroundings("b", maxmemory="0"),
            'maxmemory changed from "100" to "0": the restarted server starts otherwise than it ran',
        ),
        (surroundings(requirepass="other"), "requirepass changed (values hidden): somebody set it meanwhile"),
        (surroundings(hz="10"), 'hz changed from "nothing" to "10": somebody set it meanwhile'),
        (replace(BEFORE, containers={"redis": "2"}), 'container "redis" is another one than before'),
        (replace(BEFORE, containers={}), 'container "redis" is gone'),
        (replace(BEFORE, containers={"redis": "1", "x": "3"}), 'container "x" is new'),
        (replace(BEFORE, users=USERS[:1]), 'ACL user "app" is not as before: somebody changed it meanwhile'),
        (
            replace(BEFORE, users=(USERS[0], USERS[1].replace("#5e88", "#0000"))),
            'ACL user "app" is not as before: somebody changed it meanwhile',
        ),
        (
            replace(BEFORE, run_id="b", users=USERS[:1]),
            'ACL user "app" is not as before: the restart lost what no ACL file holds',
        ),
    ],
)
def test_what_changed_is_told(after: Surroundings, said: str) -> None:
    """With both values, but for secrets."""
    found = nothing_else_changed(BEFORE, after)
    assert (found.verdict, found.said) == (INVALID, said)


@pytest.mark.parametrize(("now", "verdict"), [(("a", "b"), VALID), (("b",), INVALID), (None, VALID)])
def test_a_library_of_functions_that_is_gone_is_told(now: tuple[str, ...] | None, verdict: Verdict) -> None:
    """By its name; where they could not be asked, nothing is said of them."""
    before = replace(BEFORE, functions=frozenset({"a"}))
    found = nothing_else_changed(before, replace(BEFORE, functions=None if now is None else frozenset(now)))
    assert (found.verdict, 'the library "a" of functions is gone' in found.said) == (verdict, verdict is INVALID)


def test_a_restart_that_loses_what_was_set_by_hand_is_told_as_such() -> None:
    """It is the host's own fault, and the finding says what to do."""
    found = nothing_else_changed(surroundings(drifted="maxmemory"), surroundings("b", maxmemory="0"))
    assert found.verdict is INVALID
    assert "it had been set by hand, and the restart lost it" in found.said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (replace(BEFORE, config=None), BEFORE),
        (BEFORE, replace(BEFORE, users=None)),
        (replace(BEFORE, containers={}), replace(BEFORE, containers={})),
    ],
)
def test_what_could_not_be_read_is_unknown(before: Surroundings, after: Surroundings) -> None:
    """Nothing to compare is no pass."""
    assert nothing_else_changed(before, after).verdict is UNKNOWN


def test_what_changed_is_invalid_though_something_else_could_not_be_read() -> None:
    """Half a look that finds something has found it."""
    assert nothing_else_changed(replace(BEFORE, users=None), surroundings(maxmemory="0")).verdict is INVALID


BACKEND = Container("id", "backend-1", "backend", started_at=AT)
WELL = Recovery("backend", 0.9, None, 0.5, settled=True, flapped=False, operations=9, hold_s=2.0, well_s=0.9)
LATER = AT + timedelta(seconds=9)


@pytest.mark.parametrize(
    ("after", "seen", "by_compose", "verdict"),
    [
        ([BACKEND], (WELL,), "", VALID),
        ([replace(BACKEND, started_at=LATER)], (WELL,), "", INVALID),
        ([replace(BACKEND, started_at=LATER)], (WELL,), "depends_on", VALID),
        ([replace(BACKEND, started_at=LATER, restart_count=1)], (WELL,), "depends_on", INVALID),
        ([replace(BACKEND, id="other")], (WELL,), "depends_on", INVALID),
        ([replace(BACKEND, state="exited")], (WELL,), "", INVALID),
        ([], (WELL,), "", INVALID),
        ([BACKEND], (), "", UNKNOWN),
        ([BACKEND], (replace(WELL, operations=0),), "", UNKNOWN),
        ([BACKEND], (replace(WELL, recovery_s=None),), "", UNKNOWN),
        ([BACKEND], (replace(WELL, recovery_s=None, well_s=None),), "", INVALID),
        ([BACKEND], (WELL, replace(WELL, vantage="readiness", recovery_s=None, well_s=None)), "", INVALID),
    ],
)
def test_the_backend_comes_back_by_itself(
    after: list[Container], seen: tuple[Recovery, ...], by_compose: str, verdict: Verdict
) -> None:
    """The same container, never restarted, unless Compose did it; and everybody who knows sees it reach Redis."""
    assert backend_reconnected_without_restart([BACKEND], after, seen, by_compose=by_compose).verdict is verdict


ASKED = (WELL, replace(WELL, vantage="readiness"))
NOTICED = (WELL, replace(WELL, vantage="readiness", outage_s=0.4))
USED, UNUSED = Connections("backend-1", 2, in_use=True), Connections("backend-1", 2, in_use=False)


@pytest.mark.parametrize(
    ("seen", "bonds", "verdict", "said"),
    [
        (ASKED, Bonds((replace(USED, fresh=1),), ""), VALID, "has connected to Redis again: CLIENT LIST has 1 of its"),
        (ASKED, Bonds((replace(USED, kept=1),), ""), VALID, "has kept 1 of its 2 connections to Redis"),
        (ASKED, Bonds((USED,), ""), INVALID, "used its 2 connections to Redis before the fault, and CLIENT LIST has n"),
        (NOTICED, Bonds((USED,), ""), INVALID, "CLIENT LIST has none of its own afterwards"),
        (ASKED, Bonds((replace(USED, kept=1), USED), ""), INVALID, "CLIENT LIST has none of its own afterwards"),
        (ASKED, Bonds((UNUSED,), ""), UNKNOWN, "held 2 connections that nobody used"),
        (NOTICED, Bonds((UNUSED,), ""), VALID, "held 2 connections that nobody used"),
        (ASKED, Bonds((), "no word"), VALID, "whether connections of its own are back is not known: no word"),
        (ASKED, None, VALID, "backend and readiness found Redis there"),
    ],
)
def test_its_own_connections_count_and_no_more_is_said_than_was_seen(
    seen: tuple[Recovery, ...], bonds: Bonds | None, verdict: Verdict, said: str
) -> None:
    """Whoever used one before the fault holds one afterwards, whatever its check and its readiness say."""
    found = backend_reconnected_without_restart([BACKEND], [BACKEND], seen, bonds)
    assert (found.verdict, said in found.said) == (verdict, True), found.said
    assert "reaches Redis again" not in found.said


def test_without_a_backend_nothing_is_known_of_it() -> None:
    """No container is no pass."""
    assert backend_reconnected_without_restart([], [], (WELL,)).verdict is UNKNOWN


def log(*lines: str, truncated: bool = False) -> Finding:
    records = tuple(LogRecord(AT + timedelta(seconds=n), "stderr", line) for n, line in enumerate(lines))
    return log_quiet_in_hold(tell([Log(AT, records, truncated)], AT))


def test_a_quiet_log_is_valid() -> None:
    """Lines that only speak of Redis are no trouble."""
    assert log("INFO: connected to redis", "INFO: redis errors=0").verdict is VALID
    assert log().verdict is VALID


def test_trouble_with_redis_in_the_hold_is_invalid() -> None:
    """The lines are quoted."""
    found = log("ERROR: redis.exceptions.ConnectionError: Error 111 connecting to redis:6379")
    assert found.verdict is INVALID
    assert "Error 111" in found.said


def test_half_a_log_is_unknown() -> None:
    """Unless trouble is in the half that was read."""
    assert log("INFO: fine", truncated=True).verdict is UNKNOWN
    assert log("ERROR: redis connection refused", truncated=True).verdict is INVALID


HUNG = "ERROR: redis.exceptions.TimeoutError: Timeout connecting to server"


@pytest.mark.parametrize(
    ("told", "late_s"),
    [
        ({}, 0.0),
        ({0.7: HUNG}, 0.7),
        ({0.5: HUNG, 1.2: HUNG}, 1.2),
        ({0.1: HUNG, 1.2: HUNG}, 0.0),  # further apart than the outage was long: the second began after it
        ({0.7: "ERROR: Error 111 connecting to redis:6379. Connection refused."}, 0.0),
        ({0.7: HUNG, 0.8: "ERROR: redis.exceptions.ConnectionError: Connection reset by peer"}, 0.0),
        ({2.5: HUNG}, 0.0),
        ({0.7: HUNG, 2.5: HUNG}, 0.7),  # the log that is read from then on has the other one
    ],
)
def test_what_hung_since_redis_was_away_is_told_from_what_began_later(told: dict[float, str], late_s: float) -> None:
    """By what it is, by when it was given up, and by how far apart from the others."""
    records = tuple(LogRecord(AT + timedelta(seconds=at), "stderr", line) for at, line in told.items())
    story = tell([Log(AT, records)], AT)
    assert given_up_late(story, 0.6) == pytest.approx(late_s)
    assert given_up_late(story, 0.0) == 0.0


def test_what_was_forgiven_is_told() -> None:
    """A log that was read from later on says why."""
    found = log_quiet_in_hold(tell([Log(AT, ())], AT), late_s=0.7)
    assert (found.verdict, "gave up 0.7 s after the recovery" in found.said) == (VALID, True)
