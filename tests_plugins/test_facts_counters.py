"""Counters against those of the last look."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.counters import PROBING, Comparison, Counters, compare, own_counters
from plugins.target.model import UNWANTED
from plugins.verdict import NotApplicable
from tests_plugins.hostile import any_text, hostile


def look(run_id: str = "a", **values: int) -> Counters:
    """One look; a double underscore stands for the colon in a counter's name."""
    named = {name.replace("__", ":"): value for name, value in values.items()}
    return Counters(run_id, "2026-01-02T03:04:05Z", named)


def test_growth_is_what_came_since() -> None:
    """Old sins are shown in the total, and not blamed on today."""
    growth = compare(look(evicted_keys=17), look(evicted_keys=14)).growth("evicted keys", "evicted_keys")
    assert (growth.judged, growth.describe()) == (3, "3 evicted keys since 2026-01-02T03:04:05Z (17 in all)")


def test_several_counters_grow_together() -> None:
    """FLUSHALL and FLUSHDB are one habit."""
    now = look(calls__flushall=2, calls__flushdb=5)
    assert compare(now, look(calls__flushdb=4)).growth("flushes", "calls:flushall", "calls:flushdb").judged == 3


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (None, "no baseline yet"),
        (look("b", evicted_keys=1), "restarted"),
        (look(evicted_keys=9), "went backwards"),
        (look(calls__get=1), "went backwards"),
    ],
)
def test_without_a_baseline_nothing_is_judged(before: Counters | None, why: str) -> None:
    """The first look, another process, and counters that were reset are reported with their totals."""
    growth = compare(look(evicted_keys=3), before).growth("evicted keys", "evicted_keys")
    assert "3 evicted keys so far; the next run judges" in growth.describe()
    with pytest.raises(NotApplicable, match=why):
        growth.judged  # noqa: B018 - the property raises


def test_one_reset_counter_tells_for_all() -> None:
    """CONFIG RESETSTAT resets everything, so a counter that has grown beyond its old value is no growth either."""
    comparison = compare(look(evicted_keys=9, calls__get=1), look(evicted_keys=1, calls__get=5))
    assert comparison.before is None


def test_by_name_blames_those_that_grew() -> None:
    """A name that was never counted before has grown from 0."""
    finding = compare(look(errors__OOM=3, errors__NOPERM=2), look(errors__NOPERM=2)).by_name("errors", "errors:")
    assert finding.offenders == ('"OOM" 3',)


def test_what_healthy_clients_cause_is_shown_and_not_blamed() -> None:
    """A library that asks an older server for CLIENT SETINFO fails on every connection."""
    finding = compare(look(failed_calls__client=4), look()).by_name("failed", "failed_calls:", without=PROBING)
    assert finding.offenders == ()
    assert '"client" 4' in finding.describe()


def test_our_own_refused_questions_are_not_blamed_on_the_host() -> None:
    """An ACL that forbids us CONFIG GET counts a rejected call at every look of ours."""
    name = "rejected_calls:config|get"
    now, before = Counters("a", "t", {name: 2}, own=frozenset({name})), Counters("a", "t", {name: 1})
    assert compare(now, before).by_name("rejected", "rejected_calls:").offenders == ()
    now, before = Counters("a", "t", {name: 2}), Counters("a", "t", {name: 1}, own=frozenset({name}))
    assert compare(now, before).by_name("rejected", "rejected_calls:").offenders == ()


@pytest.mark.parametrize(
    ("refused", "own", "others"),
    [
        (UNWANTED, {"failed_calls:auth"}, {"rejected_calls:ping", "errors:WRONGPASS"}),
        ("WRONGPASS", {"failed_calls:auth", "errors:WRONGPASS", "rejected_calls:client|setname"}, {"errors:NOAUTH"}),
        ("NOAUTH", {"errors:NOAUTH", "rejected_calls:ping"}, {"failed_calls:auth"}),
        ("NOPERM", {"errors:NOPERM", "rejected_calls:acl|list", "rejected_calls:select"}, {"rejected_calls:set"}),
        ("OOM", set(), {"errors:OOM"}),
    ],
)
def test_what_the_suite_was_refused_names_its_counters(refused: str, own: set[str], others: set[str]) -> None:
    """And no others: the same trouble of an application's own commands is still told."""
    counters = own_counters({refused})
    assert own <= counters
    assert not others & counters


@pytest.mark.parametrize(
    ("code", "added", "blamed"),
    [("OOM", 1, ()), ("OOM", 4, ('"OOM" 3',)), ("READONLY", 2, ()), ("READONLY", 3, ('"READONLY" 1',))],
)
def test_a_refused_canary_is_our_own_error(code: str, added: int, blamed: tuple[str, ...]) -> None:
    """The suite's own write is refused too, and its DEL where all writes are; the application's are blamed."""
    now = Counters("a", "t", {"rejected_calls:psetex": 1, "rejected_calls:del": 1, f"errors:{code}": added})
    comparison = compare(now, look())
    assert comparison.by_name("errors", "errors:").offenders == blamed
    assert comparison.by_name("rejected", "rejected_calls:").offenders == ()


def test_without_a_baseline_by_name_lists_what_there_is() -> None:
    """The first look reports the counters."""
    finding = Comparison(look(errors__OOM=3), None, "no baseline yet").by_name("errors", "errors:")
    assert '"OOM" 3' in finding.describe()
    with pytest.raises(NotApplicable):
        finding.offenders  # noqa: B018 - the property raises


@hostile
@given(st.dictionaries(any_text, st.integers(0, 1 << 70)), any_text)
def test_counters_come_back_from_a_journal(values: dict[str, int], run_id: str) -> None:
    """Names from the host may hold anything, and counters any size."""
    counters = Counters(run_id, "2026-01-02T03:04:05Z", values, frozenset(values))
    assert Counters.from_json(json.loads(json.dumps(counters.to_json()))) == counters


@pytest.mark.parametrize(
    "record",
    [{}, {"redis_run_id": 1, "at": "", "values": {}}, {"redis_run_id": "", "at": "", "values": {"a": "1"}}],
)
def test_a_journal_of_another_form_is_refused(record: dict[str, object]) -> None:
    """A half-written record is no baseline."""
    with pytest.raises(ValueError, match="counters are"):
        Counters.from_json(record)


@hostile
@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)),
)
def test_growth_is_never_negative(now: dict[str, int], before: dict[str, int]) -> None:
    """Whatever was counted, nothing shrinks: it grew, or it is a new baseline."""
    comparison = compare(Counters("x", "t", now), Counters("x", "t", before))
    growth = comparison.growth("all", *"abcd")
    assert growth.added is None or growth.added == sum(now.values()) - sum(before.values()) >= 0
