"""The Compose stack, asked through a real engine on this machine."""

from __future__ import annotations

import json
import os
import secrets
import socketserver
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from plugins.eventually import eventually
from plugins.inventory import Environment, Host
from plugins.target.compose import ComposeStack
from plugins.target.local import LocalShell
from plugins.target.model import (
    CarrierFailed,
    Completed,
    Container,
    LogUnreadable,
    ServiceAmbiguous,
    ServiceMissing,
    TargetError,
    TimedOut,
)
from plugins.verdict import Unreachable
from tests_plugins.staging import REDIS, need_staging_host
from tests_plugins.staging.janitor import Janitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Log

FILE = "docker-compose.staging.yml"

#: Prints on both outputs in turn, then a line longer than the engine's 16 KiB pieces, then bytes that are not UTF-8.
PRINTS = r"""
echo 'first'; echo 'second <script>' >&2; head -c 40000 /dev/zero | tr '\0' x; echo; printf 'odd \377\n'; exec sleep 600
"""


def service(**further: Any) -> dict[str, Any]:
    return {"image": REDIS, "pull_policy": "never", "stop_grace_period": "0s", **further}


SERVICES = {
    "redis_staging": service(
        command=["--maxmemory", "20mb"], ports=["127.0.0.1::6379"], restart="unless-stopped", mem_limit="64m"
    ),
    "prints": service(entrypoint=["sh", "-c", PRINTS]),
    "terminal": service(entrypoint=["sh", "-c", "echo one; echo two; exec sleep 600"], tty=True),
    "silent": service(entrypoint=["sleep", "600"], logging={"driver": "none"}),
    "three": service(entrypoint=["sleep", "600"], deploy={"replicas": 3}),
    "ended": service(entrypoint=["sh", "-c", "exit 7"]),
}


class Project:
    """A running Compose project."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    def compose(self, *argv: str) -> str:
        """``docker compose`` in its folder."""
        command = ["docker", "compose", "-f", FILE, "-p", self.name, *argv]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def host(self) -> Host:
        """Its inventory entry."""
        return Host(
            name="here",
            environment=Environment.STAGING,
            project_dir=str(self.folder),
            compose_file=FILE,
            compose_project=self.name,
        )


@contextmanager
def project(services: dict[str, Any], *, folder: str = "project", up: bool = True) -> Iterator[Project]:
    """A Compose project for the block."""
    need_staging_host()
    janitor = Janitor()
    try:
        base = Path(tempfile.mkdtemp(prefix="compose-"))
        janitor.remove(base)
        made = Project(base / folder, f"suite-{secrets.token_hex(4)}")
        made.folder.mkdir()
        (made.folder / FILE).write_text(json.dumps({"services": services}), encoding="utf-8")
        janitor.end_project(made.name)
        if up:
            made.compose("up", "--detach")
        yield made
    finally:
        janitor.close()


@contextmanager
def asked(host: Host, **environ: str) -> Iterator[ComposeStack]:
    """The stack of a host that is this machine."""
    stack = ComposeStack(LocalShell({**os.environ, **environ}), host)
    try:
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="module")
def here() -> Iterator[Project]:
    """A project with every service above."""
    with project(SERVICES) as made:
        yield made


@pytest.fixture(scope="module")
def stack(here: Project) -> Iterator[ComposeStack]:
    """Its stack."""
    with asked(here.host) as made:
        yield made


@pytest.fixture
def redis(stack: ComposeStack) -> Container:
    """Its Redis container."""
    (only,) = stack.containers("redis_staging")
    return only


# --- what there is --------------------------------------------------------------------------------------------------


def test_the_engine_introduces_itself(stack: ComposeStack) -> None:
    """Its identity, its clock, where it keeps things."""
    engine = stack.engine()
    assert (engine.kind, engine.rootless) == ("docker", False)
    assert engine.id
    assert engine.version
    assert Path(engine.storage_dir).is_absolute()
    assert engine.clock is not None
    assert abs(engine.clock - datetime.now(UTC)) < timedelta(seconds=10)


def test_a_container_is_described(redis: Container, here: Project) -> None:
    """Everything that checks ask of a container."""
    assert (redis.name, redis.service, redis.number) == (f"{here.name}-redis_staging-1", "redis_staging", 1)
    assert (redis.image, redis.state, redis.running, redis.exit_code) == (REDIS, "running", True, 0)
    assert redis.image_id.startswith("sha256:")
    assert (redis.restart_policy, redis.restart_count, redis.oom_killed, redis.health) == (
        "unless-stopped",
        0,
        False,
        None,
    )
    assert redis.argv[-2:] == ("--maxmemory", "20mb")
    assert (redis.memory_limit, redis.log_driver) == (64 * 1024 * 1024, "json-file")
    assert len(redis.addresses) == 1
    assert [(port.host_ip, port.container_port) for port in redis.ports] == [("127.0.0.1", 6379)]
    assert list(redis.mounts) == ["/data"]
    assert redis.mounts["/data"].startswith("volume:/")
    assert redis.started_at is not None
    assert redis.finished_at is None


def test_a_container_that_ended_is_described(stack: ComposeStack) -> None:
    """It is there, with its exit code and when it ended."""
    (ended,) = eventually(
        lambda: stack.containers("ended"), lambda found: found[0].state == "exited", what="ended", within_s=10
    )
    assert (ended.exit_code, ended.running, ended.addresses, ended.ports) == (7, False, (), ())
    assert ended.finished_at is not None


def test_replicas_come_by_number(stack: ComposeStack) -> None:
    """All of them, in order."""
    assert [one.number for one in stack.containers("three")] == [1, 2, 3]


def test_a_one_off_container_is_not_the_service(stack: ComposeStack, here: Project) -> None:
    """What `docker compose run` leaves behind carries the service's labels, and is left out."""
    here.compose("run", "--detach", "--no-deps", "three")
    assert [one.number for one in stack.containers("three")] == [1, 2, 3]


def test_a_missing_service_names_what_was_found(stack: ComposeStack) -> None:
    """The error lists the project's services."""
    with pytest.raises(ServiceMissing, match=r"'backend': project 'suite-.*' has .*'prints', 'redis_staging'"):
        stack.containers("backend")


def test_a_missing_project_names_what_was_found(here: Project) -> None:
    """The error lists the projects that do have the service."""
    host = replace(here.host, compose_project="no-such")
    with asked(host) as stack, pytest.raises(ServiceMissing, match=f"these have: .*{here.name}"):
        stack.containers("redis_staging")


# --- which project --------------------------------------------------------------------------------------------------

ONLY = {"odd_redis": service(entrypoint=["sleep", "600"])}


def nameless(host: Host, folder: str | None = None) -> Host:
    """Its entry without the project's name, and with its folder somewhere else."""
    return replace(
        host,
        redis_service="odd_redis",
        compose_project=None,
        project_dir=host.project_dir if folder is None else folder,
    )


def test_the_only_project_with_the_service_is_meant() -> None:
    """Wherever it was started from: a CI job's checkout has another name."""
    with project(ONLY) as elsewhere, asked(nameless(elsewhere.host, "/no/such/folder")) as stack:
        (found,) = stack.containers("odd_redis")
        assert found.name == f"{elsewhere.name}-odd_redis-1"
        (note,) = stack.notes()
        assert repr(elsewhere.name) in note


def test_the_folders_own_project_is_taken_without_a_note() -> None:
    """Its labels name the folder."""
    with project(ONLY) as one, asked(nameless(one.host)) as stack:
        assert stack.containers("odd_redis")
        assert stack.notes() == ()


def test_the_folders_own_project_is_meant_though_another_has_more() -> None:
    """Partly down, it is judged all the same: not the one beside it that has all the services."""
    both = {**ONLY, "odd_backend": service(entrypoint=["sleep", "600"])}
    with (
        project(ONLY) as one,
        project(both),
        asked(replace(nameless(one.host), backend_service="odd_backend")) as stack,
    ):
        (found,) = stack.containers("odd_redis")
        assert found.name == f"{one.name}-odd_redis-1"
        with pytest.raises(ServiceMissing, match=f"project '{one.name}' has none"):
            stack.containers("odd_backend")


def test_of_several_projects_the_one_of_this_folder_is_meant() -> None:
    """Its labels say which folder it was started from."""
    with project(ONLY) as one, project(ONLY), asked(nameless(one.host)) as stack:
        (found,) = stack.containers("odd_redis")
        assert found.name == f"{one.name}-odd_redis-1"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", 'A=1\nCOMPOSE_PROJECT_NAME="{name}"\n'),
        (FILE, "services: {{}}\nname: '{name}' # ours\n"),
    ],
    ids=[".env", "compose file"],
)
def test_of_several_projects_the_one_that_compose_would_name_is_meant(file: str, text: str, tmp_path: Path) -> None:
    """As COMPOSE_PROJECT_NAME in .env says, or `name:` in the file, though it was started from elsewhere."""
    with project(ONLY) as one, project(ONLY):
        (tmp_path / file).write_text(text.format(name=one.name), encoding="utf-8")
        with asked(nameless(one.host, str(tmp_path))) as stack:
            (found,) = stack.containers("odd_redis")
        assert found.name == f"{one.name}-odd_redis-1"


def test_several_projects_and_no_hint_are_ambiguous(tmp_path: Path) -> None:
    """The error names them, and the key that decides."""
    with project(ONLY) as one, project(ONLY) as other:
        host = nameless(one.host, str(tmp_path))
        with asked(host) as stack, pytest.raises(ServiceAmbiguous, match="compose_project") as caught:
            stack.containers("odd_redis")
        assert one.name in str(caught.value)
        assert other.name in str(caught.value)


# --- commands inside ------------------------------------------------------------------------------------------------


def test_a_command_inside(stack: ComposeStack, redis: Container) -> None:
    """Both outputs, the exit code, input and environment."""
    script = 'cat; echo "$WORD" >&2; exit 3'
    done = stack.execute(redis, ["sh", "-c", script], env={"WORD": "a 'b'\nc"}, stdin=b"in\0put")
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"in\0put", b"a 'b'\nc\n")


def test_much_goes_in_and_out(stack: ComposeStack, redis: Container) -> None:
    """Neither side waits for the other for ever."""
    data = os.urandom(2_000_000)
    assert stack.execute(redis, ["cat"], stdin=data).stdout == data


def test_a_program_that_the_container_lacks(stack: ComposeStack, redis: Container) -> None:
    """A shell's exit code for it, and the engine's words."""
    done = stack.execute(redis, ["no-such-program"])
    assert done.exit_code in {126, 127}
    assert "no-such-program" in done.text


def test_a_command_inside_that_takes_too_long(stack: ComposeStack, redis: Container) -> None:
    """At the deadline, and the next one works."""
    begun = time.monotonic()
    with pytest.raises(TimedOut, match="sleep in "):
        stack.execute(redis, ["sleep", "5"], timeout_s=0.7)
    assert time.monotonic() - begun < 3
    assert stack.execute(redis, ["true"]).exit_code == 0


def commands_in(stack: ComposeStack, container: Container) -> list[str]:
    """The command lines of all processes inside, each after its number."""
    script = 'for one in /proc/[0-9]*; do echo "${one#/proc/} $(tr "\\0" " " <"$one/cmdline")"; done'
    done: Completed = stack.execute(container, ["sh", "-c", script])
    return done.text.splitlines()


def test_a_command_inside_that_takes_too_long_is_ended(stack: ComposeStack, redis: Container) -> None:
    """With all that it started: nothing of it is left in the container."""
    with pytest.raises(TimedOut):
        stack.execute(redis, ["sh", "-c", "sleep 61 & sleep 62"], timeout_s=0.7)
    assert [line for line in commands_in(stack, redis) if " sleep 6" in line] == []
    assert stack.execute(redis, ["sh", "-c", "sleep 0.1"]).exit_code == 0


def test_a_command_that_cannot_be_ended_is_not_asked_twice_at_once(stack: ComposeStack, redis: Container) -> None:
    """It threw its mark away. Until it has ended, whoever asks again is told so at once; then it is asked anew."""
    hangs = ["env", "-i", "sleep", "2.5"]
    with pytest.raises(TimedOut, match="no answer within"):
        stack.execute(redis, hangs, timeout_s=0.7)
    begun = time.monotonic()
    with pytest.raises(TimedOut, match="asked before has not ended yet"):
        stack.execute(redis, hangs, timeout_s=5)
    assert time.monotonic() - begun < 1
    assert sum(" sleep 2.5" in line for line in commands_in(stack, redis)) == 1
    eventually(
        lambda: stack.execute(redis, hangs, timeout_s=5).exit_code,
        lambda code: code == 0,
        what="the command asked anew",
        within_s=15,
        catch=(TimedOut,),
    )


def test_a_command_in_a_container_that_ended(stack: ComposeStack) -> None:
    """Refused in the engine's words."""
    (ended,) = stack.containers("ended")
    with pytest.raises(TargetError, match="is not running"):
        stack.execute(ended, ["true"])


def test_a_command_in_a_paused_container(stack: ComposeStack, here: Project) -> None:
    """Refused at once, in the engine's words; and the container says that it is paused."""
    here.compose("pause", "terminal")
    try:
        (paused,) = stack.containers("terminal")
        assert (paused.state, paused.running) == ("paused", False)
        with pytest.raises(TargetError, match="paused"):
            stack.execute(paused, ["true"])
    finally:
        here.compose("unpause", "terminal")


def test_a_container_that_is_gone(stack: ComposeStack, redis: Container) -> None:
    """The engine's words again."""
    with pytest.raises(TargetError, match=r"[Nn]o such container"):
        stack.execute(replace(redis, id="0" * 64), ["true"])


def test_an_argument_that_is_not_text(stack: ComposeStack, redis: Container) -> None:
    """The engine takes text only; said before it garbles it."""
    with pytest.raises(TargetError, match="text only"):
        stack.execute(redis, ["echo", "\udcff"])


class OddEngine(socketserver.StreamRequestHandler):
    """Answers one request after the other, by the end of its path."""

    answers: ClassVar[dict[str, tuple[int, bytes]]]

    def handle(self) -> None:
        """Until the client ends."""
        while asked := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            self.rfile.read(length)
            status, body = self.answers.get(asked.split()[1].decode().rpartition("/")[2], (200, b"{}"))
            self.wfile.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


@contextmanager
def odd_engine(**answers: tuple[int, bytes]) -> Iterator[ComposeStack]:
    """The stack of an engine with such answers."""
    with tempfile.TemporaryDirectory(prefix="odd-") as folder:
        path = f"{folder}/s"
        handler = type("Odd", (OddEngine,), {"answers": answers})
        with socketserver.ThreadingUnixStreamServer(path, handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            host = Host(name="odd", environment=Environment.STAGING, project_dir=folder)
            with asked(host, DOCKER_HOST=f"unix://{path}") as stack:
                yield stack
            server.shutdown()


MADE = (201, b'{"Id": "e1"}')


@pytest.mark.parametrize(
    "answers",
    [
        {"exec": (201, b"{}")},
        {"exec": (201, b"[]")},
        {"exec": (201, b"")},
        {"exec": MADE, "start": (200, b"")},
        {"exec": MADE, "start": (200, b""), "json": (200, b"[1]")},
    ],
    ids=["no id", "a list", "nothing", "no exit code", "a list at the end"],
)
def test_an_engine_that_answers_a_command_with_something_else(answers: dict[str, tuple[int, bytes]]) -> None:
    """An error of the target's, not of ours."""
    answers.setdefault("start", (200, b""))
    with odd_engine(**answers) as stack, pytest.raises(TargetError, match="not Docker's API"):
        stack.execute(Container(id="c1", name="redis-1", service="redis"), ["true"])


@pytest.mark.parametrize(("status", "carrier"), [(500, True), (503, True), (409, False)])
def test_an_engine_in_trouble_is_not_the_container(status: int, carrier: bool) -> None:
    """Its own failure to run a command says nothing of who would have answered; a refusal does."""
    with odd_engine(exec=(status, b'{"message": "in trouble"}')) as stack:
        with pytest.raises(TargetError, match="in trouble") as caught:
            stack.execute(Container(id="c1", name="redis-1", service="redis"), ["true"])
        assert isinstance(caught.value, CarrierFailed) is carrier


# --- logs -----------------------------------------------------------------------------------------------------------

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def lines(log: Log) -> list[tuple[str, str]]:
    return [(record.stream, record.text) for record in log.records]


@pytest.fixture
def printed(stack: ComposeStack) -> Log:
    """The log of the container that prints, once it has."""
    (prints,) = stack.containers("prints")
    return eventually(
        lambda: stack.logs(prints, since=LONG_AGO), lambda log: len(log.records) == 4, what="printed", within_s=10
    )


def test_a_log_has_both_streams_long_lines_and_odd_bytes(printed: Log) -> None:
    """Lines are whole, however the engine cut them; it replaces bytes that are not UTF-8 itself."""
    odd = "odd \N{REPLACEMENT CHARACTER}"
    expected = [("stderr", "second <script>"), ("stdout", "first"), ("stdout", odd), ("stdout", "x" * 40000)]
    assert sorted(lines(printed)) == expected
    assert not printed.truncated


def test_a_log_is_stamped_by_the_hosts_clock(printed: Log) -> None:
    """Every record has its moment, oldest first."""
    stamps = [record.at for record in printed.records if record.stream == "stdout"]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] - datetime.now(UTC)) < timedelta(minutes=10)


def test_a_log_from_a_moment_on(stack: ComposeStack, printed: Log) -> None:
    """To the microsecond."""
    (prints,) = stack.containers("prints")
    last = printed.records[-1]
    again = stack.logs(prints, since=last.at)
    assert last in again.records
    assert all(record.at >= last.at for record in again.records)
    assert stack.logs(prints, since=last.at + timedelta(seconds=1)).records == ()


def test_of_a_long_log_the_newest_part_is_read(stack: ComposeStack, printed: Log) -> None:
    """And the log says so."""
    (prints,) = stack.containers("prints")
    short = stack.logs(prints, since=LONG_AGO, max_bytes=1000)
    assert short.truncated
    assert short.records[-1] == printed.records[-1]
    assert len(short.records) < len(printed.records)


def test_the_log_of_a_container_with_a_terminal(stack: ComposeStack) -> None:
    """It has one stream and no frames."""
    (terminal,) = stack.containers("terminal")
    assert lines(stack.logs(terminal, since=LONG_AGO)) == [("stdout", "one"), ("stdout", "two")]


def test_a_driver_that_keeps_nothing(stack: ComposeStack) -> None:
    """Unreadable is not empty."""
    (silent,) = stack.containers("silent")
    assert (silent.log_driver, silent.log_kept) == ("none", 0)
    with pytest.raises(LogUnreadable, match="does not support reading"):
        stack.logs(silent, since=LONG_AGO)


# --- which engine ---------------------------------------------------------------------------------------------------


def wrapper(folder: Path, text: str) -> str:
    """A program that is somebody's `docker`."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_engine_through_the_docker_command(here: Project, tmp_path: Path) -> None:
    """A wrapper (sudo) is used for everything, for only it knows which engine it talks to."""
    path = wrapper(tmp_path, f'echo "$@" >> {tmp_path}/asked; exec docker "$@"')
    with asked(replace(here.host, docker=(path,))) as stack:
        (redis,) = stack.containers("redis_staging")
        assert stack.execute(redis, ["cat"], stdin=b"through").stdout == b"through"
        assert stack.engine().kind == "docker"
    assert set((tmp_path / "asked").read_text(encoding="utf-8").splitlines()) == {"system dial-stdio"}


@pytest.mark.parametrize("way", ["DOCKER_HOST", "DOCKER_CONTEXT", "config.json"])
def test_what_redirects_the_docker_command_redirects_us(here: Project, tmp_path: Path, way: str) -> None:
    """An environment or a context that leads nowhere leads nowhere: not to the default socket instead."""
    (tmp_path / "config.json").write_text('{"auths": {}, "currentContext": "elsewhere"}', encoding="utf-8")
    environ = {
        "DOCKER_HOST": {"DOCKER_HOST": "unix:///no/such.sock"},
        "DOCKER_CONTEXT": {"DOCKER_CONTEXT": "elsewhere"},
        "config.json": {"DOCKER_CONFIG": str(tmp_path)},
    }[way]
    with asked(here.host, **environ) as stack, pytest.raises(Unreachable):
        stack.containers("redis_staging")


def test_a_docker_host_that_leads_to_the_engine(here: Project, tmp_path: Path) -> None:
    """Its socket is asked."""
    link = tmp_path / "s"
    link.symlink_to("/var/run/docker.sock")
    with asked(here.host, DOCKER_HOST=f"unix://{link}") as stack:
        assert stack.containers("redis_staging")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'permission denied while trying to connect' >&2; exit 1", r"permission denied.*group docker"),
        ("echo 'sudo: a password is required' >&2; exit 1", r"a password is required.*without a password"),
        ("echo 'Is the docker daemon running?' >&2; exit 1", r"daemon running.*Start the engine"),
        ("echo 'dial unix /x.sock: connect: no such file or directory' >&2; exit 1", r"no such file.*Start the engine"),
        ("exit 1", r"cannot be reached"),
        ("echo 'not an engine'", r"cannot be reached"),
    ],
)
def test_an_engine_that_cannot_be_reached(here: Project, tmp_path: Path, text: str, words: str) -> None:
    """Its own words, and what to do about them."""
    host = replace(here.host, docker=(wrapper(tmp_path, text),))
    with asked(host) as stack, pytest.raises(Unreachable, match=words):
        stack.engine()


def test_a_docker_command_that_is_not_there(here: Project) -> None:
    """The error names it."""
    with (
        asked(replace(here.host, docker=("/no/such/docker",))) as stack,
        pytest.raises(Unreachable, match="/no/such/docker"),
    ):
        stack.containers("redis_staging")


def test_a_redis_in_another_containers_network_is_where_that_one_is() -> None:
    """Its address, and what it publishes; the backend's own addresses stay its own."""
    sleeps = service(entrypoint=["sleep", "600"])
    services = {
        "proxy": {**sleeps, "ports": ["127.0.0.1::6379"]},
        "redis_staging": service(network_mode="service:proxy"),
        "backend_staging": {**sleeps, "network_mode": "service:proxy"},
    }
    with project(services) as made, asked(made.host) as stack:
        (proxy,), (redis,), (backend,) = map(stack.containers, ("proxy", "redis_staging", "backend_staging"))
        assert redis.network_mode == f"container:{proxy.id}"
        assert (redis.addresses, redis.ports) == (proxy.addresses, proxy.ports)
        assert proxy.addresses
        assert proxy.ports
        assert (backend.addresses, backend.ports) == ((), ())
        assert stack.again(redis) == redis
