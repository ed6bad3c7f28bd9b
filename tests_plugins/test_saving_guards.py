"""What saving refuses, what it never does to Redis, and how writers are held back meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.saving import CannotSave, Limits, Writers, paused_writes, restore
from plugins.target.model import ReplyError
from tests_plugins.keyspaces import IMAGES, OWN, Place, contents, evicted, fill, here, staged
from tests_plugins.redises import PASSWORD
from tests_plugins.servers import server_programs
from tests_plugins.staging import need_staging_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Wire

FREE, PATIENT = Limits(stall_s=0), Limits(stall_s=50)
MB = 1 << 20
#: Enough for what is saved, and a bit.
STALL_S = 4.0


@pytest.fixture(scope="module", params=sorted(server_programs()))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each kind of server that this machine has."""
    with here(program=server_programs()[request.param]) as made:
        yield made


@pytest.fixture(params=["process", *IMAGES])
def full(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A Redis that evicts, of every version, with 200 keys of 100 kB."""
    if request.param != "process":
        need_staging_host()
    with here() if request.param == "process" else staged(IMAGES[request.param]) as made:
        made.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        for number in range(200):
            made.ask("SET", f"key{number}", os.urandom(100_000))
        yield made


def leave(place: Place, free: int) -> None:
    """Leave so many bytes below the memory limit."""
    info = dict(line.split(":", 1) for line in place.ask("INFO", "memory").decode().splitlines() if ":" in line)
    place.ask("CONFIG", "SET", "maxmemory", int(info["used_memory"]) + free)


# --- memory ---------------------------------------------------------------------------------------------------------


def test_near_its_limit_redis_evicts_nothing_for_it(full: Place) -> None:
    """The replies stay well below what is left; writers are free, so eviction could happen any time."""
    leave(full, 3 * MB)
    saved = full.save(FREE)
    saved.close()
    assert (saved.keys, evicted(full)) == (200, 0)


def test_the_same_asked_carelessly_evicts(full: Place) -> None:
    """Which is what the test above would see, were it asked all at once."""
    leave(full, 3 * MB)
    full.client.ask([("DUMP", f"key{number}") for number in range(200)], timeout_s=30)
    assert evicted(full) > 0


def test_at_its_limit_redis_evicts_nothing_while_writers_are_held_back(full: Place) -> None:
    """A pause stops eviction, too: even a key can be read for which there is no room otherwise."""
    full.ask("SET", "large", os.urandom(MB))
    leave(full, 500_000)  # Redis 7 takes some for the statistics of every command that is used for the first time
    with pytest.raises(CannotSave, match="more memory than is left"):
        full.save(FREE)
    saved = full.save(PATIENT)
    saved.close()
    full.ask("PING")
    assert (saved.held, saved.keys, evicted(full)) == (True, 201, 0)


def test_a_key_too_large_to_be_read_is_refused(place: Place) -> None:
    """Rather than that others are evicted for it; the reason gives the sizes, and not the key."""
    place.ask("FLUSHALL")
    place.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    place.ask("SET", "hidden", os.urandom(10 * MB))
    before = evicted(place)
    leave(place, 12 * MB)
    try:
        with pytest.raises(
            CannotSave, match=r"to read a key of 1\d\.\d MiB .* below maxmemory under allkeys-lru"
        ) as told:
            place.save(FREE)
    finally:
        place.ask("CONFIG", "SET", "maxmemory", 0)
    assert ("hidden" in str(told.value), evicted(place), place.ask("DBSIZE")) == (False, before, 1)


def test_memory_here_stays_small(place: Place) -> None:
    """However much there is to save and to compare: 40 MB go through a few."""
    place.ask("FLUSHALL")
    for number in range(200):
        place.ask("SET", f"key{number}", os.urandom(200_000))
    tracemalloc.start()
    try:
        saved = place.save()
        place.lose(saved)
        restored = restore(place.target, place.redis, saved)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    saved.close()
    assert (restored.put_back, restored.wrong) == (200, "")
    assert saved.bytes > 40_000_000
    assert peak < 8 * MB


# --- what is refused ------------------------------------------------------------------------------------------------


def limited(*rules: str) -> Iterator[Place]:
    """A Redis in which the suite is a user who may only do so much."""
    with here(user="limited", word=PASSWORD) as place:
        place.ask("ACL", "SETUSER", "limited", "on", f">{PASSWORD}", *rules)
        place.ask("MSET", "cache:1", "v", "session:hidden", "v")
        yield place


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        (("~cache:*", "+@all"), "NOPERM"),
        (("~*", "+@all", "-dump"), r"DUMP was refused \(NOPERM\)"),
        (("~*", "+@all", "-restore"), r"RESTORE was refused \(NOPERM\)"),
        (("~*", "+@all", "-info"), r"INFO was refused \(NOPERM\)"),
        (("~*", "+@all", "-multi"), r"MULTI was refused \(NOPERM\)"),
    ],
    ids=["keys", "dump", "restore", "info", "multi"],
)
def test_a_user_who_may_not_save_or_restore_everything(rules: tuple[str, ...], refused: str) -> None:
    """What he lacks is told, and no key's name."""
    for place in limited(*rules):
        with pytest.raises(CannotSave, match=refused) as told:
            place.save()
        assert ("hidden" in str(told.value), place.on_host("ls", "-A", place.folder)) == (False, "")


def test_a_command_that_was_renamed() -> None:
    """Redis's own words would name the key."""
    with here("--rename-command", "RESTORE", "") as place:
        place.ask("SET", "hidden", "v")
        with pytest.raises(CannotSave, match="RESTORE was refused: ERR unknown command") as told:
            place.save()
    assert "hidden" not in str(told.value)


def test_a_user_who_may_not_hold_writers_back() -> None:
    """His keys are saved all the same, and it says that the writers were free, and why."""
    for place in limited("~*", "+@all", "-client"):
        saved = place.save()
        saved.close()
        assert (saved.keys, saved.held) == (2, False)
        assert "CLIENT PAUSE was refused (NOPERM)" in saved.gap


def test_a_replica_is_refused(place: Place) -> None:
    """No key could be put back into it."""
    place.ask("FLUSHALL")
    place.ask("SET", "key", "v")
    place.ask("REPLICAOF", "127.0.0.1", 1)
    try:
        with pytest.raises(CannotSave, match="a replica"):
            place.save()
    finally:
        place.ask("REPLICAOF", "NO", "ONE")


def test_a_folder_that_is_not_there(place: Place) -> None:
    """The host's own words; and the writers are free again."""
    fill(place)
    gone = Place(place.target, place.redis, f"{place.folder}/no such folder", place.client)
    with pytest.raises(CannotSave, match=r"no such folder.* cannot be written: .*(No such file|nonexistent)"):
        gone.save()
    assert place.ask("SET", "key", "v") == b"OK"


def test_too_much_to_be_saved(place: Place) -> None:
    """The limit is told, nothing is left on the host, and the writers are free again."""
    fill(place)
    with pytest.raises(CannotSave, match=r"they take more than 9\.8 KiB"):
        place.save(Limits(max_bytes=10_000))
    assert (place.on_host("ls", "-A", place.folder), place.ask("SET", "key", "v")) == ("", b"OK")


def test_a_value_that_redis_would_not_take_back(place: Place) -> None:
    """It gives out longer ones than it takes."""
    place.ask("FLUSHALL")
    place.ask("SET", "hidden", os.urandom(2 * MB))
    place.ask("CONFIG", "SET", "proto-max-bulk-len", MB)
    try:
        with pytest.raises(CannotSave, match=r"would not take back one of 2\.0 MiB, only up to 1\.0 MiB") as told:
            place.save()
    finally:
        place.ask("CONFIG", "SET", "proto-max-bulk-len", 512 * MB)
    assert "hidden" not in str(told.value)


def test_too_little_time_is_told_before_it_is_over(place: Place) -> None:
    """From a part of the keys it is foretold what all of them would take; nothing is left on the host."""
    place.ask("FLUSHALL")
    place.client.ask([("SET", f"key{number}", "v") for number in range(100_000)], timeout_s=60)
    begun = time.monotonic()
    with pytest.raises(CannotSave, match=r"in time: 100000 keys would take about .*, and 0\.5 s are allowed"):
        place.save(Limits(deadline_s=0.5, stall_s=0))
    assert time.monotonic() - begun < 0.5
    assert place.on_host("ls", "-A", place.folder) == ""


def test_a_server_that_goes_away_meanwhile() -> None:
    """It says so, and nothing is left on the host."""
    with here() as place:
        fill(place)
        place.client.ask([("CLIENT", "PAUSE", 60_000, "ALL")])
        with pytest.raises(CannotSave, match="no answer within"):
            place.save(Limits(deadline_s=0.5))
        assert place.on_host("ls", "-A", place.folder) == ""


# --- the writers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def other(place: Place) -> Iterator[Wire]:
    """Another application's connection."""
    wire = place.target.wire(place.redis)
    yield wire
    wire.close()


def test_no_acknowledged_write_is_lost_between_saving_and_the_flush(place: Place) -> None:
    """Whatever was acknowledged is there in the end, by whoever's doing."""
    fill(place)
    acknowledged: list[int] = []
    stop = threading.Event()

    def write() -> None:
        wire = place.target.wire(place.redis)
        for number in range(1_000_000):
            if stop.is_set():
                break
            (reply,) = wire.ask([("SET", f"written:{number}", number)], timeout_s=20)
            if reply == b"OK":
                acknowledged.append(number)
        wire.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        eventually(lambda: len(acknowledged), lambda count: count > 100, what="writes", within_s=10)
        saved = place.save()
        before = len(acknowledged)
        gap = saved.gap
        place.lose(saved)
        eventually(lambda: len(acknowledged), lambda count: count > before + 100, what="writes", within_s=10)
    finally:
        stop.set()
        thread.join()
    restored = restore(place.target, place.redis, saved)
    saved.close()
    assert (gap, saved.held, restored.wrong) == ("", True, "")
    lost = [number for number in acknowledged if place.ask("EXISTS", f"written:{number}") == 0]
    assert lost == []


def blocked(wire: Wire) -> int:
    """How many clients wait."""
    (said,) = wire.ask([("INFO", "clients")])
    assert isinstance(said, bytes)
    return int(said.partition(b"blocked_clients:")[2].split()[0])


def test_writers_wait_and_readers_do_not(place: Place, other: Wire) -> None:
    """Until the end of the block; the stall that is told is what a writer had to wait."""
    place.ask("SET", "key", "before")
    waited: list[float] = []

    def write() -> None:
        begun = time.monotonic()
        place.ask("SET", "key", "after")
        waited.append(time.monotonic() - begun)

    thread = threading.Thread(target=write)
    with paused_writes(other, 10_000) as writers:
        thread.start()
        eventually(lambda: blocked(other), lambda count: count == 1, what="a writer waits", within_s=5)
        assert other.ask([("GET", "key")]) == [b"before"]
        assert (writers.held, writers.gap) == (True, "")
    thread.join()
    assert place.ask("GET", "key") == b"after"
    assert (writers.held, writers.stalled_s >= waited[0] - 0.05) == (False, True)


@pytest.mark.parametrize("program", sorted(server_programs()))
def test_a_pause_ends_by_itself(program: str) -> None:
    """Whatever becomes of the runner; and then it says that the writers were let go."""
    with here(program=server_programs()[program]) as place:  # 6.2 goes on to the end of an earlier, longer pause
        writers = Writers(place.target.wire(place.redis))
        writers.hold(0.3)
        begun = time.monotonic()
        place.ask("SET", "key", "v")
        assert 0.2 < time.monotonic() - begun < 2
        writers.close()
    assert (writers.held, writers.gap, round(writers.stalled_s, 6)) == (
        False,
        "the writers were let go after 0.3 s",
        0.3,
    )


def test_a_block_that_fails_lets_the_writers_go(place: Place, other: Wire) -> None:
    """An error is no reason to keep them."""
    with pytest.raises(KeyError), paused_writes(other, 60_000):
        raise KeyError
    begun = time.monotonic()
    place.ask("SET", "key", "v")
    assert time.monotonic() - begun < 2


def test_few_keys_are_saved_within_the_stall_however_they_are_spread(place: Place) -> None:
    """Over several databases, with small values, and among many keys of the suite's own."""
    place.ask("FLUSHALL")
    for database in (0, 3, 5):
        place.ask("SELECT", database)
        for number in range(10):
            place.ask("SET", f"key{number}", "x")
            for own in range(20):
                place.ask("SET", OWN + b"%d:%d" % (number, own), "x")
    place.ask("SELECT", 0)
    saved = place.save(Limits(stall_s=0.7))
    saved.close()
    assert (saved.keys, saved.held) == (30, True), saved.describe()


def test_more_keys_than_a_stall_allows_are_saved_without_one(place: Place) -> None:
    """It shows with the first ones, and nobody waits for what would not be whole in time."""
    place.ask("FLUSHALL")
    place.client.ask([("SET", f"key{number}", "v") for number in range(200_000)], timeout_s=60)
    saved = place.save(Limits(stall_s=1.5))
    saved.close()
    assert (saved.keys, saved.held, saved.writers.stalled_s < 1.5) == (200_000, False, True)
    assert ": to save 200000 keys would take about" in saved.gap


def test_a_stall_that_turns_out_too_short_is_told() -> None:
    """Redis is busy in the middle of it until the pause is over: saving goes on, and it says so."""
    with here() as place:
        for number in range(40):
            place.ask("SET", f"key{number}", os.urandom(MB))
        part = Path(f"{place.path}.part")
        pid = int(place.ask("INFO", "server").partition(b"process_id:")[2].split()[0])

        def begun() -> bool:
            return part.stat().st_size > 0

        def be_busy() -> None:
            eventually(
                part.stat,
                lambda found: found.st_size > 0,
                what="it begins",
                within_s=20,
                every_s=0.001,
                catch=(OSError,),
            )
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STALL_S)  # the busy time itself
            os.kill(pid, signal.SIGCONT)

        thread = threading.Thread(target=be_busy)
        thread.start()
        saved = place.save(Limits(stall_s=STALL_S))
        thread.join()
        saved.close()
    assert (saved.keys, saved.held) == (40, False)
    assert saved.writers.stalled_s <= STALL_S
    assert "let go after" in saved.gap


def test_refusals_are_values_and_not_raised(other: Wire) -> None:
    """Redis may not know the pause; the block runs all the same."""
    other.ask([("ACL", "SETUSER", "default", "-client")])
    try:
        with paused_writes(other, 1000) as writers:
            assert "CLIENT PAUSE was refused" in writers.gap
    finally:
        (reply,) = other.ask([("ACL", "SETUSER", "default", "+client")])
        assert not isinstance(reply, ReplyError)


def test_own_keys_are_known_by_their_beginning(place: Place) -> None:
    """A key that holds the suite's name elsewhere is somebody's."""
    place.ask("FLUSHALL")
    place.ask("MSET", OWN + b"1", "v", b"my " + OWN, "v")
    saved = place.save()
    place.lose(saved)
    restore(place.target, place.redis, saved)
    saved.close()
    assert contents(place) == {(0, b"my " + OWN): b"v"}
