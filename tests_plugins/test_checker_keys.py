"""What became of the keys: counted where nothing was saved, compared where something was put back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.checker import Verdict
from plugins.checkers.keys import REMOVING, Count, keys_put_back, no_key_missing
from plugins.saving import Restored
from tests_plugins.hostile import hostile
from tests_plugins.redises import redis
from tests_plugins.servers import server_programs

PUT_BACK = Restored(
    saved=10,
    put_back=10,
    present_already=0,
    expired=0,
    missing=0,
    altered=0,
    unclear=0,
    evicted=0,
    others_wrote=0,
    held=True,
    took_s=0.1,
)
BEFORE = Count("run-1", keys=100, let_go=5, removals=7)


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (replace(BEFORE, keys=100), Verdict.VALID),
        (replace(BEFORE, keys=130), Verdict.VALID),
        (replace(BEFORE, keys=98, let_go=7), Verdict.VALID),
        (replace(BEFORE, keys=97, let_go=7), Verdict.INVALID),
        (replace(BEFORE, keys=97, let_go=7, removals=8), Verdict.UNKNOWN),
        (Count("run-2", keys=98, let_go=2, removals=0), Verdict.VALID),
        (Count("run-2", keys=97, let_go=2, removals=0), Verdict.INVALID),
        (Count("run-2", keys=97, let_go=2, removals=1), Verdict.UNKNOWN),
    ],
)
def test_fewer_keys_need_a_reason(after: Count, verdict: Verdict) -> None:
    """What Redis let go is one, what clients took away may be one, and a new process counts from nothing."""
    assert no_key_missing([BEFORE, after]).verdict is verdict


def test_a_look_just_before_the_fault_tells_what_the_old_process_let_go() -> None:
    """The new process cannot know it."""
    eve = replace(BEFORE, keys=90, let_go=15)
    after = Count("run-2", keys=90, let_go=0, removals=0)
    assert no_key_missing([BEFORE, after]).verdict is Verdict.INVALID
    assert no_key_missing([BEFORE, eve, after]).verdict is Verdict.VALID


def test_keys_that_expire_while_nobody_counts_are_not_held_against_a_restart() -> None:
    """Nor do they excuse more than there were, nor a process that has counted all the while."""
    before = replace(BEFORE, mortal=3)
    after = Count("run-2", keys=97, let_go=0, removals=0)
    assert no_key_missing([before, after]).verdict is Verdict.UNKNOWN
    # Just before the fault the suite's own are mortal, and excuse nobody.
    assert no_key_missing([BEFORE, before, after]).verdict is Verdict.INVALID
    assert no_key_missing([before, replace(after, keys=96)]).verdict is Verdict.INVALID
    assert no_key_missing([before, replace(before, keys=97)]).verdict is Verdict.INVALID


#: Commands that take elements out of streams, which stay when they are empty.
OF_STREAMS = {"xautoclaim", "xdel", "xgroup", "xtrim"}


def test_every_command_by_which_a_key_may_go_is_counted() -> None:
    """Going by what the server itself says of its commands (7.0 and later)."""
    programs = server_programs()
    if "redis-server" not in programs:
        pytest.skip("no redis-server on this machine whose commands could be asked")
    with redis(programs["redis-server"]) as server, server.wire() as wire:
        (commands,) = wire.ask([("COMMAND",)])
    found: Any = commands
    deleting = {command[0].decode() for command in found if deletes(command)}
    if not deleting:
        pytest.skip("this server has no key specifications")
    assert deleting - OF_STREAMS <= REMOVING


def deletes(command: Any) -> bool:
    """Whether the specification of one of its keys says so."""
    specifications = command[8] if len(command) > 8 else []
    flags = [flag for one in specifications for flag in one[one.index(b"flags") + 1]]
    return b"delete" in flags or b"RM" in flags


@pytest.mark.parametrize("looks", [[], [BEFORE]])
def test_one_look_proves_nothing(looks: list[Count]) -> None:
    """Unknown, which is no pass."""
    assert no_key_missing(looks).verdict is Verdict.UNKNOWN


@hostile
@given(lost=st.integers(min_value=1, max_value=100))
def test_keys_that_nobody_took_away_are_always_missed(lost: int) -> None:
    """Whatever their number."""
    assert no_key_missing([BEFORE, replace(BEFORE, keys=BEFORE.keys - lost)]).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("restored", "verdict"),
    [
        (PUT_BACK, Verdict.VALID),
        (replace(PUT_BACK, put_back=9, missing=1), Verdict.INVALID),
        (replace(PUT_BACK, put_back=9, altered=1), Verdict.INVALID),
        (replace(PUT_BACK, put_back=9, missing=1, others_wrote=5), Verdict.UNKNOWN),
        (replace(PUT_BACK, put_back=9, unclear=1), Verdict.UNKNOWN),
        (replace(PUT_BACK, failed="the host's redis-cli: no such container"), Verdict.INVALID),
    ],
)
def test_keys_put_back_are_compared(restored: Restored, verdict: Verdict) -> None:
    """What is missing or different is a failure, unless others may have done it: then nobody can tell."""
    assert keys_put_back(restored).verdict is verdict


def test_what_could_not_be_saved_is_told_and_fails_nobody() -> None:
    """Whoever reads that all keys are back learns of those that nobody could save."""
    found = keys_put_back(PUT_BACK, gap="the writers were let go after 0.7 s")
    assert (found.verdict, "is gone: the writers were let go after 0.7 s" in found.said) == (Verdict.VALID, True)
    assert "gone" not in keys_put_back(PUT_BACK).said
