"""Where remedies are to be pasted: in the folder that the project was started in, as its labels tell."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from plugins.facts import causes
from plugins.facts.gather import gather
from plugins.facts.site import Site, settle
from plugins.inventory import Environment, Host
from plugins.remedy import Started, render
from plugins.target.folder import look
from plugins.target.open import open_target
from plugins.target.projects import (
    CONFIG_FILES,
    PROJECT,
    SERVICE,
    WORKING_DIR,
    Folder,
    Listed,
    Origin,
    origin,
    started_by,
)
from plugins.verdict import Blocked
from tests_plugins.hostile import any_text, hostile
from tests_plugins.staging import Stack, StagingOptions, need_staging_host, staging_host

if TYPE_CHECKING:
    from pathlib import Path

HOST = Host(name="staging", environment=Environment.STAGING, project_dir="~/exam", compose_file="compose.yml")
ORIGIN = Origin("exam", "/srv/exam", ("/srv/exam/compose.yml", "/srv/exam/override.yml"))


def labelled(folder: str, files: str) -> list[Listed]:
    labels = {PROJECT: "exam", SERVICE: "redis", WORKING_DIR: folder, CONFIG_FILES: files}
    return [Listed("id", "exam-redis-1", labels)]


@pytest.mark.parametrize(
    ("project_dir", "compose_file", "same"),
    [
        ("~/exam", "compose.yml", True),
        ("/home/deploy/exam", "compose.yml", True),
        ("/home/deploy/other/../exam/", "./compose.yml", True),
        (".", "compose.yml", True),
        ("../exam", "compose.yml", True),
        ("/", "/home/deploy/exam/compose.yml", True),
        ("~/exma", "compose.yml", False),
        ("~/exam", "compose.staging.yml", False),
        ("/srv/exam", "compose.yml", False),
    ],
)
def test_the_inventorys_file_is_known_by_the_labels(project_dir: str, compose_file: str, same: bool) -> None:
    """However its path is written."""
    found = origin(labelled("/home/deploy/exam", "/home/deploy/exam/compose.yml"), "exam")
    assert found is not None
    assert started_by(found, project_dir, compose_file) is same


def test_a_project_of_several_files_is_not_that_of_one() -> None:
    """What one of them alone brings up is another stack."""
    assert not started_by(ORIGIN, "/srv/exam", "compose.yml")


def test_an_older_compose_names_its_files_within_the_folder() -> None:
    """They are joined to it."""
    found = origin(labelled("/srv/exam", "compose.yml,sub/more.yml"), "exam")
    assert found == Origin("exam", "/srv/exam", ("/srv/exam/compose.yml", "/srv/exam/sub/more.yml"))


@hostile
@given(any_text, any_text)
def test_any_labels_are_an_origin_or_none(folder: str, files: str) -> None:
    """Labels are anybody's text."""
    found = origin(labelled(folder, files), "exam")
    assert found is None or isinstance(started_by(found, "~/exam", "compose.yml"), bool)


@pytest.mark.parametrize(
    ("here", "folder", "words"),
    [
        (Folder(), "/srv/exam", "(there is no such folder): remedies name the former"),
        (
            Folder(path="/home/x/exam", others_there=True),
            "/srv/exam",
            "as the inventory says: remedies name the former",
        ),
        (Folder(path="/home/x/exam"), "~/exam", "which is not on the host any more"),
    ],
)
def test_remedies_name_a_folder_that_is_there(here: Folder, folder: str, words: str) -> None:
    """A pipeline's checkout may be gone, or have been inside a container."""
    site = settle(HOST, ORIGIN, here)
    assert site.host.project_dir == folder
    assert words in site.note


def test_a_link_to_the_folder_is_the_folder() -> None:
    """Only the host knows."""
    found = ORIGIN._replace(files=("/srv/exam/compose.yml",))
    assert settle(HOST, found, Folder(path="/srv/exam", compose_file="/srv/exam/compose.yml")) == Site(HOST)


def test_remedies_name_every_file_and_the_project() -> None:
    """With one of them alone the project would become another."""
    site = settle(HOST, ORIGIN, Folder())
    assert isinstance(site.host, Started)
    assert render("{compose} up -d {redis_service}", site.host) == (
        "cd /srv/exam\ndocker compose -f compose.yml -f override.yml -p exam up -d redis_staging"
    )


def test_the_look_says_whether_the_other_files_are_there(tmp_path: Path) -> None:
    """All of them, and also where the inventory's own folder is not."""
    there = tmp_path / "it's there.yml"
    there.touch()
    host = replace(HOST, project_dir=str(tmp_path / "nowhere"))
    for others, said in (([str(there)], "there"), ([str(there), "/no/such/file"], "missing")):
        done = subprocess.run(look(host, others), capture_output=True, text=True, check=True)
        assert done.stdout == f"others={said}\n"


def test_a_mistaken_folder_is_a_note_and_no_remedys() -> None:
    """On a real host: the folder that its containers were started in is found by their labels."""
    need_staging_host()
    with staging_host(StagingOptions(stack=Stack(backend=False))) as staging:
        mistaken = replace(staging.host, project_dir="~/no-such-folder")
        for host, noted in ((staging.host, False), (mistaken, True)):
            facts = gather(open_target(host, environ=staging.environ), since=None, baseline=lambda _: None)
            with closing(facts):
                assert any("no such folder" in note for note in facts.notes) is noted
                assert facts.site.project_dir == (str(staging.folder) if noted else host.project_dir)


def test_a_mistaken_project_is_one_red() -> None:
    """None of its services is there, and those of another project are: the inventory is what is wrong, once."""
    need_staging_host()
    with staging_host(StagingOptions()) as staging:
        mistaken = replace(staging.host, compose_project=f"{staging.project}x")
        facts = gather(open_target(mistaken, environ=staging.environ), since=None, baseline=lambda _: None)
        with closing(facts):
            assert staging.project in facts.redis_standing.elsewhere
            with pytest.raises(Blocked) as blocked:
                _ = facts.backend_standing
            assert blocked.value.by == causes.REDIS_RUNS
