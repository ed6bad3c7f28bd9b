"""Checkers: what became of the recording client's writes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.checker import Verdict
from plugins.checkers.writes import (
    Counted,
    Recording,
    acknowledged_writes_survive,
    grown,
    nothing_unwritten_appears,
    tally,
)
from plugins.fault import Loss
from plugins.history import Operation, Result
from plugins.promise import EVERYSEC_S, Kept, Promise, promised
from plugins.recovery import Moments
from plugins.traffic.recorder import ReadBack, Written
from tests_plugins.hostile import hostile

VALID, INVALID, UNKNOWN = Verdict.VALID, Verdict.INVALID, Verdict.UNKNOWN
MOMENTS = Moments(10.0, 12.0)
CALM = (Counted("a", 5, 7), Counted("a", 5, 7), Counted("b", 0, 0))
PROMISES = {
    "always": Promise(Kept.ALL, "appendfsync always"),
    "everysec": Promise(Kept.OLDER, "appendfsync everysec", window_ms=EVERYSEC_S * 1000),
    "save": Promise(Kept.SAVED, "save 60 1", until=6.5),
    "none": Promise(Kept.NONE, "nothing is promised"),
    "flush": promised(None, Loss.FLUSHED),
}
#: How long each may leave an acknowledged write unwritten, and which instant it saves all at.
LAGS = {"always": 0.0, "everysec": EVERYSEC_S, "save": None, "none": None, "flush": None}


def recording(
    results: dict[int, Result], present: set[int], altered: dict[int, str] | None = None, **found: object
) -> Recording:
    """A write a tenth of a second from 5 on, each 10 ms long, and what was there afterwards."""
    operations = [
        Operation("write", 5 + number / 10, 5 + number / 10 + 0.01, result, value=number)
        for number, result in results.items()
    ]
    acknowledged = {one.value: one.end for one in operations if one.good and one.value is not None}
    back = ReadBack(frozenset(present), altered or {}, frozenset(), (), str(found.get("unsearched", "")))
    return Recording(operations, Written(max(results, default=-1) + 1, acknowledged), back)


def survive(made: Recording, promise: str = "always", counted: tuple[Counted, ...] = CALM) -> Verdict:
    return acknowledged_writes_survive(made, PROMISES[promise], MOMENTS, counted).verdict


def server(random: Random, setting: str) -> tuple[dict[int, Result], set[int]]:
    """A server that is killed at 10 and back at 12, and keeps what its persistence says: results, and what is there."""
    results, present = {}, set()
    for number in range(100):
        at = 5 + number / 10
        if at + 0.01 >= 10 and at < 12:
            results[number] = random.choice((Result.FAIL, Result.UNKNOWN))
            done = results[number] is Result.UNKNOWN and random.random() < 0.5
        else:
            results[number] = random.choices((Result.OK, Result.UNKNOWN, Result.FAIL), (8, 1, 1))[0]
            done = results[number] is Result.OK or (results[number] is Result.UNKNOWN and random.random() < 0.5)
        if done and (at >= 12 or kept(setting, at, random)):
            present.add(number)
    return results, present


def kept(setting: str, at: float, random: Random) -> bool:
    """Whether what the old process wrote at an instant reached the disk, or was read from a snapshot of 6.6."""
    lag = LAGS[setting]
    if lag is None:
        return at < 6.6 if setting == "save" else random.random() < 0.5
    return at + random.uniform(0.0, lag) <= 10.0


settings_ = st.sampled_from(sorted(PROMISES))
randoms = st.builds(Random, st.integers(0, 2**32))


@hostile
@given(randoms, settings_)
def test_a_server_that_keeps_its_promise_is_never_blamed(random: Random, setting: str) -> None:
    """Whatever it was allowed to lose, and whichever unknown write happened or not."""
    made = recording(*server(random, setting))
    assert survive(made, setting) is VALID
    assert nothing_unwritten_appears(made).verdict is VALID


@hostile
@given(randoms, settings_, st.integers(1, 5))
def test_a_lost_write_is_always_found(random: Random, setting: str, count: int) -> None:
    """One of those that had to survive is enough, and their numbers are told."""
    results, present = server(random, setting)
    made = recording(results, present)
    due = sorted(
        one.value
        for one in made.operations
        if one.good and one.value is not None and PROMISES[setting].covers(one, MOMENTS)
    )
    taken = set(random.sample(due, count))
    made = recording(results, present - taken)
    found = acknowledged_writes_survive(made, PROMISES[setting], MOMENTS, CALM)
    assert found.verdict is INVALID
    assert taken == set(tally(made, PROMISES[setting], MOMENTS).broken)
    assert str(min(taken)) in found.said


@hostile
@given(randoms, settings_, st.sampled_from(["evicted", "expired"]), st.integers(1, 3))
def test_a_key_that_vanished_while_others_did_is_unknown(random: Random, setting: str, how: str, many: int) -> None:
    """Redis may have dropped it for its memory or its time; but nothing is amiss where nothing vanished."""
    results, present = server(random, setting)
    counted = (*CALM[:2], Counted("b", many if how == "evicted" else 0, many if how == "expired" else 0))
    assert survive(recording(results, present), setting, counted) is VALID
    late = max(number for number, result in results.items() if result is Result.OK)
    assert survive(recording(results, present - {late}), setting, counted) is UNKNOWN


@hostile
@given(randoms, settings_)
def test_a_stranger_is_always_found(random: Random, setting: str) -> None:
    """A write that was refused and is there, and one that holds something else."""
    results, present = server(random, setting)
    refused = next(number for number, result in results.items() if result is Result.FAIL)
    assert nothing_unwritten_appears(recording(results, present | {refused})).verdict is INVALID
    other = min(present)
    assert nothing_unwritten_appears(recording(results, present - {other}, {other: "x"})).verdict is INVALID


def test_a_key_of_nobody_is_told_as_it_is() -> None:
    """Its name may hold anything."""
    made = recording({0: Result.OK}, {0})
    found = ReadBack(frozenset({0}), {}, frozenset(), (b"ns:chaos:1:\xff\n",))
    said = nothing_unwritten_appears(Recording(made.operations, made.written, found)).said
    assert said == r'"ns:chaos:1:\xff\n" was never written'


def test_a_key_that_holds_something_else_is_lost_whatever_was_evicted() -> None:
    """Eviction takes keys away; it writes none."""
    made = recording({0: Result.OK, 1: Result.OK}, {1}, {0: "x"})
    assert survive(made, counted=(Counted("a", 0, 0), Counted("a", 9, 9))) is INVALID


def test_a_key_past_its_time_is_not_missed() -> None:
    """The recording client's keys expire by themselves, in the end."""
    made = recording({0: Result.OK}, set())
    found = ReadBack(frozenset(), {}, frozenset({0}), ())
    assert survive(Recording(made.operations, made.written, found)) is VALID


def test_an_answer_that_was_not_all_right_is_an_acknowledgement_all_the_same() -> None:
    """SET said OK, GET then nothing: the operation is unknown, the write was acknowledged, and it is lost."""
    operation = Operation("write", 5.0, 5.01, Result.UNKNOWN, code="LOST", value=0)
    made = Recording([operation], Written(1, {0: 5.01}), ReadBack(frozenset(), {}, frozenset(), ()))
    assert survive(made) is INVALID
    assert tally(made, PROMISES["always"], MOMENTS).unknown == 0


def test_an_empty_history_is_unknown() -> None:
    """Nothing written, or nothing acknowledged before the fault, proves nothing."""
    assert survive(recording({}, set())) is UNKNOWN
    assert survive(recording(dict.fromkeys(range(9), Result.FAIL), set())) is UNKNOWN
    assert survive(recording({90: Result.OK}, {90})) is UNKNOWN
    assert nothing_unwritten_appears(recording({}, set())).verdict is UNKNOWN


def test_keys_that_were_not_all_seen_are_unknown() -> None:
    """There may be strangers among those that were not."""
    made = recording({0: Result.OK}, {0}, unsearched="too many keys")
    assert nothing_unwritten_appears(made).verdict is UNKNOWN


def test_what_a_flush_deleted_is_not_lost() -> None:
    """It is exempt; what was written after it is not."""
    made = recording({0: Result.OK, 80: Result.OK}, set())
    assert tally(made, PROMISES["flush"], MOMENTS).lost == (80,)


def test_losses_within_the_promise_are_counted_and_dated() -> None:
    """Two of three, the older one acknowledged 1.49 s before the fault."""
    made = recording({0: Result.OK, 35: Result.OK, 45: Result.OK}, {0})
    found = acknowledged_writes_survive(made, PROMISES["everysec"], MOMENTS, CALM)
    assert found.said == "2 of 3 acknowledged writes lost; appendfsync everysec"
    assert found.evidence == {
        "acknowledged": 3,
        "lost": 2,
        "unknown": 0,
        "promised_window_ms": 2000,
        "oldest_lost_ms": 1490,
    }


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ([], "nobody counted the evicted and expired keys"),
        ([Counted("a", 0, 0)], "the evicted and expired keys were counted only once"),
        ([Counted("a", 5, 7), Counted("a", 5, 7)], ""),
        ([Counted("a", 5, 7), Counted("b", 0, 0)], ""),
        ([Counted("a", 5, 7), Counted("a", 6, 7)], "1 key evicted and 0 keys expired meanwhile"),
        ([Counted("a", 5, 7), Counted("b", 0, 2)], "0 keys evicted and 2 keys expired meanwhile"),
        ([Counted("a", 5, 7), Counted("a", 3, 0)], "3 keys evicted and 0 keys expired meanwhile"),
        ([Counted("a", 5, 7), Counted("a", 6, 7), Counted("b", 0, 0)], "1 key evicted and 0 keys expired meanwhile"),
    ],
)
def test_evictions_are_counted_across_a_restart(counted: list[Counted], said: str) -> None:
    """A new process counts from 0, and so does one whose statistics were reset."""
    assert grown(counted) == said
