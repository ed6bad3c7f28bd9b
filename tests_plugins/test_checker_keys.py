"""What became of the keys: counted where nothing was saved, compared where something was put back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.checker import Verdict
from plugins.checkers.keys import (
    REMOVING,
    Count,
    Meanwhile,
    Sought,
    keys_put_back,
    no_key_missing,
    saved_at_stop,
)
from plugins.checkers.others import WRITING, wrote
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
BEFORE = Count("run-1", keys=100, evicted=5, expired=0, removals=7)
#: Some were drawn, and all of them are there.
THERE = Sought(eternal=50)


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (replace(BEFORE, keys=100), Verdict.VALID),
        (replace(BEFORE, keys=130), Verdict.VALID),
        (replace(BEFORE, keys=98, evicted=7), Verdict.VALID),
        (replace(BEFORE, keys=97, evicted=7), Verdict.INVALID),
        (replace(BEFORE, keys=97, evicted=7, removals=8), Verdict.UNKNOWN),
        (Count("run-2", keys=98, evicted=2, expired=0, removals=0), Verdict.VALID),
        (Count("run-2", keys=97, evicted=2, expired=0, removals=0), Verdict.INVALID),
        (Count("run-2", keys=97, evicted=2, expired=0, removals=1), Verdict.UNKNOWN),
    ],
)
def test_fewer_keys_need_a_reason(after: Count, verdict: Verdict) -> None:
    """What Redis let go is one, what clients took away may be one, and a new process counts from nothing."""
    assert no_key_missing([BEFORE, after], THERE).verdict is verdict


def test_a_look_just_before_the_fault_tells_what_the_old_process_let_go() -> None:
    """The new process cannot know it."""
    eve = replace(BEFORE, keys=90, evicted=15)
    after = Count("run-2", keys=90, evicted=0, expired=0, removals=0)
    assert no_key_missing([BEFORE, after], THERE).verdict is Verdict.INVALID
    assert no_key_missing([BEFORE, eve, after], THERE).verdict is Verdict.VALID


def test_keys_that_expire_while_nobody_counts_are_not_held_against_a_restart() -> None:
    """Nor do they excuse more than there were, nor a process that has counted all the while."""
    before = replace(BEFORE, mortal=3)
    after = Count("run-2", keys=97, evicted=0, expired=0, removals=0)
    assert no_key_missing([before, after], THERE).verdict is Verdict.VALID
    assert no_key_missing([before, after], replace(THERE, missing=1)).verdict is Verdict.INVALID
    # Just before the fault the suite's own are mortal, and excuse nobody.
    assert no_key_missing([BEFORE, before, after], THERE).verdict is Verdict.INVALID
    assert no_key_missing([before, replace(after, keys=96)], THERE).verdict is Verdict.INVALID
    assert no_key_missing([before, replace(before, keys=97)], THERE).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("sought", "after", "verdict"),
    [
        (replace(THERE, missing=1), replace(BEFORE, keys=130), Verdict.INVALID),
        (replace(THERE, missing=1), replace(BEFORE, keys=130, removals=8), Verdict.UNKNOWN),
        (replace(THERE, missing=1), replace(BEFORE, keys=130, evicted=6), Verdict.UNKNOWN),
        (replace(THERE, missing=1), Count("run-2", 130, evicted=0, expired=0, removals=0), Verdict.INVALID),
        (Sought(mortal=9, missing=1), Count("run-2", 130, evicted=0, expired=0, removals=0), Verdict.INVALID),
        (Sought(why_not="NOPERM"), replace(BEFORE, keys=130), Verdict.UNKNOWN),
        (THERE, Count("run-2", 130, evicted=0, expired=0, removals=0, mortal=40), Verdict.UNKNOWN),
        (Sought(eternal=100), Count("run-2", 130, evicted=0, expired=0, removals=0, mortal=40), Verdict.VALID),
    ],
)
def test_new_keys_hide_no_loss(sought: Sought, after: Count, verdict: Verdict) -> None:
    """A key is missed by its name, however many have come instead."""
    assert no_key_missing([BEFORE, after], sought).verdict is verdict


@pytest.mark.parametrize(("missing", "removals", "verdict"), [(1, 8, "valid"), (2, 8, "unknown"), (1, 7, "invalid")])
def test_what_clients_may_have_taken_away_is_believed_where_nothing_was_lost(
    missing: int, removals: int, verdict: str
) -> None:
    """A host whose clients take keys away is well as long as they were asked to take away that many."""
    sought, after = replace(THERE, missing=missing), replace(BEFORE, removals=removals)
    assert no_key_missing([BEFORE, after], sought, kept=True).verdict == verdict


@dataclass(frozen=True)
class Fate:
    """What becomes of one key over a restart; nobody takes any away."""

    expires: bool  # before it is looked for
    mortal: bool
    lost: bool
    drawn: bool

    @property
    def stays(self) -> bool:
        """Whether it is there afterwards."""
        return not self.lost and not (self.mortal and self.expires)


FATES = st.builds(Fate, st.booleans(), st.booleans(), st.booleans(), st.booleans())


@hostile
@given(fates=st.lists(FATES, max_size=30), came=st.integers(0, 30), eternal=st.booleans())
def test_a_restart_that_loses_a_key_that_was_drawn_never_passes(fates: list[Fate], came: int, eternal: bool) -> None:
    """And one that loses none always does, whatever expires and whatever comes."""
    there = [one for one in fates if one.stays]
    due = [one for one in fates if one.drawn and not (one.mortal and one.expires)]
    before = Count("1", len(fates), 0, 0, 0, sum(one.mortal for one in fates))
    after = Count("2", len(there) + came, 0, 0, 0, sum(one.mortal for one in there) + came * (not eternal))
    missing = sum(one.lost for one in due)
    sought = Sought(sum(not one.mortal for one in due), sum(one.mortal for one in due), missing)
    verdict = no_key_missing([before, after], sought).verdict
    lost = [one for one in fates if one.lost and not (one.mortal and one.expires)]
    if missing:
        assert verdict is Verdict.INVALID
    elif not lost:
        assert verdict is Verdict.VALID
    elif not came and [one for one in lost if not one.mortal]:
        assert verdict is Verdict.INVALID


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
    assert no_key_missing(looks, THERE).verdict is Verdict.UNKNOWN


@hostile
@given(lost=st.integers(min_value=1, max_value=100))
def test_keys_that_nobody_took_away_are_always_missed(lost: int) -> None:
    """Whatever their number."""
    assert no_key_missing([BEFORE, replace(BEFORE, keys=BEFORE.keys - lost)], THERE).verdict is Verdict.INVALID


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
    assert keys_put_back(restored, Meanwhile()).verdict is verdict


GAP = "the writers were let go after 0.7 s"


@pytest.mark.parametrize(
    ("meanwhile", "verdict"),
    [
        (Meanwhile(GAP, 0, lost=True), Verdict.VALID),
        (Meanwhile(GAP, 3, lost=True), Verdict.UNKNOWN),
        (Meanwhile(GAP, None, lost=True), Verdict.UNKNOWN),
        (Meanwhile(GAP, 3, lost=False), Verdict.VALID),
        (Meanwhile("", 3, lost=True), Verdict.VALID),
    ],
)
def test_what_others_wrote_before_the_loss_and_nobody_saved_is_no_pass(meanwhile: Meanwhile, verdict: Verdict) -> None:
    """Where nobody was seen to write it is told, and fails nobody; nor where nothing was lost."""
    found = keys_put_back(PUT_BACK, meanwhile)
    assert (found.verdict, (GAP in found.said) is bool(meanwhile.gap and meanwhile.lost)) == (verdict, True)
    assert ('data_loss = "allowed"' in found.said) is (verdict is Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("meanwhile", "verdict"),
    [
        (Meanwhile(set_back=True, wrote_since=0), Verdict.INVALID),
        (Meanwhile(set_back=True, wrote_since=5), Verdict.UNKNOWN),
        (Meanwhile(set_back=True, wrote_since=None), Verdict.UNKNOWN),
        (Meanwhile(set_back=False, wrote_since=0), Verdict.VALID),
    ],
)
def test_keys_that_may_hold_older_values_are_no_pass(meanwhile: Meanwhile, verdict: Verdict) -> None:
    """Nobody but the last snapshot can have written them where nobody wrote; else nobody can tell."""
    restored = replace(PUT_BACK, put_back=9, present_already=1, otherwise=1)
    assert keys_put_back(restored, meanwhile).verdict is verdict
    assert keys_put_back(replace(restored, otherwise=0), meanwhile).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("killed", "went_back", "verdict"),
    [
        (False, False, Verdict.VALID),
        (True, True, Verdict.INVALID),
        (True, None, Verdict.INVALID),
        (True, False, Verdict.VALID),
    ],
)
def test_a_stop_that_saves_nothing_is_told(killed: bool, went_back: bool | None, verdict: Verdict) -> None:
    """Whatever was put back afterwards; one that was cut short when all was saved has lost nothing."""
    assert saved_at_stop(3, killed=killed, went_back=went_back).verdict is verdict


NAMES = st.sampled_from(["set", "hset", "get", "unlink", "json.set", "xgroup|create"])
SENT = st.dictionaries(NAMES, st.integers(1, 50))


@hostile
@given(before=SENT, others=SENT, own=st.integers(0, 50))
def test_others_writes_are_told_from_the_suites_own(before: dict[str, int], others: dict[str, int], own: int) -> None:
    """By the names of the commands, and the numbered writes by their number."""
    late = {name: before.get(name, 0) + others.get(name, 0) for name in before.keys() | others.keys()}
    late["set"] = late.get("set", 0) + own
    expected = sum(calls for name, calls in others.items() if name not in {"get", "unlink"})
    assert wrote(_calls(before), _calls(late), own) == expected
    assert wrote({}, _calls(others), 0) == expected


def test_statistics_that_were_reset_tell_nothing() -> None:
    """CONFIG RESETSTAT in between."""
    assert wrote({"calls:hset": 5}, {"calls:hset": 2}, 0) is None


def _calls(counts: dict[str, int]) -> dict[str, int]:
    return {f"calls:{name}": count for name, count in counts.items()}


@pytest.mark.parametrize("program", server_programs())
def test_every_command_that_writes_is_counted(program: str) -> None:
    """Going by what the server itself says of its commands."""
    with redis(server_programs()[program]) as server, server.wire() as wire:
        (names,) = wire.ask([("ACL", "CAT", "write")])
    assert isinstance(names, list)
    found = {name.decode().partition("|")[0] for name in names if isinstance(name, bytes)}
    assert found - WRITING - {"function"} == set()
