"""The process twin's stack: what a service looks like, what can be executed in it, and what it has logged."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.target.model import PortBinding, ServiceMissing, TargetError, TimedOut
from plugins.target.processes import ProcessStack
from plugins.verdict import Unreachable
from tests_plugins.pids import alive
from twin import up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Container
    from twin.handle import Twin

REDIS, BACKEND = "redis_staging", "backend_staging"


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with up(kind="processes") as made:
        yield made


@pytest.fixture
def stack(twin: Twin) -> Iterator[ProcessStack]:
    """The twin's stack; whatever a test did to the services is mended afterwards."""
    assert twin.supervisor is not None
    made = ProcessStack(twin.supervisor)
    yield made
    for service in (REDIS, BACKEND):
        (container,) = made.containers(service)
        if container.state == "paused":
            twin.unpause(service)
        elif not container.running:
            twin.start(service)
    eventually(
        lambda: [made.containers(service)[0].health for service in (REDIS, BACKEND)],
        lambda health: health == ["healthy", "healthy"],
        what="a mended twin",
        within_s=10,
    )


@pytest.fixture
def redis(stack: ProcessStack) -> Container:
    (container,) = stack.containers(REDIS)
    return container


@pytest.fixture
def backend(stack: ProcessStack) -> Container:
    (container,) = stack.containers(BACKEND)
    return container


def test_redis_is_described_as_a_container(twin: Twin, redis: Container) -> None:
    """A running Redis has everything that a check may ask of a container."""
    port = twin.host.redis_port
    assert (redis.state, redis.health, redis.restart_count, redis.restart_policy) == (
        "running",
        "healthy",
        0,
        "unless-stopped",
    )
    assert redis.ports == (PortBinding("127.0.0.1", port, port),)
    assert redis.argv[-4:] == ("--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru")
    assert redis.name == f"{twin.host.compose_project}-{REDIS}-1"
    assert redis.started_at is not None
    assert timedelta(0) < datetime.now(UTC) - redis.started_at < timedelta(minutes=10)


def test_the_engine_says_what_it_is(stack: ProcessStack, twin: Twin) -> None:
    """The supervisor has an identity, a clock, and the place where Redis keeps its data."""
    engine = stack.engine()
    assert (engine.kind, engine.id) == ("processes", twin.host.chaos.engine_id)
    assert engine.clock is not None
    assert abs(datetime.now(UTC) - engine.clock) < timedelta(seconds=5)
    assert Path(engine.storage_dir).is_dir()


def test_a_missing_service_is_named_with_those_that_exist(stack: ProcessStack) -> None:
    """Asking for another service names what there is."""
    with pytest.raises(ServiceMissing, match=r"'cache'.*redis_staging, backend_staging"):
        stack.containers("cache")


def test_redis_sees_the_backend_at_its_own_address(twin: Twin, backend: Container, redis: Container) -> None:
    """The backend's connection in CLIENT LIST comes from the backend's address, the suite's own does not."""

    def of_the_backend() -> list[str]:
        clients = twin.redis("CLIENT", "LIST")
        assert isinstance(clients, bytes)
        return [line for line in clients.decode().splitlines() if " name=backend " in line]

    found = eventually(of_the_backend, what="the backend's connection is in CLIENT LIST", within_s=10)
    assert all(f" addr={backend.addresses[0]}:" in line for line in found)
    assert backend.addresses != redis.addresses or backend.addresses == ("127.0.0.1",)


def test_redis_cli_finds_the_service_without_a_port(stack: ProcessStack, redis: Container, twin: Twin) -> None:
    """As in a container, ``redis-cli`` alone speaks to this Redis, and an explicit port is heeded."""
    twin.redis("SET", "whose", "mine")
    assert stack.execute(redis, ["redis-cli", "GET", "whose"]).stdout == b"mine\n"
    refused = stack.execute(redis, ["redis-cli", "-p", "1", "PING"])
    assert refused.exit_code == 1
    assert "refused" in refused.errors


def test_the_backend_check_passes_in_time(stack: ProcessStack, backend: Container, twin: Twin) -> None:
    """The runbook's own check runs in the backend's surroundings."""
    done = stack.execute(backend, twin.host.backend_check)
    assert (done.exit_code, done.stderr) == (0, b"")


def test_standard_input_and_environment_reach_the_command(stack: ProcessStack, redis: Container) -> None:
    """What is given to a command arrives byte by byte."""
    data = bytes(range(256)) * 1000
    done = stack.execute(
        redis, ["sh", "-c", 'printf %s "$PLANTED"; cat'], env={"PLANTED": "a 'b' \"c\"\n$d"}, stdin=data
    )
    assert done.stdout == b"a 'b' \"c\"\n$d" + data


@pytest.mark.parametrize(
    "word", ["", "-n", "a b", "'\"`$(id)\\", "line\nline", "*", "\udcff\udc80", "é", "-oProxyCommand=x"]
)
def test_arguments_arrive_as_they_are(stack: ProcessStack, redis: Container, word: str) -> None:
    """No shell ever reads an argument, and bytes that are no text survive."""
    done = stack.execute(redis, ["printf", "%s|", word, "end"])
    assert done.stdout == word.encode(errors="surrogateescape") + b"|end|"


def test_standard_error_and_exit_code_are_told_apart(stack: ProcessStack, redis: Container) -> None:
    """The streams are not mixed, and the exit code is the command's own."""
    done = stack.execute(redis, ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("argv", "exit_code", "words"),
    [
        (["no-such-program"], 127, "executable file not found in $PATH"),
        (["/etc/passwd"], 126, "Permission denied"),
        (["echo", "a\0b"], 126, "embedded null byte"),
        ([], 126, "no command"),
    ],
)
def test_what_cannot_be_run_says_so(
    stack: ProcessStack, redis: Container, argv: list[str], exit_code: int, words: str
) -> None:
    """A program that is not there is an exit code with a reason, not a crash."""
    done = stack.execute(redis, argv)
    assert done.exit_code == exit_code
    assert words in done.errors


def test_a_command_that_takes_too_long_is_killed(stack: ProcessStack, redis: Container, tmp_path: Path) -> None:
    """After the time-out the command is gone, together with what it started."""
    pids = tmp_path / "pids"
    with pytest.raises(TimedOut, match=r"no end after 0\.3 s"):
        stack.execute(redis, ["sh", "-c", 'sleep 60 & echo $! > "$0"; wait', str(pids)], timeout_s=0.3)
    eventually(lambda: not alive(int(pids.read_text())), what="no sleep is left", within_s=3)


@pytest.mark.parametrize(("verb", "words"), [("pause", "is paused, unpause"), ("stop", "is not running")])
def test_nothing_is_executed_in_a_service_that_does_not_run(
    stack: ProcessStack, twin: Twin, redis: Container, verb: str, words: str
) -> None:
    """Paused or stopped: refused at once, in the engine's words."""
    getattr(twin, verb)(REDIS)
    begun = time.monotonic()
    with pytest.raises(TargetError, match=words):
        stack.execute(redis, ["redis-cli", "PING"])
    assert time.monotonic() - begun < 1


def test_a_paused_service_is_not_running(stack: ProcessStack, twin: Twin, redis: Container) -> None:
    """The state says paused, and the process is the same one afterwards."""
    twin.pause(REDIS)
    (paused,) = stack.containers(REDIS)
    twin.unpause(REDIS)
    (again,) = stack.containers(REDIS)
    assert (paused.state, paused.running) == ("paused", False)
    assert (again.state, again.started_at) == ("running", redis.started_at)


def test_logs_begin_at_the_instant_asked_for(stack: ProcessStack, twin: Twin, backend: Container) -> None:
    """Only records from ``since`` on, stamped in between, of the stream they were written to."""
    twin.misbehave(log="before")
    since = datetime.now(UTC)
    twin.misbehave(log="Traceback (most recent call last):\n  File x\nConnectionRefusedError: 111")
    twin.misbehave(log="to stdout", stream="stdout")
    log = stack.logs(backend, since=since)
    told = [(record.stream, record.text) for record in log.records if "HTTP/1" not in record.text]
    assert told == [
        ("stderr", "Traceback (most recent call last):"),
        ("stderr", "  File x"),
        ("stderr", "ConnectionRefusedError: 111"),
        ("stdout", "to stdout"),
    ]
    assert all(since <= record.at <= datetime.now(UTC) for record in log.records)


def test_bytes_that_are_no_text_show_in_the_log(stack: ProcessStack, twin: Twin, backend: Container) -> None:
    """A hostile line arrives whole and readable."""
    since = datetime.now(UTC)
    twin.misbehave(log=b"caf\xe9 <script>\x00\x1b[31m")
    texts = [record.text for record in stack.logs(backend, since=since).records]
    assert "caf\\xe9 <script>\x00\x1b[31m" in texts


def test_a_long_log_is_cut_at_its_old_end(stack: ProcessStack, twin: Twin, backend: Container) -> None:
    """Only the newest part is read, and said to be a part."""
    since = datetime.now(UTC)
    twin.misbehave(log="\n".join(f"line {number} {'x' * 100}" for number in range(1000)))
    log = stack.logs(backend, since=since, max_bytes=20_000)
    assert log.truncated
    assert 100 < len(log.records) < 200
    assert any(record.text.startswith("line 999 ") for record in log.records)
    assert not any(record.text.startswith("line 0 ") for record in log.records)


def test_a_supervisor_that_is_gone_is_unreachable(tmp_path: Path) -> None:
    """No supervisor: the engine is unreachable, anything else an error that names the socket."""
    gone = ProcessStack(tmp_path / "s")
    with pytest.raises(Unreachable, match="is gone"):
        gone.engine()
    with pytest.raises(TargetError, match=str(tmp_path)):
        gone.containers(REDIS)
