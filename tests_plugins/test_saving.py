"""Keys saved on the host and put back: on every server, under Compose over SSH and as a plain process."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from plugins.eventually import eventually
from plugins.saving import Limits, Lost, Restored, restore
from plugins.target.keyfile import KeyFile, login_command
from plugins.target.model import TargetError
from plugins.target.open import open_target
from plugins.target.roads import Deadline
from plugins.undo import LOGIN, Undo, script
from tests_plugins.hostile import hostile
from tests_plugins.keyspaces import (
    IMAGES,
    OWN,
    Key,
    Place,
    contents,
    expiries,
    fields_expire,
    fill,
    gone,
    here,
    keyspaces,
    login,
    put,
    staged,
)
from tests_plugins.redises import redis
from tests_plugins.staging import SshdOptions, Stack, StagingOptions, need_staging_host
from twin import up
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where an expiry is known as a distance only, in whole milliseconds, and asked by us in another trip.
BLUR_MS = 50


@pytest.fixture(scope="module", params=["process", *IMAGES])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A plain process here, and each server in a container on a host over SSH."""
    if request.param == "process":
        with here() as made:
            yield made
        return
    need_staging_host()
    with staged(IMAGES[request.param]) as made:
        yield made


@pytest.fixture(scope="module")
def process() -> Iterator[Place]:
    """A plain process: for what is not about the way."""
    with here() as made:
        yield made


def round_trip(place: Place) -> Restored:
    """Everything saved, flushed and put back."""
    saved = place.save()
    place.lose(saved)
    restored = restore(place.target, place.redis, saved)
    saved.close()
    return restored


# --- the round trip -------------------------------------------------------------------------------------------------


def test_every_type_comes_back_as_it_was(place: Place) -> None:
    """In every encoding, under odd names, in three databases, with groups of streams and fields that expire."""
    fill(place)
    fields_expire(place)
    before = contents(place)
    restored = round_trip(place)
    assert contents(place) == before
    assert (restored.put_back, restored.wrong, restored.doubtful) == (len(before), "", "")


@settings(parent=hostile, max_examples=10)
@given(keyspace=keyspaces)
def test_any_keyspace_comes_back_as_it_was(place: Place, keyspace: dict[Key, tuple[str, tuple[bytes, ...]]]) -> None:
    """Whatever the keys and values are."""
    put(place, keyspace)
    before = contents(place)
    restored = round_trip(place)
    assert contents(place) == before
    assert (restored.put_back, restored.wrong, restored.doubtful) == (len(before), "", "")


def test_expiries_are_moments_not_distances(place: Place) -> None:
    """A key goes when it would have gone, however long the restoration takes."""
    fill(place)
    before = expiries(place)
    round_trip(place)
    after = expiries(place)
    assert before.keys() == after.keys()
    assert max(abs(before[key] - after[key]) for key in before) <= BLUR_MS


def test_the_host_puts_keys_back_by_itself(place: Place) -> None:
    """The undo's script does it without the runner, and a second time it changes nothing."""
    fill(place)
    before = contents(place)
    saved = place.save()
    place.lose(saved)
    text = script(Undo("a flush", restore=saved.restore)).encode()
    known = f"{LOGIN}={shlex.quote(login_command(login(place)).decode())}\n".encode()
    for _ in range(2):
        done = place.target.shell.run(("sh", "-s"), stdin=known + text, timeout_s=30)
        assert (done.exit_code, done.text, done.errors) == (0, "", "")
    saved.close()
    assert contents(place) == before


def test_nothing_is_saved_of_an_empty_redis(place: Place) -> None:
    """And nothing put back."""
    place.ask("FLUSHALL")
    restored = round_trip(place)
    assert (restored.saved, restored.put_back, restored.wrong, restored.doubtful) == (0, 0, "", "")


def test_nobody_else_on_the_host_can_read_the_file(place: Place) -> None:
    """Its mode says so, and it has its name only when it is whole."""
    fill(place)
    place.save().close()
    assert place.on_host("sh", "-c", 'ls -l "$1" | cut -c 1-10; ls -A "$2"', "sh", place.path, place.folder) == (
        "-rw-------\nit's $saved.resp\n"
    )


def test_a_file_that_is_cut_short_never_gets_its_name(place: Place) -> None:
    """A runner that dies in the middle of saving leaves nothing that could be taken for all the keys."""
    place.on_host("rm", "-f", place.path)
    file = KeyFile(place.target.shell, place.path, Deadline(10, "a file"))
    file.write(b"x" * 100_000)
    file._road.close()  # noqa: SLF001 - as its death would

    def writing() -> str:
        return place.on_host("sh", "-c", 'for one in /proc/[0-9]*; do tr "\\0" " " <"$one/cmdline"; done 2>/dev/null')

    eventually(writing, lambda said: "$1.part" not in said, what="nobody writes any more", within_s=10)
    assert place.on_host("sh", "-c", 'ls "$1" 2>&1 || :', "sh", place.path).count("No such file") == 1


# --- whose keys they are --------------------------------------------------------------------------------------------


def test_what_others_wrote_meanwhile_is_left_alone(place: Place) -> None:
    """A key that is there is others' business; it is counted, and is no failure."""
    place.ask("FLUSHALL")
    place.ask("MSET", "lost", "old", "rewritten", "old")
    saved = place.save()
    place.lose(saved, ("SET", "rewritten", "new"))
    restored = restore(place.target, place.redis, saved)
    saved.close()
    assert place.ask("MGET", "lost", "rewritten") == [b"old", b"new"]
    assert (restored.put_back, restored.present_already, restored.wrong, restored.doubtful) == (1, 1, "", "")


def test_what_was_deleted_since_the_loss_stays_away(place: Place) -> None:
    """An application that lets go of its lock would hold it again. Of a file with less, nobody's key is told either."""
    fill(place)
    place.ask("MSET", "before", "1", "lock", "1", "job", "1")
    saved = place.save(Limits(stall_s=0))
    place.ask("DEL", "before")
    lost = Lost()
    lost.look_before(place.target, place.redis, saved)
    place.ask("DEL", "job")  # this is the loss
    lost.look_after(place.target, place.redis, saved)
    place.ask("DEL", "lock")
    before = contents(place)
    restored = restore(place.target, place.redis, saved, lost)
    saved.close()
    assert contents(place).keys() - before.keys() == {(0, b"job")}
    assert (restored.put_back, restored.taken, restored.wrong, restored.doubtful) == (1, 2, "", "")


def test_of_another_server_process_it_is_not_known_what_was_lost(process: Place) -> None:
    """It may have lost more since: whatever is absent comes back."""
    process.ask("FLUSHALL")
    process.ask("MSET", "a", "1", "b", "2")
    saved = process.save()
    process.lose(saved)
    lost = Lost(lost=bytes(2), run_id="another")
    assert restore(process.target, process.redis, saved, lost).put_back == 2
    saved.close()


def test_the_suites_own_keys_are_left_out(process: Place) -> None:
    """They are the suite's to take away, not to bring back."""
    process.ask("FLUSHALL")
    process.ask("MSET", "theirs", "1", OWN + b"chaos:1", "2", b"x" + OWN, "3")
    assert round_trip(process).saved == 2
    assert sorted(process.ask("KEYS", "*")) == [b"theirs", b"x" + OWN]


def test_a_key_whose_time_is_over_stays_away(place: Place) -> None:
    """It is counted as expired, not as missing."""
    place.ask("FLUSHALL")
    place.ask("SET", "short", "v", "PX", 1000)
    place.ask("SET", "long", "v")
    saved = place.save()
    saved.writers.release()
    gone(place, "short")
    place.lose(saved)
    restored = restore(place.target, place.redis, saved)
    saved.close()
    assert (restored.put_back, restored.expired, restored.missing, restored.wrong) == (1, 1, 0, "")


def test_a_key_that_expires_while_it_is_saved_is_passed_over(process: Place) -> None:
    """Nothing of it is written."""
    process.ask("FLUSHALL")
    for number in range(2000):
        process.ask("SET", f"short{number}", "v", "PX", 30 + number % 30)
    restored = round_trip(process)
    assert restored.saved == restored.put_back + restored.expired
    assert (restored.wrong, restored.doubtful) == ("", "")


# --- what is told ---------------------------------------------------------------------------------------------------


def test_no_key_and_no_value_is_told(process: Place) -> None:
    """Neither by what was saved nor by what became of it."""
    process.ask("FLUSHALL")
    process.ask("SET", "session:hidden", "secret value")
    saved = process.save()
    process.lose(saved)
    restored = restore(process.target, process.redis, saved)
    told = f"{saved!r} {saved.describe()} {restored!r} {restored.describe()}"
    saved.close()
    assert ("hidden" in told, "secret" in told) == (False, False)


def test_a_value_put_back_wrongly_is_told(process: Place) -> None:
    """Nobody else wrote, so it cannot be others' doing."""
    process.ask("FLUSHALL")
    process.ask("SET", "key", "what it was")
    saved = process.save()
    process.ask("CLIENT", "UNPAUSE")
    process.ask("SET", "key", "what it never was")
    process.save().close()  # the file on the host is another's now
    process.lose(saved)
    restored = restore(process.target, process.redis, saved)
    saved.close()
    assert (restored.put_back, restored.altered, restored.doubtful) == (0, 1, "")
    assert "1 key of another value or expiry than was saved" in restored.wrong


def test_keys_that_the_host_lost_are_told(process: Place) -> None:
    """They are missing, and nobody else has taken them."""
    process.ask("FLUSHALL")
    process.ask("MSET", "a", "1", "b", "2")
    saved = process.save()
    process.ask("CLIENT", "UNPAUSE")
    process.ask("DEL", "b")
    process.save().close()
    process.lose(saved)
    restored = restore(process.target, process.redis, saved)
    saved.close()
    assert (restored.put_back, restored.missing, "1 key missing" in restored.wrong) == (1, 1, True)


def test_a_host_command_that_fails_is_told(process: Place) -> None:
    """By the first words of its lines: the rest may name keys."""
    process.ask("FLUSHALL")
    process.ask("SET", "key", "v")
    saved = process.save()
    process.lose(saved)
    process.on_host("sh", "-c", 'printf "*1\\r\\n\\$4\\r\\nNOPE\\r\\n" >>"$1"', "sh", process.path)
    restored = restore(process.target, process.redis, saved)
    saved.close()
    assert restored.put_back == 1
    assert restored.wrong == "the host's command ended with 1: 1 times ERR"


OUTCOME = Restored(10, 8, 0, 0, 1, 1, 0, evicted=0, others_wrote=0, held=True, took_s=1.0)


@pytest.mark.parametrize(
    ("evicted", "others", "held", "wrong"),
    [(0, 0, True, True), (0, 1, True, False), (2, 0, True, False), (0, None, True, False), (0, 0, False, True)],
)
def test_others_are_only_cleared_by_the_count(evicted: int, others: int | None, held: bool, wrong: bool) -> None:
    """One write explains two keys, one eviction one; what nobody else can have done is wrong, the rest is doubtful."""
    found = replace(OUTCOME, evicted=evicted, others_wrote=others, held=held)
    assert (bool(found.wrong), bool(found.doubtful)) == (wrong, not wrong)


def test_redis_is_found_again_after_it_was_killed() -> None:
    """Its published port is another one then, and behind the old one there is somebody else's Redis by now."""
    need_staging_host()
    keeps_nothing = Options(redis_args=("--save", ""))
    with staged(IMAGES["7.0"], StagingOptions(stack=Stack(twin=keeps_nothing, backend=False))) as place:
        fill(place)
        saved = place.save()
        place.on_host("docker", "kill", place.redis.id)
        with redis(port=place.redis.ports[0].host_port):
            place.on_host("docker", "start", place.redis.id)
            restored = eventually(
                lambda: restore(place.target, place.redis, saved),
                what="Redis is back",
                within_s=20,
                catch=(TargetError,),
            )
        saved.close()
    assert (restored.put_back, restored.wrong, restored.doubtful) == (saved.keys, "", "")


# --- other ways to Redis --------------------------------------------------------------------------------------------


def test_redis_that_can_only_be_asked_in_its_container() -> None:
    """Where the SSH server forbids forwarding, everything goes through redis-cli there."""
    need_staging_host()
    options = StagingOptions(
        stack=Stack(twin=Options(password="it's $ecret", publish=None), backend=False),  # noqa: S106 - of a test
        sshd=SshdOptions(tcp_forwarding="no"),
    )
    with staged(IMAGES["7.0"], options) as place:
        fill(place)
        before = contents(place)
        restored = round_trip(place)
        assert contents(place) == before
        assert (restored.put_back, restored.wrong, restored.doubtful) == (len(before), "", "")


def test_the_process_twin(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its host is this machine, and its client the stand-in for redis-cli."""
    with up(kind="processes", options=Options(password="it's $ecret")) as twin:  # noqa: S106 - of a test
        target = open_target(twin.host, supervisor=twin.supervisor, environ=twin.environ)
        (container,) = target.stack.containers(twin.host.redis_service)
        folder = str(tmp_path_factory.mktemp("run"))
        place = Place(target, container, folder, target.wire(container))
        fill(place)
        before = contents(place)
        restored = round_trip(place)
        after = contents(place)
        target.close()
    assert after == before
    assert (restored.put_back, restored.wrong, restored.doubtful) == (len(before), "", "")


def test_a_save_that_need_not_hold_writers_back(process: Place) -> None:
    """Without a stall the keys are saved all the same, and it says that the writers were free."""
    fill(process)
    saved = process.save(Limits(stall_s=0))
    process.lose(saved)
    restored = restore(process.target, process.redis, saved)
    saved.close()
    assert (saved.held, bool(saved.gap)) == (False, True)
    assert (restored.put_back, restored.wrong, restored.doubtful) == (saved.keys, "", "")
