"""The journal: append-only, readable after a crash, and the next run's baseline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plugins.facts.counters import Counters
from plugins.journal import NAME, Journal, last_counters, read

if TYPE_CHECKING:
    from pathlib import Path


def leave_run(reports: Path, run_id: str, *, host: str = "staging", evicted: int, server: str = "aaaa") -> None:
    folder = reports / run_id
    folder.mkdir(parents=True)
    counters = Counters(server, "2026-01-02T03:04:05Z", {"evicted_keys": evicted})
    Journal(folder / NAME).write("counters", host=host, counters=counters.to_json())


def leave_refusal(reports: Path, run_id: str, counter: str) -> None:
    (reports / run_id).mkdir(parents=True)
    counters = Counters("", "2026-01-02T03:04:05Z", {}, frozenset({counter}))
    Journal(reports / run_id / NAME).write("counters", host="staging", counters=counters.to_json())


def test_events_come_back_in_order(tmp_path: Path) -> None:
    """What was written first is read first."""
    journal = Journal(tmp_path / NAME)
    journal.write("run", sync=True, host="a")
    journal.write("end", exit_code=0)
    assert [entry["event"] for entry in read(tmp_path / NAME)] == ["run", "end"]


def test_hostile_text_stays_one_line(tmp_path: Path) -> None:
    """Line ends, NUL and lone surrogates cannot forge or break an entry."""
    Journal(tmp_path / NAME).write("run", host='x\n{"event": "end"}\x00\ud800')
    assert [entry["event"] for entry in read(tmp_path / NAME)] == ["run"]


def test_a_half_written_line_hides_nothing_before_it(tmp_path: Path) -> None:
    """A killed run is read as far as it got."""
    path = tmp_path / NAME
    Journal(path).write("run")
    with path.open("a", encoding="ascii") as file:
        file.write('{"event": "en')
    assert [entry["event"] for entry in read(path)] == ["run"]


def test_nowhere_to_write_is_no_error() -> None:
    """A report directory that cannot be written costs the journal, not the verdict."""
    Journal(None).write("run", sync=True)


def test_the_baseline_is_the_newest_of_the_same_server(tmp_path: Path) -> None:
    """Counters are compared with the last look at the same server process, on the same host."""
    leave_run(tmp_path, "20260102T030405Z-staging-verify-0001", evicted=1)
    leave_run(tmp_path, "20260102T030406Z-staging-verify-0001", evicted=2)
    leave_run(tmp_path, "20260102T030407Z-staging-verify-0001", evicted=3, server="bbbb")
    leave_run(tmp_path, "20260102T030408Z-other-verify-0001", evicted=4, host="other")
    found = last_counters(tmp_path, "staging", "aaaa")
    assert found is not None
    assert found.values == {"evicted_keys": 2}


def test_what_later_runs_were_refused_is_told_with_the_baseline(tmp_path: Path) -> None:
    """A run that was let in nowhere leaves no counters, and makes some grow; one before the baseline made none grow."""
    leave_refusal(tmp_path, "20260102T030404Z-staging-verify-0001", "errors:NOAUTH")
    leave_run(tmp_path, "20260102T030405Z-staging-verify-0001", evicted=1)
    leave_refusal(tmp_path, "20260102T030406Z-staging-verify-0001", "errors:WRONGPASS")
    found = last_counters(tmp_path, "staging", "aaaa")
    assert found is not None
    assert found.own == {"errors:WRONGPASS"}


def test_without_an_earlier_run_there_is_no_baseline(tmp_path: Path) -> None:
    """The first run has nothing to compare with."""
    assert last_counters(tmp_path / "never-made", "staging", "aaaa") is None


def test_a_foreign_journal_is_passed_over(tmp_path: Path) -> None:
    """Somebody else's file of that name is no baseline, and no crash."""
    folder = tmp_path / "20260102T030405Z-staging-verify-0001"
    folder.mkdir()
    (folder / NAME).write_text('[]\n{"event": "counters", "host": "staging", "counters": 7}\n', encoding="ascii")
    assert last_counters(tmp_path, "staging", "aaaa") is None


@pytest.mark.parametrize("line", ["[" * 200_000, '{"event": 9' + "9" * 10_000 + "}"], ids=["deep", "long"])
def test_a_line_that_no_run_has_written_is_passed_over(tmp_path: Path, line: str) -> None:
    """Whatever Python's parser makes of it; the runs before it are a baseline all the same."""
    leave_run(tmp_path, "20260102T030405Z-staging-verify-0001", evicted=1)
    folder = tmp_path / "20260102T030406Z-staging-verify-0001"
    folder.mkdir()
    (folder / NAME).write_text(f"{line}\n", encoding="ascii")
    found = last_counters(tmp_path, "staging", "aaaa")
    assert found is not None
    assert found.values == {"evicted_keys": 1}


def test_a_pipe_is_no_journal(tmp_path: Path) -> None:
    """Nobody waits for whoever might write into it."""
    folder = tmp_path / "20260102T030406Z-staging-verify-0001"
    folder.mkdir()
    os.mkfifo(folder / NAME)
    assert last_counters(tmp_path, "staging", "aaaa") is None
