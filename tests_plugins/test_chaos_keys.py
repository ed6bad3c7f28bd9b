"""What an experiment tells of the keys that it loses and puts back."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.delay_proxy import delayed
from plugins.inventory import Windows
from plugins.target.open import open_target
from tests_plugins.chaos import environ_for, meanwhile, play, playing, select
from tests_plugins.staging import StagingOptions, need_staging_host, staging_host
from twin import up
from twin.options import Options
from twin.resp import ErrorReply

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests_plugins.chaos import Played
    from twin.handle import Twin

#: More than can be saved while writers are held back.
MANY = 150_000
EXPIRING = "for number = 1, tonumber(ARGV[1]) do redis.call('SET', 'session:' .. number, 'x', 'PX', 20 * number) end"
FILL = "for number = 1, tonumber(ARGV[1]) do redis.call('SET', 'key:' .. number, 'x') end"


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    """Any will do."""
    with up(kind="processes") as made:
        yield made


def told(played: Played, fault: str) -> str:
    """What was said of the keys that were put back."""
    assert played.exit_code == 0, played.output
    found = played.experiments[fault]["findings"]
    (said,) = [one["said"] for one in found if one["checker"] == "keys_put_back"]
    return str(said)


@pytest.mark.parametrize(("keys", "gap"), [(100, False), (MANY, True)], ids=["few", "many"])
def test_writers_that_could_not_be_held_back_for_as_long_are_told_of(
    twin: Twin, tmp_path: Path, keys: int, gap: bool
) -> None:
    """Where they were held back there is nothing to tell; where they were let go, and nobody wrote, nothing is lost."""
    twin.redis("FLUSHALL")
    twin.redis("EVAL", FILL, 0, keys)
    said = told(play(*select("flushall"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)), "flushall")
    assert f"{keys} of {keys} keys put back and as saved" in said
    assert ("the writers were let go after" in said) is gap, said
    assert ("but nobody else was seen to write" in said) is gap, said


@pytest.mark.parametrize(("keys", "exit_code"), [(100, 0), (MANY, 10)], ids=["few", "many"])
def test_what_others_wrote_between_the_saving_and_the_flush_is_no_pass(
    twin: Twin, tmp_path: Path, keys: int, exit_code: int
) -> None:
    """Acknowledged, and gone, unless they were held back throughout."""
    twin.redis("FLUSHALL")
    twin.redis("EVAL", FILL, 0, keys)
    with meanwhile(writing(twin)):
        played = play(*select("flushall"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert played.exit_code == exit_code, played.output
    reason = played.experiments["flushall"]["reason"]
    assert ("what they wrote after it was saved and before it was lost is gone" in reason) is bool(exit_code)
    assert ('data_loss = "allowed"' in reason) is bool(exit_code)


def writing(twin: Twin) -> Callable[[threading.Event], None]:
    """Somebody who counts, fifty times a second, whenever Redis is there."""

    def write(over: threading.Event) -> None:
        while not over.wait(0.02):
            with suppress(OSError, EOFError, ErrorReply):  # the last: Redis loads its data
                twin.redis("INCR", "others")

    return write


def test_a_round_trip_of_forty_milliseconds_is_no_gap(tmp_path: Path) -> None:
    """Between the saving and the flush nothing is asked that could have been asked before."""
    need_staging_host()
    chaos = {"allowed": True, "engine_id": "THAT ENGINE"}
    options = StagingOptions(inventory={"chaos": chaos, "windows": {"hold_s": 0.5}})
    with staging_host(options) as staging, delayed(staging.ssh.port, 0.02) as port:
        text = staging.inventory_file.read_text(encoding="utf-8")
        with closing(open_target(staging.host, environ=staging.environ)) as target:
            text = text.replace("THAT ENGINE", target.stack.engine().id)
        near, far = str(staging.host.ssh_config), str(staging.through(port).ssh_config)
        assert near in text
        inventory = tmp_path / "hosts.toml"
        inventory.write_text(text.replace(near, far), encoding="utf-8")
        arguments = ("--inventory", str(inventory), *select("flushall"))
        played = play(*arguments, reports=tmp_path / "r", environ=staging.environ, host="staging")
    assert "put back and as saved" in told(played, "flushall")
    assert "is gone" not in told(played, "flushall")


def test_values_that_a_kill_has_set_back_are_no_pass(twin: Twin, tmp_path: Path) -> None:
    """The last snapshot's are there again, nothing is put back over what is there, and nobody else has written it."""
    twin.redis("FLUSHALL")
    for number in range(5):
        twin.redis("SET", f"key{number}", "old")
    twin.redis("SAVE")
    twin.redis("SET", "key1", "new")
    twin.redis("SET", "fresh", "new")
    played = play(*select("kill"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert twin.redis("MGET", "key0", "key1", "fresh") == [b"old", b"old", b"new"]
    assert (played.exit_code, played.findings("kill")["keys_put_back"]) == (1, "invalid"), played.output
    reason = played.experiments["kill"]["reason"]
    assert "1 of 6 keys put back and as saved, 5 present already (1 of them not as saved: " in reason
    assert "1 key that nothing was put back over went back to older values: nobody has written since" in reason


def test_what_an_application_deletes_during_the_hold_stays_away(twin: Twin, tmp_path: Path) -> None:
    """It lets go of a lock that the last snapshot still had: that stays away, and what the kill has lost comes back."""
    twin.redis("FLUSHALL")
    twin.redis("MSET", "lock", "1", "kept", "1")
    twin.redis("SAVE")
    twin.redis("SET", "fresh", "1")
    environ = environ_for(twin, tmp_path, windows=Windows(hold_s=2))
    with playing(*select("kill"), reports=tmp_path / "r", environ=environ) as run:
        run.await_said("kill: ping well")
        twin.redis("DEL", "lock")
    assert "1 of 3 keys put back and as saved, 1 present already, 1 not lost by the fault" in told(run.end(), "kill")
    assert twin.redis("MGET", "lock", "kept", "fresh") == [None, b"1", b"1"]


def test_an_applications_keys_in_the_suites_namespace_are_nobody_elses(twin: Twin, tmp_path: Path) -> None:
    """Whoever wrote namespace = "s" has said nothing about session:1: it is saved and comes back like any other."""
    twin.redis("FLUSHALL")
    twin.redis("MSET", "session:1", "1", "other", "1")
    named = replace(twin, host=replace(twin.host, namespace="s"))
    played = play(*select("flushall"), reports=tmp_path / "r", environ=environ_for(named, tmp_path))
    assert "2 of 2 keys put back and as saved" in told(played, "flushall")
    assert twin.redis("MGET", "session:1", "other") == [b"1", b"1"]


def test_functions_come_back_like_keys(tmp_path: Path) -> None:
    """A restart without persistence loses them; only one of two is still there when they are put back."""
    with up(kind="processes", options=Options(redis_args=("--save", ""))) as twin:
        if not since_7(twin):
            pytest.skip("this Redis has no functions")
        for name in ("one", "two"):
            twin.redis("FUNCTION", "LOAD", LIBRARY.format(name))
        with playing(*select("restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)) as run:
            run.await_said("restart: ping well")
            twin.redis("FUNCTION", "LOAD", "REPLACE", LIBRARY.format("one"))
        played = run.end()
        assert played.exit_code == 0, played.output
        assert [twin.redis("FCALL", name, 0) for name in ("one", "two")] == [b"one", b"two"]


LIBRARY = "#!lua name={0}\nredis.register_function('{0}', function() return '{0}' end)"


def since_7(twin: Twin) -> bool:
    """Whether it has functions."""
    return isinstance(twin.redis("COMMAND", "INFO", "FCALL"), list) and twin.redis("COMMAND", "INFO", "FCALL") != [None]


def test_values_that_may_be_older_or_newer_are_no_pass(twin: Twin, tmp_path: Path) -> None:
    """Somebody goes on writing: which of the keys that are not as they were saved he wrote, nobody can tell."""
    twin.redis("FLUSHALL")
    twin.redis("SET", "key", "old")
    twin.redis("SAVE")
    twin.redis("SET", "key", "new")
    with meanwhile(writing(twin)):
        played = play(*select("kill"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert (played.exit_code, played.findings("kill")["keys_put_back"]) == (10, "unknown"), played.output
    assert "nobody can tell which are older" in played.experiments["kill"]["reason"]


@pytest.mark.parametrize("appends", ["yes", "no"])
def test_a_healthy_host_whose_sessions_expire_passes(tmp_path: Path, appends: str) -> None:
    """Fifty a second, and what the old process lets go last is in no counter; somebody writes all the while."""
    with up(kind="processes", options=Options(redis_args=("--appendonly", appends))) as twin:
        twin.redis("EVAL", EXPIRING, 0, 1500)
        twin.redis("EVAL", FILL, 0, 100)
        with meanwhile(writing(twin)):
            played = play(*select("stop_start", "restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert (played.exit_code, set(played.outcomes.values())) == (0, {"passed"}), played.output
