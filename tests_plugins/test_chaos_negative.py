"""Hosts that do not recover as they should: the right experiment turns red, says why, and leaves the host well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from plugins.eventually import eventually
from plugins.inventory import Windows
from tests_plugins.chaos import environ_for, every_fault, meanwhile, play, playing, select
from twin import up
from twin.misbehaviour import Misbehaviour
from twin.options import Options
from twin.servers import find

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests_plugins.chaos import Played
    from twin.handle import Twin

REDIS = "redis_staging"
VANTAGES = ("exec_ping", "ping", "write", "backend", "readiness")
#: Seconds that Redis is away in a restart, so that everybody who asks sees it.
AWAY_S = 1.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Twin]:
    """A twin whose Redis takes its time to start, for all tests that need no other."""
    with up(kind="processes", options=Options(start_delay_s=AWAY_S)) as made:
        yield made


@pytest.fixture
def twin(shared: Twin) -> Iterator[Twin]:
    """It behaves, and is well."""
    yield shared
    shared.delay_start(AWAY_S)
    shared.behave()


def assert_well(twin: Twin) -> None:
    """Redis answers, and the backend has it."""
    assert (twin.redis("PING"), ready(twin)) == (b"PONG", "ok")


def ready(twin: Twin) -> str:
    """What readiness says of Redis."""
    answer = httpx.get(twin.host.readiness_url or "", timeout=5, trust_env=False)
    return str(answer.json()["checks"]["redis"]["status"])


def condemned(played: Played, fault: str) -> str:
    """Why the fault's experiment failed; everything was undone all the same."""
    assert played.exit_code == 1, played.output
    found = played.experiments[fault]
    assert (found["outcome"], found["undone"]) == ("failed", True), found["reason"]
    reason: str = found["reason"]
    return reason


def not_well_in(reason: str) -> tuple[str, ...]:
    """The vantage points of which it is told that they were not well within their window."""
    return tuple(vantage for vantage in VANTAGES if f"{vantage} not well again (window 5 s)" in reason)


def test_a_backend_that_fails_while_redis_is_away(twin: Twin, tmp_path: Path) -> None:
    """Readiness answers 500 instead of degraded, and only then."""
    twin.obey(Misbehaviour(readiness="error_500_while_away"))
    played = play(*select("restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    reason = condemned(played, "restart")
    assert reason.startswith("degraded_while_away: ")
    assert "HTTP 500" in reason
    assert_well(twin)


def test_a_backend_that_hangs_while_redis_is_away(twin: Twin, tmp_path: Path) -> None:
    """Readiness does not answer who asks then, though a second later it would be well."""
    twin.obey(Misbehaviour(readiness="hangs_while_away"))
    played = play(*select("restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    reason = condemned(played, "restart")
    assert "degraded_while_away: " in reason
    assert "readiness" in reason
    assert_well(twin)


def test_a_start_that_takes_longer_than_the_window(twin: Twin, tmp_path: Path) -> None:
    """Window and vantage points are named, with how late each was, and the run goes on until the host is well."""
    twin.delay_start(7)
    played = play(*select("restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    recovered = condemned(played, "restart").splitlines()[0]
    assert recovered.startswith("recovered_within_window: ")
    found = played.experiments["restart"]
    for vantage in VANTAGES:
        assert re.search(rf"\b{vantage} well again too late: [\d.]+ s ± [\d.]+ after .* \(window 5 s\)", recovered), (
            recovered
        )
        assert abs(found["outage_s"][vantage] - 7) < found["uncertainty_s"][vantage] + 2
        assert found["recovery_s"][vantage] > 5
    assert_well(twin)


def test_a_start_that_takes_its_time_within_the_window(twin: Twin, tmp_path: Path) -> None:
    """It passes, and the outage is as long as the start took at least."""
    twin.delay_start(0.3)
    played = play(*select("restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert played.exit_code == 0, played.output
    found = played.experiments["restart"]
    assert all(0.3 <= found["outage_s"][vantage] < 2 for vantage in ("ping", "write"))
    assert all(found["recovery_s"][vantage] <= 5 for vantage in VANTAGES)


def test_keys_that_expire_while_redis_is_away(twin: Twin, tmp_path: Path) -> None:
    """They are missing afterwards, and nobody has lost them, whether Redis counts them or not; none is put back."""
    for number in range(20):
        twin.redis("SET", f"session:{number}", "x", "EX", 600)
    twin.delay_start(3.5)
    environ = environ_for(twin, tmp_path, windows=Windows(restart=20, readiness=20, hold_s=0.5))
    with playing(*select("restart"), reports=tmp_path / "r", environ=environ) as run:
        run.await_said("restart: scene")
        for number in range(20):
            twin.redis("PEXPIRE", f"session:{number}", 3500)
    played = run.end()
    assert (played.exit_code, played.findings("restart")["no_key_missing"]) == (0, "valid"), played.output
    assert twin.redis("EXISTS", *(f"session:{number}" for number in range(20))) == 0


def test_a_backend_that_never_connects_again(twin: Twin, tmp_path: Path) -> None:
    """A killed connection is enough. Its own check connects afresh and sees nothing; readiness does.

    Nothing more is done to a host that has not recovered.
    """
    twin.misbehave(reconnects=False)
    environ = environ_for(twin, tmp_path)
    try:
        played = play(*select("client_kill_backend", "restart"), reports=tmp_path / "r", environ=environ)
    finally:
        twin.behave()
    reason = condemned(played, "client_kill_backend")
    assert "recovered_within_window: readiness not well again (window 5 s)" in reason
    assert "the backend did not reach Redis again, says readiness" in reason
    assert (played.outcomes["restart"], played.experiments["restart"]["evidence"]) == ("error", {})
    assert_well(twin)


@pytest.mark.parametrize("fault", ["client_kill_one", "restart"])
def test_a_backend_that_never_connects_again_and_says_that_all_is_well(twin: Twin, tmp_path: Path, fault: str) -> None:
    """Its readiness remembers, its log is silent, and its check is another process: CLIENT LIST has none of it."""
    twin.delay_start(0)
    twin.obey(Misbehaviour(readiness="ok", reconnects=False, silent=True))
    played = play(*select(fault), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    reason = condemned(played, fault)
    assert "backend_reconnected_without_restart: the backend's container " in reason
    assert "used its 1 connection to Redis before the fault, and CLIENT LIST has none of its own afterwards" in reason
    assert all(played.experiments[fault]["recovery_s"][vantage] < 1 for vantage in ("backend", "readiness"))


def test_a_restart_policy_that_brings_nobody_back(tmp_path: Path) -> None:
    """A crash, and nobody starts Redis again but the undo."""
    with up(kind="processes", options=Options(restart="no")) as twin:
        environ = environ_for(twin, tmp_path, faults=every_fault())
        played = play(*select("crash"), reports=tmp_path / "r", environ=environ)
        reason = condemned(played, "crash")
        assert not_well_in(reason) == VANTAGES, reason
        assert_well(twin)


def test_a_redis_that_loses_what_it_promised_to_keep(tmp_path: Path) -> None:
    """``appendfsync always`` is observed, and yet what was acknowledged is gone after a start."""
    forgetful = forgetting(tmp_path / "bin")
    always = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
    with up(kind="processes", options=Options(redis_server=forgetful, redis_args=always)) as twin:
        twin.redis("SET", "precious", "1")
        played = play(*select("kill"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
        reason = condemned(played, "kill")
        assert "appendfsync always: every acknowledged write survives" in reason
        assert played.findings("kill")["acknowledged_writes_survive"] == "invalid"
        assert "no_key_missing: 1 key before, 0 after" in reason
        writes = played.experiments["kill"]["writes"]
        assert 0 < writes["lost"] <= writes["acknowledged"]
        assert_well(twin)


def test_lost_keys_that_new_ones_hide(tmp_path: Path) -> None:
    """There are more keys than before, and yet one that was there is not."""
    always = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
    options = Options(redis_server=forgetting(tmp_path / "bin"), redis_args=always)
    with up(kind="processes", options=options) as twin:
        twin.redis("SET", "precious", "1", "EX", 600)
        with playing(*select("kill"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)) as run:
            run.await_said("kill: recovery")
            eventually(lambda: twin.redis("PING"), what="Redis is back", within_s=10, catch=(OSError, EOFError))
            for number in range(20):
                twin.redis("SET", f"new:{number}", "x")
        reason = condemned(run.end(), "kill")
        assert "no_key_missing: 1 key before, 20 after" in reason
        assert "; of 1 key drawn before 1 are not there, and nobody took any away" in reason


@pytest.mark.parametrize("fault", ["restart", "stop_start"])
def test_a_stop_that_is_cut_short_before_all_is_saved(tmp_path: Path, fault: str) -> None:
    """The last snapshot takes longer than the stop's grace: that is told, and the keys are put back all the same."""
    with up(kind="processes") as twin:
        twin.redis("SET", "old", "1")
        twin.redis("SAVE")
        for number in range(20):
            twin.redis("SET", f"precious:{number}", "x")
        twin.redis("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)  # microseconds
        environ = environ_for(twin, tmp_path)
        with playing(*select(fault), reports=tmp_path / "r", environ=environ) as run:
            run.await_said(f"{fault}: recovery")
            eventually(lambda: twin.redis("PING"), what="Redis is back", within_s=10, catch=(OSError, EOFError))
            for number in range(30):  # by their number they would make up for what is lost
                twin.redis("SET", f"new:{number}", "x")
        played = run.end()
        assert "saved_at_stop: the stop was cut short by SIGKILL" in condemned(played, fault)
        assert twin.redis("EXISTS", "old", *(f"precious:{number}" for number in range(20))) == 21
        assert_well(twin)


def forgetting(folder: Path) -> Path:
    """A redis-server that begins with an empty folder at each start, as on a disk that forgets."""
    folder.mkdir()
    real = find()
    server = folder / "redis-server"
    server.write_text(f'#!/bin/sh\nrm -rf ./*\nexec {real.server} "$@"\n', encoding="utf-8")
    server.chmod(0o755)
    if real.cli is not None:
        (folder / "redis-cli").symlink_to(real.cli)
    return server


@pytest.mark.parametrize(
    ("command", "undo", "said"),
    [
        (("CONFIG", "SET", "hz", "11"), ("CONFIG", "SET", "hz", "10"), '"hz" was set by hand'),
        (("ACL", "SETUSER", "ada", "on"), ("ACL", "DELUSER", "ada"), 'the ACL user "ada" was set by hand'),
        (("ACL", "SETUSER", "default", "-debug"), ("ACL", "SETUSER", "default", "+@all"), 'the ACL user "default" was'),
    ],
    ids=["directive", "user", "default user"],
)
def test_what_would_be_lost_with_the_process_is_not_lost(
    twin: Twin, tmp_path: Path, command: tuple[str, ...], undo: tuple[str, ...], said: str
) -> None:
    """Somebody has set it by hand: what ends the process is not played, and the reason is told; a flush is."""
    was = twin.redis("INFO", "server")
    twin.redis(*command)
    try:
        played = play(*select("kill", "flushall"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    finally:
        twin.redis(*undo)
    assert played.outcomes == {"kill": "skipped", "flushall": "passed"}, played.output
    assert played.experiments["kill"]["reason"].startswith(said)
    assert run_id(twin.redis("INFO", "server")) == run_id(was)


def run_id(info: object) -> str:
    """Which server process answered."""
    assert isinstance(info, bytes)
    return dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)["run_id"]


def test_a_flush_that_leaves_keys(tmp_path: Path) -> None:
    """Here UNLINK counts the keys and deletes none: it is TOUCH by another name."""
    renamed = ("--rename-command", "UNLINK", "", "--rename-command", "TOUCH", "UNLINK")
    with up(kind="processes", options=Options(redis_args=renamed)) as twin:
        for number in range(20):
            twin.redis("SET", f"session:{number}", "x", "EX", 600)
        played = play(*select("flush_session"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
        reason = condemned(played, "flush_session")
        assert "fault_was_complete: 20 keys found by the last of 4 walks for session:*" in reason
        assert twin.redis("EXISTS", *(f"session:{number}" for number in range(20))) == 20


def test_a_redis_that_dies_of_a_flush(shared: Twin, tmp_path: Path) -> None:
    """The restart policy has it back within the window, with its keys; that is no flush that went well."""
    with playing(*select("flushall"), reports=tmp_path / "r", environ=environ_for(shared, tmp_path)) as run:
        run.await_said("flushall: recovery")
        shared.crash(REDIS)
    assert "server_lived_on: Redis has ended and was started again" in condemned(run.end(), "flushall")
    assert_well(shared)


def test_a_redis_that_does_not_take_its_keys_back(tmp_path: Path) -> None:
    """They stay saved on the host and are owed, until a recovery can put them back; nothing is called undone."""
    with up(kind="processes") as twin:
        for number in range(20):
            twin.redis("SET", f"precious:{number}", "x")
        environ = environ_for(twin, tmp_path) | {"RUNBOOK_SUITE_ROUNDS": "2"}
        with playing(*select("flushall", "restart"), reports=tmp_path / "r", environ=environ) as run:
            run.await_said("flushall: recovery")
            twin.redis("ACL", "SETUSER", "default", "-restore")
        played = run.end()
        assert (played.exit_code, played.document["verdict"]) == (11, "dirty"), played.output
        found = played.experiments["flushall"]
        assert (found["outcome"], found["undone"]) == ("failed", False), found["reason"]
        assert "keys_put_back: the host's command ended with 1: 20 times NOPERM" in found["reason"]
        assert played.outcomes["restart"] == "error"
        twin.redis("ACL", "SETUSER", "default", "+restore")
        assert play("--recover", reports=tmp_path / "r", environ=environ).exit_code == 0
        assert twin.redis("EXISTS", *(f"precious:{number}" for number in range(20))) == 20


@pytest.mark.parametrize(("away_s", "in_time"), [(5.5, False), (1.0, True)], ids=["past", "within"])
def test_a_recovery_that_flaps(twin: Twin, tmp_path: Path, away_s: float, in_time: bool) -> None:
    """Well for 300 ms, then away again, past the window and within it: both are no recovery."""
    windows = Windows(hold_s=0.8)
    environ = environ_for(twin, tmp_path, windows=windows)
    with meanwhile(flapping(twin, well_s=0.3, away_s=away_s)):
        played = play(*select("restart"), reports=tmp_path / "r", environ=environ)
    found = condemned(played, "restart")
    assert "away again in between" in found
    assert all(f"{vantage} " in found for vantage in ("ping", "write"))
    assert (played.experiments["restart"]["recovery_s"]["ping"] <= 5) is in_time
    assert_well(twin)


def flapping(twin: Twin, *, well_s: float, away_s: float) -> Callable[[threading.Event], None]:
    """Somebody who, once Redis was restarted, lets it be well for a while and then freezes it."""
    (before,) = run_ids(twin)

    def flap(over: threading.Event) -> None:
        eventually(
            lambda: run_ids(twin),
            lambda seen: seen != [before] or over.is_set(),
            what="Redis was restarted",
            within_s=60,
            every_s=0.01,
            catch=(OSError,),
        )
        if not over.wait(well_s):
            twin.pause(REDIS)
            over.wait(away_s)
            twin.unpause(REDIS)

    return flap


def run_ids(twin: Twin) -> list[bytes]:
    """The run_id of the server process, as the one word of its line."""
    info = twin.redis("INFO", "server", timeout_s=1)
    assert isinstance(info, bytes)
    return [line for line in info.split() if line.startswith(b"run_id:")]
