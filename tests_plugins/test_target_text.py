"""What the target reads and writes as text: pure, and nothing that comes from outside breaks it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.target import containers
from plugins.target.engine_road import socket_of
from plugins.target.engine_stream import Frame
from plugins.target.folder import quoted
from plugins.target.model import ServiceAmbiguous, ServiceMissing
from plugins.target.projects import (
    CONFIG_FILES,
    NUMBER,
    ONEOFF,
    PROJECT,
    SERVICE,
    WORKING_DIR,
    Folder,
    Listed,
    WrongProject,
    belongs,
    candidates,
    choose,
    elsewhere,
    normalised,
    of_service,
)
from plugins.target.ssh_text import check_destination, meaning, plain_words
from tests_plugins.hostile import hostile

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def listed(project: str, service: str, **labels: str) -> Listed:
    """A container in the engine's list."""
    name = f"{project}-{service}-1"
    return Listed(name, name, {PROJECT: project, SERVICE: service, NUMBER: "1", **labels})


# --- logs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        ({"Type": "json-file", "Config": {}}, None),
        ({"Type": "json-file", "Config": {"max-file": "3"}}, None),
        ({"Type": "json-file", "Config": {"max-size": "10m"}}, 0),
        ({"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}, 20 << 20),
        ({"Type": "json-file", "Config": {"max-size": "4kb", "max-file": "2"}}, 4 << 10),
        ({"Type": "json-file", "Config": {"max-size": "odd", "max-file": "2"}}, 0),
        ({"Type": "json-file", "Config": {"max-size": "1g", "max-file": "\u00b2"}}, 0),
        ({"Type": "local", "Config": {}}, 80 << 20),
        ({"Type": "journald", "Config": {}}, 0),
        ({}, 0),
    ],
)
def test_how_much_of_a_log_is_kept(log: dict[str, object], kept: int | None) -> None:
    """All of it only where the driver sets no limit; else the files that are full, and nothing that is not known."""
    read = containers.container({"Id": "c", "HostConfig": {"LogConfig": log}}, Listed("c", "c", {}))
    assert read.log_kept == kept


# --- moments ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5+02:00", datetime(2026, 1, 2, 1, 4, 5, 500000, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_moments(text: str, expected: datetime | None) -> None:
    """The engine's times, to the microsecond; its way to say never is None."""
    assert containers.moment(text) == expected


@hostile
@given(TEXT)
def test_any_text_is_a_moment_or_none(text: str) -> None:
    """Nothing else comes of it."""
    assert isinstance(containers.moment(text), datetime | None)


def stamped(second: int, text: bytes) -> bytes:
    return f"2026-01-02T03:04:{second:02}Z ".encode() + text


def test_a_line_in_pieces_is_joined_within_its_stream() -> None:
    """Pieces of two streams may come in turns; the first piece's moment counts."""
    frames = [
        Frame(1, stamped(1, b"one ")),
        Frame(2, stamped(2, b"error\n")),
        Frame(1, stamped(3, b"line\r\n")),
        Frame(1, stamped(4, b"unended")),
    ]
    records = [(record.stream, record.text, record.at.second) for record in containers.records(frames)]
    assert records == [("stderr", "error", 2), ("stdout", "one line", 1), ("stdout", "unended", 4)]


@hostile
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)).map(lambda pair: Frame(*pair)), max_size=6))
def test_any_frames_are_records(frames: list[Frame]) -> None:
    """What has no stamp is left out; nothing breaks."""
    for record in containers.records(frames):
        assert record.stream in {"stdout", "stderr"}


# --- which project ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Exam-Platform.Staging", "exam-platformstaging"),
        ("__x", "x"),
        ("-a_b-", "a_b-"),
        ("Äpfel", "pfel"),
        ("日本", ""),
    ],
)
def test_names_as_compose_makes_them(name: str, expected: str) -> None:
    """Lower case, few characters, no dash in front."""
    assert normalised(name) == expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (Folder(path="/srv/My App", compose_file="/srv/My App/compose.yml"), "myapp"),
        (Folder(path="/srv/app", compose_file="/srv/app/deploy/compose.yml"), "deploy"),
        (Folder(path="/srv/app", file_name="named"), "named"),
        (Folder(path="/srv/app", file_name="${NAME:-x}"), "app"),
        (Folder(path="/srv/app", env_name="by-env", file_name="named"), "by-env"),
        (Folder(), ""),
    ],
)
def test_the_name_that_compose_would_derive(folder: Folder, expected: str) -> None:
    """The environment file before the compose file before the folder of the compose file."""
    assert folder.project == expected


def test_projects_with_any_of_the_services_are_candidates() -> None:
    """A project that has only one of two is none where another has both; one-off containers do not count."""
    found = [
        listed("a", "redis"),
        listed("b", "redis"),
        listed("b", "backend"),
        listed("c", "backend", **{ONEOFF: "True"}),
    ]
    assert candidates(found, ["redis", "backend"]) == ["a", "b"]
    assert candidates(found, ["redis"]) == ["a", "b"]
    assert candidates(found, ["nothing"]) == []


def test_ties_are_broken_by_name_then_by_labels() -> None:
    """A name that Compose would derive, else the folder or the compose file that the containers name."""
    found = [
        listed("a", "redis", **{WORKING_DIR: "/srv/x"}),
        listed("b", "redis", **{CONFIG_FILES: "/one.yml,/srv/y/compose.yml"}),
    ]
    assert choose(found, ["a", "b"], Folder(path="/srv/b")) == "b"
    assert choose(found, ["a", "b"], Folder(path="/srv/x")) == "a"
    assert choose(found, ["a", "b"], Folder(path="/srv/z", compose_file="/srv/y/compose.yml")) == "b"
    with pytest.raises(ServiceAmbiguous, match=r"'a', 'b'; there is no such folder\. .*compose_project"):
        choose(found, ["a", "b"], Folder())


@pytest.mark.parametrize(
    ("project", "project_dir", "expected"),
    [
        ("app", "/srv/App", True),
        ("job-7", "/srv/app", True),
        ("job-7", "~/app", False),
        ("job-7", "~deploy/srv/app", True),
        ("job-8", "/srv/app", True),
        ("job-9", "/srv/app", False),
    ],
)
def test_a_project_of_the_folder_by_the_inventorys_paths(project: str, project_dir: str, expected: bool) -> None:
    """By its name, or by either label."""
    found = [
        listed("app", "redis"),
        listed("job-7", "redis", **{WORKING_DIR: "/srv/app" if project_dir[0] == "/" else "/home/deploy/srv/app"}),
        listed("job-8", "redis", **{CONFIG_FILES: "/x.yml,/srv/app/compose.yml"}),
        listed("job-9", "redis", **{WORKING_DIR: "/srv/other"}),
    ]
    if project_dir == "~/app":
        found = [listed("job-7", "redis", **{WORKING_DIR: "/home/deploy/myapp"})]
    assert belongs(found, project, project_dir, "compose.yml") is expected


@hostile
@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), max_size=5), TEXT, TEXT)
def test_any_labels_are_found_or_missing(rows: list[tuple[str, str, str, str]], project: str, service: str) -> None:
    """Labels are anybody's text."""
    found = [
        Listed(name, name, {PROJECT: name, SERVICE: text, NUMBER: number, ONEOFF: once})
        for name, text, number, once in rows
    ]
    try:
        assert all(one.service == service for one in of_service(found, project, service))
    except ServiceMissing as error:
        assert repr(service) in str(error)  # noqa: PT017 - either outcome is right


def test_a_project_without_any_of_the_services_is_the_wrong_one() -> None:
    """Those that have one are named; hostile labels are not, for the names go into what a person pastes."""
    found = [listed("exam", "redis"), listed("exma", "grafana"), listed("$(id)", "redis")]
    with pytest.raises(WrongProject) as wrong:
        of_service(found, "exma", "redis", ["redis", "backend"])
    assert elsewhere(wrong.value) == ("exam",)


def test_a_project_with_one_of_the_services_is_the_right_one() -> None:
    """Redis was removed; that another project has one is no hint."""
    found = [listed("exam", "backend"), listed("other", "redis")]
    with pytest.raises(ServiceMissing) as missing:
        of_service(found, "exam", "redis", ["redis", "backend"])
    assert elsewhere(missing.value) == ()


def test_an_error_lists_only_so_much() -> None:
    """A host with hundreds of services does not fill the screen."""
    many = [listed("p", f"service{number}") for number in range(300)]
    with pytest.raises(ServiceMissing, match="and 288 more") as caught:
        of_service(many, "p", "redis")
    assert len(str(caught.value)) < 500


# --- paths and redirections -------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(TEXT.filter(lambda text: not text.startswith("~")))
def test_any_path_is_one_word_of_a_script(path: str) -> None:
    """Quoted whole."""
    done = subprocess.run(["/bin/sh", "-c", f"printf %s {quoted(path)}"], capture_output=True, check=True, timeout=10)
    assert done.stdout.decode() == path


@pytest.mark.parametrize(
    ("path", "expected"),
    [("~", "/home/me"), ("~/a b'c", "/home/me/a b'c"), ("~root/$X", f"{Path('~root').expanduser()}/$X"), ("a~", "a~")],
)
def test_a_home_is_the_hosts_to_expand(path: str, expected: str) -> None:
    """Only in front; the rest is quoted."""
    script = f"HOME=/home/me; printf %s {quoted(path)}"
    assert (
        subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, timeout=10).stdout.decode()
        == expected
    )


DEFAULT = "/var/run/docker.sock"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("host=\ncontext=\n", DEFAULT),
        ("host=\ncontext=\ncurrent=default\n", DEFAULT),
        ("host=\ncontext=default\ncurrent=rootless\n", DEFAULT),
        ("host=\ncontext=\ncurrent=rootless\n", None),
        ("host=\ncontext=other\n", None),
        ("host=unix:///run/user/1000/docker.sock\ncontext=other\n", "/run/user/1000/docker.sock"),
        ("host=tcp://10.0.0.1:2375\ncontext=\n", None),
        ("host=ssh://elsewhere\ncontext=\n", None),
        ("context=unknown", None),
    ],
)
def test_where_a_plain_docker_command_leads(answer: str, expected: str | None) -> None:
    """As the command itself decides; where that is not plain, only it knows."""
    assert socket_of(answer) == expected


# --- ssh's words ------------------------------------------------------------------------------------------------------


@hostile
@given(TEXT)
def test_any_destination_is_refused_or_harmless(text: str) -> None:
    """What passes is no option, and holds no line end."""
    try:
        passed = check_destination(text)
    except ValueError:
        return
    assert passed == text
    assert not passed.startswith("-")
    assert passed.isprintable() or not any(character < " " for character in passed)


def test_a_port_written_as_in_scp_is_told_how_to_be_written() -> None:
    """OpenSSH takes host:22 for a name."""
    assert "write ssh://user@host:PORT" in meaning(
        "ssh: Could not resolve hostname staging:22: Name or service not known"
    )
    assert meaning("ssh: Could not resolve hostname staging: No such host is known") == "its name cannot be resolved"


@hostile
@given(TEXT)
def test_any_words_of_ssh_have_a_meaning(text: str) -> None:
    """And fit on one line."""
    assert meaning(text)
    assert "\n" not in plain_words(text)


def test_a_moment_is_not_moved_by_its_zone() -> None:
    """The same instant however it is written."""
    one, other = containers.moment("2026-01-01T01:00:00+01:00"), containers.moment("2026-01-01T00:00:00Z")
    assert one == other
    assert one is not None
    assert one.utcoffset() == timedelta(0)
