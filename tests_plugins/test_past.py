"""Earlier runs are read from a directory in which anything may lie."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.report.past import FOLDER, LOOK_BACK, Past, digest, kind_of, kinds_of, past_run, read_past
from tests_plugins.hostile import any_text, hostile
from tests_plugins.pasts import document, experiment, leave, name_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KIND = "staging-chaos"
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
)


def read(reports: Path) -> Past:
    return read_past(reports, kinds_of(reports).get(KIND, []))


def test_the_newest_comes_first_and_is_read_as_it_is(tmp_path: Path) -> None:
    """By the names of the folders, which begin with the time."""
    documents = [document(number, experiment(0.1 * number)) for number in range(3)]
    for each in documents:
        leave(tmp_path, each)
    assert read(tmp_path).runs == tuple(past_run(each) for each in reversed(documents))


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    """The second time from the digest, which is made anew when a run.json changes."""
    folder = leave(tmp_path, document(0, experiment(), checks={}))
    first = read(tmp_path)
    assert (tmp_path / FOLDER / f"{KIND}.json").is_file()
    assert read(tmp_path) == first
    changed = document(0, experiment(3.25))
    (folder / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    assert read(tmp_path).runs == (past_run(changed),)


@pytest.mark.parametrize("suite", ["verify", "chaos"])
def test_a_digest_says_what_its_run_json_says(suite: str) -> None:
    """In the same words."""
    run = past_run(document(0, experiment(None), suite=suite, checks={"a/b": "passed"}))
    assert past_run(json.loads(json.dumps(digest(run)))) == run


def hang(folder: Path) -> None:
    (folder / "run.json").unlink()
    os.mkfifo(folder / "run.json")


def point_elsewhere(folder: Path) -> None:
    (folder / "run.json").rename(folder.parent / "elsewhere.json")
    (folder / "run.json").symlink_to("../elsewhere.json")


def write(content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "run.json").write_text(content, encoding="utf-8")


SPOILERS: dict[str, Callable[[Path], object]] = {
    "gone": lambda folder: (folder / "run.json").unlink(),
    "pipe": hang,
    "link": point_elsewhere,
    "empty": write(""),
    "half": write('{"schema": 1, "run_id"'),
    "deep": write("[" * 200_000),
    "large": write(" " * (5 << 20)),
    "digits": write('{"schema": ' + "1" * 5_000 + "}"),
    "list": write("[]"),
    "future": write(json.dumps({**document(1), "schema": 2})),
    "boolean": write(json.dumps({**document(1), "schema": True})),
    "another": write(json.dumps(document(7))),
    "many": write(json.dumps(document(1, *[experiment()] * 501))),
    "texts": write(json.dumps({**document(1), "experiments": ["passed"]})),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_what_is_no_run_is_passed_over_and_counted(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """The others are read all the same."""
    leave(tmp_path, document(0))
    spoil(leave(tmp_path, document(1)))
    found = read(tmp_path)
    assert ([run.run_id for run in found.runs], found.passed_over) == ([name_of(0)], (name_of(1),))


def test_no_link_leads_out_of_the_directory(tmp_path: Path) -> None:
    """A link that is named as a run is none; nor is anything else that has no run's name."""
    reports = tmp_path / "reports"
    leave(tmp_path / "elsewhere", document(1))
    leave(reports, document(0))
    (reports / name_of(1)).symlink_to(tmp_path / "elsewhere" / name_of(1))
    (reports / "latest").symlink_to(name_of(0))
    (reports / f"{name_of(2)}.bak").mkdir()
    assert kinds_of(reports) == {KIND: [name_of(0)]}


def test_a_kept_digest_that_a_link_leads_to_is_not_read_and_not_written(tmp_path: Path) -> None:
    """Else a run could be made to overwrite what is not its own."""
    reports = tmp_path / "reports"
    leave(reports, document(0))
    (tmp_path / "elsewhere").mkdir()
    (reports / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert len(read(reports).runs) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_no_more_than_the_newest_are_read(tmp_path: Path) -> None:
    """However many there are."""
    for number in range(LOOK_BACK + 3):
        leave(tmp_path, document(number))
    found = read(tmp_path)
    assert (len(found.runs), found.beyond, found.runs[0].run_id) == (LOOK_BACK, 3, name_of(LOOK_BACK + 2))


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-1", '"0.4"', "true", "[]", "1e999", "9" * 400])
def test_what_is_no_number_of_seconds_is_none(figure: str) -> None:
    """As where it never was well again."""
    text = json.dumps(document(0, experiment(0.4))).replace('"ping": 0.4,', f'"ping": {figure},')
    (one,) = past_run(json.loads(text)).experiments
    assert one.recovery_s["ping"] is None


@hostile
@given(st.dictionaries(st.sampled_from([*document(0), "other"]), any_json), any_json)
def test_anything_is_a_run_or_refused(content: dict[str, Any], whole: object) -> None:
    """Never a fault."""
    for raw in ({**document(0), **content}, whole):
        try:
            run = past_run(raw)
        except ValueError:
            continue
        assert past_run(digest(run)) == run


def test_a_name_tells_its_kind() -> None:
    """Also where the host's name has dashes."""
    assert kind_of(name_of(0, host="a-verify-b", suite="verify")) == "a-verify-b-verify"
