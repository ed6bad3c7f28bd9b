"""What an experiment tells of the keys that it loses and puts back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.delay_proxy import delayed
from plugins.inventory import Windows
from plugins.target.open import open_target
from tests_plugins.chaos import environ_for, play, playing, select
from tests_plugins.staging import StagingOptions, need_staging_host, staging_host
from twin import up
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests_plugins.chaos import Played
    from twin.handle import Twin

#: More than can be saved while writers are held back.
MANY = 150_000
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
    """What they wrote between the saving and the flush is gone; where they were held back there is no such thing."""
    twin.redis("FLUSHALL")
    twin.redis("EVAL", FILL, 0, keys)
    said = told(play(*select("flushall"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)), "flushall")
    assert f"{keys} of {keys} keys put back and as saved" in said
    assert ("is gone: the writers were let go after" in said) is gap, said


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


def test_values_that_a_kill_has_set_back_are_told_of(twin: Twin, tmp_path: Path) -> None:
    """The last snapshot's are there again, and nothing is put back over what is there."""
    twin.redis("FLUSHALL")
    for number in range(5):
        twin.redis("SET", f"key{number}", "old")
    twin.redis("SAVE")
    twin.redis("SET", "key1", "new")
    twin.redis("SET", "fresh", "new")
    said = told(play(*select("kill"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)), "kill")
    assert twin.redis("MGET", "key0", "key1", "fresh") == [b"old", b"old", b"new"]
    assert "1 of 6 keys put back and as saved, 5 present already (1 of them not as saved: " in said


def test_what_an_application_deletes_during_the_hold_stays_away(twin: Twin, tmp_path: Path) -> None:
    """It lets go of a lock that the last snapshot still had: that stays away, and what the kill has lost comes back."""
    twin.redis("FLUSHALL")
    twin.redis("MSET", "lock", "1", "kept", "1")
    twin.redis("SAVE")
    twin.redis("SET", "fresh", "1")
    environ = environ_for(twin, tmp_path, windows=Windows(hold_s=2))
    with playing(*select("kill"), reports=tmp_path / "r", environ=environ) as run:
        run.await_said("ping well")
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
            run.await_said("ping well")
            twin.redis("FUNCTION", "LOAD", "REPLACE", LIBRARY.format("one"))
        played = run.end()
        assert played.exit_code == 0, played.output
        assert [twin.redis("FCALL", name, 0) for name in ("one", "two")] == [b"one", b"two"]


LIBRARY = "#!lua name={0}\nredis.register_function('{0}', function() return '{0}' end)"


def since_7(twin: Twin) -> bool:
    """Whether it has functions."""
    return isinstance(twin.redis("COMMAND", "INFO", "FCALL"), list) and twin.redis("COMMAND", "INFO", "FCALL") != [None]
