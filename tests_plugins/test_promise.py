"""Which acknowledged writes must survive, by what was observed of a server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.facts.drift import Loss as Changed
from plugins.facts.server import COMMANDS, RedisFacts, read
from plugins.fault import Loss
from plugins.history import Operation, Result
from plugins.promise import Kept, Observed, Promise, may_lose_keys, observe, promised
from plugins.recovery import Moments
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from plugins.target.model import Reply

STOP, KILL = Loss.UNSAVED_AT_STOP, Loss.UNSAVED_AT_KILL
PLAIN = Observed("everysec", reads_appended=True, save="", saves_at_stop=False, snapshot_at=90.0, unsaved=3)
SNAPSHOTS = replace(PLAIN, appends="", reads_appended=False, save="60 1", saves_at_stop=True)


def test_a_fault_that_ends_no_process_loses_nothing() -> None:
    """Whatever is written down."""
    assert promised(None, Loss.NOTHING).kept is Kept.ALL
    assert may_lose_keys(None, Loss.NOTHING) == ""


@pytest.mark.parametrize("observed", [None, PLAIN, SNAPSHOTS])
def test_a_flush_is_exempt(observed: Observed | None) -> None:
    """Nothing from before it must survive; its keys have to be saved first."""
    assert promised(observed, Loss.FLUSHED).kept is Kept.FLUSHED
    assert may_lose_keys(observed, Loss.FLUSHED) == "the flush deletes what was written before it"


@pytest.mark.parametrize(
    ("observed", "loss", "said"),
    [
        (None, STOP, "the persistence settings could not be observed"),
        (replace(PLAIN, append_trouble="the last write of the append-only file failed"), STOP, "write"),
        (replace(PLAIN, appends=""), STOP, "none is written now"),
        (replace(PLAIN, elsewhere="in memory only"), STOP, "in memory only"),
        (replace(SNAPSHOTS, snapshot_trouble="the last snapshot failed"), STOP, "the last snapshot failed"),
        (replace(SNAPSHOTS, saves_at_stop=False), STOP, "shutdown-on-sigterm"),
        (replace(SNAPSHOTS, save=""), KILL, "neither append-only file nor save points"),
        (replace(PLAIN, appends="sometimes"), KILL, "sometimes"),
    ],
)
def test_trouble_promises_nothing(observed: Observed | None, loss: Loss, said: str) -> None:
    """And the keys have to be saved first, for the reason that is told."""
    assert promised(observed, loss).kept is Kept.NONE
    assert said in may_lose_keys(observed, loss)


@pytest.mark.parametrize(
    ("observed", "loss", "said"),
    [
        (PLAIN, STOP, ""),
        (replace(PLAIN, appends="always"), KILL, ""),
        (
            SNAPSHOTS,
            STOP,
            "what the last snapshot lacks is lost where that of the stop fails or takes too long; since then 3 changes",
        ),
        (
            PLAIN,
            KILL,
            "appendfsync everysec: what was acknowledged more than 2000 ms before the kill survives",
        ),
        (
            SNAPSHOTS,
            KILL,
            "save 60 1: what was acknowledged before the last good snapshot began survives; since then 3 changes",
        ),
    ],
)
def test_keys_are_saved_first_where_a_promise_is_not_whole(observed: Observed, loss: Loss, said: str) -> None:
    """The last two seconds, or all since the last snapshot: by a stop too, whose own may fail."""
    assert may_lose_keys(observed, loss) == said


@pytest.mark.parametrize(
    ("observed", "risk"),
    [(PLAIN, "2000 ms"), (SNAPSHOTS, "since then 3 changes"), (replace(PLAIN, appends="always"), "")],
)
def test_a_stop_that_may_not_reach_redis_is_as_bad_as_a_kill(observed: Observed, risk: str) -> None:
    """Keys are saved first where SIGKILL would lose some; a fault that stops nobody is none the worse for it."""
    deaf = replace(observed, unheard="a shell does not pass it on")
    said = may_lose_keys(deaf, STOP)
    assert (said.startswith("a shell does not pass it on; "), risk in said) == (bool(risk), True)
    assert may_lose_keys(deaf, Loss.NOTHING) == ""


@pytest.mark.parametrize(
    ("promise", "window"),
    [
        (promised(PLAIN, STOP), 0),
        (promised(PLAIN, KILL), 2000),
        (promised(SNAPSHOTS, KILL), 10_000),
        (promised(None, KILL), None),
    ],
)
def test_the_loss_window_is_a_figure(promise: Promise, window: float | None) -> None:
    """In milliseconds before the fault, at the monotonic instant 100."""
    assert promise.loss_window_ms(Moments(100.0, 101.0)) == window


@pytest.mark.parametrize(("age_s", "covered"), [(0.0, False), (1.9, False), (2.1, True)])
def test_the_window_is_that_of_the_acknowledgement(age_s: float, covered: bool) -> None:
    """A write counts from when its answer came."""
    write = Operation("write", 90.0, 100.0 - age_s, Result.OK, value=1)
    assert promised(PLAIN, KILL).covers(write, Moments(100.0, 101.0)) is covered


@pytest.mark.parametrize(("started", "covered"), [(100.9, False), (101.1, True)])
def test_only_what_began_after_the_fault_is_surely_of_the_new_process(started: float, covered: bool) -> None:
    """A write that was under way when the command returned may have been the old one's, or a flush's."""
    write = Operation("write", started, 101.2, Result.OK, value=1)
    assert promised(None, KILL).covers(write, Moments(100.0, 101.0)) is covered


def facts(info: str = "", **config: str) -> RedisFacts:
    """A healthy server's answers, changed."""
    fields = {
        "aof_enabled": "1",
        "aof_last_write_status": "ok",
        "aof_rewrite_in_progress": "0",
        "aof_rewrite_scheduled": "0",
        "aof_base_size": "88",
        "rdb_last_save_time": "1000",
        "rdb_last_bgsave_time_sec": "7",
        "rdb_last_bgsave_status": "ok",
        "rdb_changes_since_last_save": "0",
        "redis_version": "7.0.15",
    }
    fields |= dict(line.split(":") for line in info.split())
    settings = {"appendfsync": "everysec", "save": "", "dir": "/data", "shutdown-on-sigterm": "default"}
    settings |= {name.replace("_", "-"): value for name, value in config.items()}
    known: dict[str, Reply] = {
        "INFO": "".join(f"{name}:{value}\r\n" for name, value in fields.items()).encode(),
        "TIME": [b"1010", b"0"],
        "CONFIG": [word.encode() for pair in settings.items() for word in pair],
    }
    return read([known.get(str(command[0])) for command in COMMANDS])


def test_a_snapshot_holds_what_was_there_when_it_began() -> None:
    """It ended 10 s before the question and took 7: the runner's clock stood at 500 then."""
    assert observe(facts(), asked=500.0).snapshot_at == 483.0


@pytest.mark.parametrize(
    ("info", "trouble"),
    [
        ("", ""),
        ("aof_last_write_status:err", "the last write of the append-only file failed"),
        ("aof_rewrite_in_progress:1", ""),
        ("aof_rewrite_in_progress:1 aof_base_size:0", "not whole before its first rewrite"),
    ],
)
def test_trouble_with_the_append_only_file_is_seen(info: str, trouble: str) -> None:
    """A file of which a write failed, or which is still in the making, is not to be relied on."""
    found = observe(facts(info), asked=0.0).append_trouble
    assert trouble in found
    assert bool(trouble) == bool(found)


@pytest.mark.parametrize(
    ("save", "at_term", "saves"),
    [
        ("60 1", "default", True),
        ("", "default", False),
        ("", "save", True),
        ("60 1", "nosave", False),
        ("60 1", "nosave now", False),
        ("60 1", "now force", True),
    ],
)
def test_what_a_stop_saves_is_configured(save: str, at_term: str, saves: bool) -> None:
    """Save points, unless shutdown-on-sigterm says otherwise."""
    found = observe(facts("aof_enabled:0", save=save, shutdown_on_sigterm=at_term), asked=0.0)
    assert found.saves_at_stop is saves


@pytest.mark.parametrize(
    ("mounts", "elsewhere"),
    [
        ({}, False),
        ({"/data": "volume:/var/lib/x"}, False),
        ({"/data": "tmpfs:"}, True),
        ({"/": "tmpfs:", "/data": "bind:/srv"}, False),
        ({"/dat": "tmpfs:"}, False),
    ],
)
def test_files_in_memory_end_with_the_container(mounts: dict[str, str], elsewhere: bool) -> None:
    """A tmpfs over the data directory keeps nothing, whatever is written to it."""
    assert bool(observe(facts(), asked=0.0, mounts=mounts).elsewhere) is elsewhere


def test_files_that_the_next_start_does_not_look_for_are_as_good_as_none() -> None:
    """CONFIG SET dbfilename writes what nobody reads again."""
    moved = Changed("dbfilename", "mine.rdb", "dump.rdb", "the command line")
    assert "other files" in promised(observe(facts(), asked=0.0, changed=[moved]), STOP).said


def test_settings_that_may_not_be_read_are_unjudged() -> None:
    """Whoever asks decides what to make of it: without them nothing is promised."""
    with pytest.raises(Unjudged):
        observe(facts("rdb_last_save_time:soon"), asked=0.0)
