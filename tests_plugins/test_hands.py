"""What faults do to a host, done: noted, wrapped, and refused in words. On the process twin."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.fault import Deed, Verb
from plugins.hands import LiveHands, argv_of
from plugins.target.model import TargetError, TimedOut
from tests_plugins.arena import Arena, arena, await_well
from twin import up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Command


@pytest.fixture(scope="module")
def shared() -> Iterator[Arena]:
    with up(kind="processes") as twin, arena(twin.host, twin.environ, twin.supervisor) as made:
        yield made


@pytest.fixture
def ground(shared: Arena) -> Iterator[Arena]:
    """The twin; Redis runs afterwards."""
    shared.deeds.clear()
    yield shared
    for verb in (Verb.UNPAUSE, Verb.START):
        shared.run(shared.means.undoing(verb, shared.redis()))
    await_well(shared)


def hands_of(ground: Arena) -> LiveHands:
    return LiveHands(ground.target, ground.redis(), ground.means, journal=ground.deeds.append)


def test_an_intervention_is_noted_as_it_ran(ground: Arena) -> None:
    """Its command, when it began and returned, how it ended; and that is what is returned."""
    deed = hands_of(ground).compose(Verb.RESTART)
    assert ground.deeds == [deed]
    assert (deed.argv, deed.exit_code) == (ground.means.intervention(Verb.RESTART), 0)
    assert 0 < deed.start < deed.end


def test_a_failed_intervention_raises_the_commands_own_words(ground: Arena) -> None:
    """It is noted all the same."""
    with pytest.raises(TargetError, match=r"unpause redis_staging: .*is not paused"):
        hands_of(ground).compose(Verb.UNPAUSE)
    (deed,) = ground.deeds
    assert (deed.exit_code, "is not paused" in deed.said) == (1, True)


def test_the_lease_wraps_what_intervenes_and_nothing_else(ground: Arena) -> None:
    """Interventions and crashes run inside its command; questions do not."""

    def wrap(argv: tuple[str, ...]) -> tuple[str, ...]:
        return ("env", "LEASE=1", *argv)

    hands = LiveHands(ground.target, ground.redis(), ground.means, journal=ground.deeds.append, wrap=wrap)
    hands.compose(Verb.RESTART)
    hands.crash()
    hands.run(["true"])
    assert [deed.argv[0] for deed in ground.deeds] == ["env", "env", "true"]


def test_a_wrapper_that_refuses_keeps_the_command_from_running(ground: Arena) -> None:
    """Its words are the error's, and Redis is as before."""
    before = hands_of(ground).look()
    refuse = ("sh", "-c", "echo the lease is gone >&2; exit 7")
    hands = LiveHands(
        ground.target, ground.redis(), ground.means, journal=ground.deeds.append, wrap=lambda argv: (*refuse, *argv)
    )
    with pytest.raises(TargetError, match="the lease is gone"):
        hands.compose(Verb.KILL)
    assert hands.look() == before


def test_a_command_without_an_answer_is_noted(ground: Arena) -> None:
    """It may have been carried out: the journal has it, with what went wrong."""
    with pytest.raises(TimedOut):
        hands_of(ground).run(["sleep", "60"], timeout_s=0.1)
    (deed,) = ground.deeds
    assert (deed.argv, deed.exit_code, "no answer within 0.1 s" in deed.said) == (("sleep", "60"), -1, True)


def test_an_exit_code_is_no_error_of_a_question(ground: Arena) -> None:
    """On the host and inside the container."""
    hands = hands_of(ground)
    assert (hands.run(["false"]).exit_code, hands.inside(["sh", "-c", "exit 3"]).exit_code) == (1, 3)
    assert [deed.exit_code for deed in ground.deeds] == [1, 3]


def test_redis_is_asked_over_one_connection_until_it_is_restarted(ground: Arena) -> None:
    """Several trips are one client; after an intervention it is a new one, to wherever Redis is then."""
    hands = hands_of(ground)
    first, second = hands.redis(("CLIENT", "ID")), hands.redis(("CLIENT", "ID"))
    (run_id,) = (hands.look().run_id,)
    hands.compose(Verb.RESTART)
    await_well(ground)
    (info,) = hands.redis(("INFO", "server"))
    hands.close()
    assert first == second
    assert isinstance(info, bytes)
    assert run_id.encode() not in info


def test_like_trips_are_noted_once(ground: Arena) -> None:
    """A flush has thousands of them; another one between two notes the next again."""
    hands = hands_of(ground)
    for key in ("a", "b", "c"):
        hands.redis(("UNLINK", key), ("DBSIZE",))
    hands.redis(("PING",))
    hands.redis(("UNLINK", "d"), ("DBSIZE",))
    hands.close()
    assert [deed.argv for deed in ground.deeds] == [
        ("redis", "UNLINK a", "DBSIZE"),
        ("redis", "PING"),
        ("redis", "UNLINK d", "DBSIZE"),
    ]


def test_a_trip_that_failed_is_noted(ground: Arena) -> None:
    """Like the last one or not."""
    hands = hands_of(ground)
    hands.redis(("PING",))
    ground.run(ground.means.intervention(Verb.STOP))
    with pytest.raises(TargetError):
        hands.redis(("PING",))
    assert [(deed.argv, deed.exit_code) for deed in ground.deeds] == [(("redis", "PING"), 0), (("redis", "PING"), -1)]
    assert ground.deeds[-1].said


def test_many_long_commands_are_noted_short() -> None:
    """A thousand keys of a kilobyte each are a line to read."""
    command: Command = ("UNLINK", *(b"\xff" * 1000 for _ in range(1000)))
    noted = argv_of([command] * 20)
    assert (len(noted), noted[-1], max(map(len, noted)) < 200) == (10, "and 12 more", True)


@pytest.mark.parametrize(("verb", "state"), [(Verb.PAUSE, "paused"), (Verb.STOP, "exited")])
def test_a_redis_that_is_away_is_seen_without_waiting(ground: Arena, verb: Verb, state: str) -> None:
    """Nobody asks a server that cannot answer."""
    hands = hands_of(ground)
    deed: Deed = hands.compose(verb)
    sight = hands.look()
    assert (sight.redis.state, sight.run_id) == (state, "")
    assert deed.exit_code == 0


def test_another_container_in_its_place_is_an_error(ground: Arena) -> None:
    """Somebody deployed meanwhile: what is there now is not what was to be broken."""
    hands = LiveHands(ground.target, replace(ground.redis(), id="f" * 64), ground.means, journal=ground.deeds.append)
    with pytest.raises(TargetError, match="was replaced by another"):
        hands.look()


def test_no_command_is_in_the_container_while_it_is_frozen(ground: Arena) -> None:
    """One that is just being started would hang, and the engine with it; other interventions need no such care."""
    told: list[str] = []

    @contextmanager
    def nobody_inside() -> Iterator[None]:
        told.append("nobody inside")
        yield
        told.append("anybody inside")

    hands = LiveHands(
        ground.target,
        ground.redis(),
        ground.means,
        journal=lambda deed: told.append(deed.argv[-2]),
        nobody_inside=nobody_inside,
    )
    hands.compose(Verb.PAUSE)
    hands.compose(Verb.UNPAUSE)
    assert told == ["nobody inside", "pause", "anybody inside", "unpause"]
