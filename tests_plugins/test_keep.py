"""``--keep N`` removes what is a run's beyond doubt, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from plugins.journal import NAME as JOURNAL
from plugins.journal import Journal
from plugins.report.keep import GOING_S, keep_newest
from tests_plugins.pasts import document, leave, name_of

if TYPE_CHECKING:
    from pathlib import Path

CURRENT = name_of(9)


def left(reports: Path, keep: int) -> set[str]:
    """What is there afterwards. Nothing may be complained of."""
    assert keep_newest(reports, CURRENT, keep) == []
    return {path.name for path in reports.iterdir()}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Three runs and the current one."""
    for number in (0, 1, 2, 9):
        leave(tmp_path, document(number))
    return tmp_path


def leave_journal(reports: Path, number: int, *events: str) -> Path:
    (reports / name_of(number)).mkdir()
    path = reports / name_of(number) / JOURNAL
    for event in events:
        Journal(path).write(event)
    return path


@pytest.mark.parametrize(
    ("keep", "kept"), [(1, [9]), (2, [9, 2]), (3, [9, 2, 1]), (4, [9, 2, 1, 0]), (10_000, [9, 2, 1, 0])]
)
def test_the_newest_stay(reports: Path, keep: int, kept: list[int]) -> None:
    """The current one is one of them."""
    assert left(reports, keep) == {name_of(number) for number in kept}


def test_the_current_run_stays_whatever_the_clock_said(reports: Path) -> None:
    """Others may have come from machines whose clock is ahead."""
    leave(reports, document(200))
    assert left(reports, 1) == {CURRENT}
    assert left(reports, 2) == {CURRENT}


def test_what_is_named_otherwise_stays(reports: Path) -> None:
    """Even by a hair."""
    others = [
        f"{name_of(1)}.bak",
        f"a{name_of(1)}",
        name_of(1).replace("-chaos-", "-other-"),
        name_of(1)[:-1],
        "latest",
    ]
    for name in others:
        (reports / name).mkdir()
        (reports / name / "run.json").touch()
    assert left(reports, 1) == {CURRENT, *others}


def test_a_folder_that_holds_no_run_stays(reports: Path) -> None:
    """Whoever made it; a link to a run's file is none."""
    (reports / name_of(3)).mkdir()
    (reports / name_of(4)).mkdir()
    (reports / name_of(4) / "run.json").symlink_to(f"../{CURRENT}/run.json")
    assert left(reports, 1) == {CURRENT, name_of(3), name_of(4)}


def test_links_are_neither_followed_nor_removed(reports: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nor is what links inside of a run lead to."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    theirs = leave(elsewhere, document(3))
    (reports / name_of(3)).symlink_to(theirs)
    (reports / name_of(1) / "link").symlink_to(elsewhere)
    assert left(reports, 1) == {CURRENT, name_of(3)}
    assert (theirs / "run.json").is_file()


def test_a_run_that_may_be_going_on_stays(reports: Path) -> None:
    """It has no end in its journal, and is not a day old; one that was killed long ago goes."""
    leave_journal(reports, 3, "run", "check")
    killed = leave_journal(reports, 4, "run", "check")
    long_ago = time.time() - GOING_S - 60
    os.utime(killed, (long_ago, long_ago))
    leave_journal(reports, 5, "run", "end")
    assert left(reports, 1) == {CURRENT, name_of(3)}


def test_hosts_text_is_no_end(reports: Path) -> None:
    """A log line that says so, in an event of another kind."""
    path = leave_journal(reports, 3, "run")
    Journal(path).write("note", said=json.dumps({"event": "end"}))
    assert name_of(3) in left(reports, 1)


def test_what_cannot_be_removed_is_told(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others go."""
    whole = shutil.rmtree

    def refuse(folder: Path) -> None:
        if folder.name == name_of(1):
            raise PermissionError(13, "Permission denied")
        whole(folder)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    assert keep_newest(reports, CURRENT, 1) == [f"{name_of(1)}: Permission denied"]
    assert {path.name for path in reports.iterdir()} == {CURRENT, name_of(1)}
