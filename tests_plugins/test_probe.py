"""The probes: what PING and the canary's replies mean, told by real servers in real trouble."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from plugins.canary import Write, canary_commands, read_canary
from plugins.facts.asking import Replica, client_arguments, client_env, last_lines, read_backend, write
from plugins.facts.causes import Chain
from plugins.facts.container import stand_alone
from plugins.inventory import Environment, Host
from plugins.probe import (
    CARRIER,
    CREDENTIALS,
    REFUSED,
    TIMEOUT,
    Answer,
    ExecPing,
    Vantage,
    WirePing,
    read_exec_ping,
    read_pong,
    timed,
    well,
)
from plugins.steady import Pulse
from plugins.target.model import CannotAsk, CarrierFailed, Completed, Container, ReplyError, TargetError, TimedOut
from plugins.verdict import NotApplicable
from tests_plugins.servers import SocketWire, running, server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from plugins.target.model import Command, Reply
    from plugins.target.open import Target
    from tests_plugins.servers import Server

REDIS = Container(id="c1", name="redis-1", service="redis")
NAMESPACE = "runbook-suite:"


@pytest.fixture(params=sorted(server_programs().values()), ids=lambda path: path.rpartition("/")[2])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param, "--save", "") as server:
        yield server


class Recorded:
    """A wire that remembers what was asked."""

    def __init__(self, server: Server) -> None:
        self.via = "a socket"
        self.trips: list[Sequence[Command]] = []
        self._wire = server.wire

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """Remember, and ask."""
        self.trips.append(commands)
        return self._wire.ask(commands, timeout_s=timeout_s)

    def close(self) -> None:
        """Nothing to close."""


class Scripted:
    """A stack whose containers answer by program."""

    def __init__(self, by_program: Mapping[str, Completed | TargetError]) -> None:
        self.by_program = by_program
        self.asked: list[tuple[Sequence[str], Mapping[str, str] | None]] = []
        self.said: list[object] = []  # on standard input

    def execute(self, _container: Container, argv: Sequence[str], **options: object) -> Completed:
        """As scripted for the program."""
        self.asked.append((argv, options.get("env")))  # type: ignore[arg-type] # as execute is called
        self.said.append(options.get("stdin"))
        answer = self.by_program[argv[0]]
        if isinstance(answer, TargetError):
            raise answer
        return answer


def exec_ping(by_program: Mapping[str, Completed | TargetError]) -> Answer:
    return ExecPing(Scripted(by_program), REDIS, ("-p", "6379"), {}).ask()  # type: ignore[arg-type] # as much of a stack as it needs


def said(stdout: bytes = b"", stderr: bytes = b"", exit_code: int = 0) -> Completed:
    return Completed(("redis-cli",), exit_code, stdout, stderr)


def test_a_wire_ping_knows_which_process_answered(server: Server) -> None:
    """PONG comes with the server's run_id."""
    answer = WirePing(server.wire).ask()
    assert (answer.ok, answer.run_id) == (True, _run_id(server))


def _run_id(server: Server) -> str:
    info = server.ask("INFO", "server")
    assert isinstance(info, bytes)
    return next(line.partition(b":")[2] for line in info.split(b"\r\n") if line.startswith(b"run_id:")).decode()


def test_the_canary_leaves_nothing_behind(server: Server) -> None:
    """Written, read back, expiring, deleted; then the database is as empty as it was."""
    answer = Write(server.wire, NAMESPACE).ask()
    assert (answer.ok, server.ask("DBSIZE")) == (True, 0)


def test_the_canary_is_one_trip_in_its_own_namespace_and_expires(server: Server) -> None:
    """One trip; the only key it names starts with the namespace and is written with a time to live."""
    wire = Recorded(server)
    Write(wire, "mine:").ask()
    [trip] = wire.trips
    assert {str(command[1])[:8] for command in trip} == {"b'mine:c"}
    assert (trip[0][0], trip[0][2]) == ("PSETEX", 60000)


def test_no_two_canaries_share_a_key(server: Server) -> None:
    """Runs at the same time cannot read each other's canary."""
    wire = Recorded(server)
    probe = Write(wire, NAMESPACE)
    probe.ask()
    probe.ask()
    assert wire.trips[0][0][1] != wire.trips[1][0][1]


def test_a_full_memory_is_named(server: Server) -> None:
    """A Redis that says PONG and refuses every write is not well, and OOM says why."""
    server.ask("CONFIG", "SET", "maxmemory", "1")
    answer = Write(server.wire, NAMESPACE).ask()
    assert (answer.ok, answer.code) == (False, "OOM")
    assert "memory limit" in answer.detail


def test_a_replica_is_named(server: Server) -> None:
    """A read-only replica refuses the canary in its own words."""
    server.ask("REPLICAOF", "127.0.0.1", "1")
    answer = Write(server.wire, NAMESPACE).ask()
    assert (answer.ok, answer.code) == (False, "READONLY")


def test_a_declared_replica_is_not_asked_to_write(server: Server) -> None:
    """Where the inventory says replica, the refusal is no verdict: not applicable, and no obstacle to green."""
    server.ask("REPLICAOF", "127.0.0.1", "1")
    refused = Write(server.wire, NAMESPACE, replica=True).ask()
    assert (refused.ok, "a declared replica takes no writes" in refused.detail) == (None, True)
    with pytest.raises(NotApplicable, match="a declared replica takes no writes"):
        Chain(stand_alone([REDIS], None)).judge_write(refused)
    assert Pulse((well(Vantage.PING, "PONG"), refused)).well


def test_the_inventory_declares_the_replica(server: Server) -> None:
    """The role in the inventory is what the canary goes by."""
    server.ask("REPLICAOF", "127.0.0.1", "1")
    for role, ok in (("replica", None), ("master", False)):
        host = SimpleNamespace(namespace=NAMESPACE, role=role)
        target = SimpleNamespace(host=host, wire=lambda _: SocketWire(server.path))
        assert write(cast("Target", target), REDIS).ok is ok


def test_too_few_replicas_are_named(server: Server) -> None:
    """NOREPLICAS is told as such."""
    server.ask("CONFIG", "SET", "min-replicas-to-write", "1")
    assert Write(server.wire, NAMESPACE).ask().code == "NOREPLICAS"


def test_a_limited_user_cannot_be_judged_by_the_canary(server: Server) -> None:
    """An ACL user without the namespace is no broken Redis: unjudged, and told what to do."""
    server.ask("ACL", "SETUSER", "default", "resetkeys", "~cache:*")
    answer = Write(server.wire, NAMESPACE).ask()
    assert (answer.ok, answer.code) == (None, "NOPERM")
    assert "grant ~runbook-suite:*, or set canary = false / namespace" in answer.detail


@pytest.mark.parametrize("command", ["psetex", "get", "pttl"])
def test_a_user_who_lacks_a_command_of_the_canary_is_told_which(server: Server, command: str) -> None:
    """Another key pattern would not help."""
    server.ask("ACL", "SETUSER", "default", f"-{command}")
    answer = Write(server.wire, NAMESPACE).ask()
    assert (answer.ok, answer.code) == (None, "NOPERM")
    assert f"grant +{command}, or set canary" in answer.detail


def test_a_user_who_may_not_ping_is_not_judged_by_it(server: Server) -> None:
    """NOPERM for PING proves that somebody answers, and nothing else."""
    server.ask("ACL", "SETUSER", "limited", "on", "nopass", "+info")
    with closing(SocketWire(server.path)) as wire:
        wire.ask([("AUTH", "limited", "x")])
        assert WirePing(wire).ask().ok is None


def test_no_password_given_is_refused_credentials(server: Server) -> None:
    """NOAUTH is told as the suite's credentials being refused."""
    server.ask("CONFIG", "SET", "requirepass", "secret")
    with closing(SocketWire(server.path)) as wire:
        answer = WirePing(wire).ask()
    assert (answer.ok, answer.code) == (False, CREDENTIALS)
    assert answer.detail.startswith("the suite's credentials were refused")


@pytest.mark.parametrize(
    ("error", "code"),
    [(TimedOut("5 s"), TIMEOUT), (TargetError("WRONGPASS invalid"), CREDENTIALS), (TargetError("reset"), "")],
    ids=["time-out", "wrong password", "reset"],
)
def test_what_goes_wrong_outside_is_an_answer(error: TargetError, code: str) -> None:
    """A probe answers, whatever happens to the connection."""

    def fail() -> Answer:
        raise error

    answer = timed(Vantage.PING, fail)
    assert (answer.ok, answer.code, answer.vantage) == (False, code, "ping")


def test_a_failure_of_the_carrier_is_no_answer_of_redis() -> None:
    """SSH or the engine failed: Redis could not be asked, which is not that it is unwell."""
    answer = exec_ping({"redis-cli": CarrierFailed("the SSH connection has ended")})
    assert (answer.ok, answer.code) == (None, CARRIER)
    assert "could not be asked: the SSH connection has ended" in answer.detail


def test_what_a_host_cannot_be_asked_at_all_is_no_failure_of_the_carrier() -> None:
    """It will not be otherwise next time: nothing that a steady state would have to wait for."""
    answer = exec_ping({"redis-cli": CannotAsk("no shell there")})
    assert (answer.ok, answer.code) == (None, "")


@pytest.mark.parametrize(
    ("replies", "ok", "words"),
    [
        (["OK", b"v", 59_990, 1], True, "written, read back"),
        (["OK", b"w", 59_990, 1], False, "wrote v, read w"),
        (["OK", None, -2, 0], False, "gone at once"),
        (["OK", b"v", -1, 1], False, "PTTL says -1"),
        ([None, b"v", 5, 1], False, "PSETEX of a new key answered nil"),
        ([ReplyError("MISCONF Redis is configured to save"), None, -2, 0], False, "last save to disk failed"),
        ([ReplyError("ERR something new"), None, -2, 0], False, "ERR something new"),
        (["OK", ReplyError("NOPERM no get"), 5, 1], None, "grant +get"),
    ],
)
def test_every_way_a_canary_can_end(replies: list[Reply], ok: bool | None, words: str) -> None:
    """What each set of replies means."""
    sent = [reply.encode() if isinstance(reply, str) else reply for reply in replies]
    answer = read_canary(sent, b"v", NAMESPACE)
    assert (answer.ok, words in answer.detail) == (ok, True)


def test_the_canary_is_deleted_last() -> None:
    """It is looked at before it is taken away."""
    assert [command[0] for command in canary_commands(b"k", b"v")] == ["PSETEX", "GET", "PTTL", "DEL"]


@pytest.mark.parametrize(
    ("reply", "ok", "code"),
    [
        ("PONG", True, ""),
        ("LOADING Redis is loading the dataset in memory", False, "LOADING"),
        ("MISCONF Redis is configured to save RDB snapshots", False, "MISCONF"),
        ("ERR max number of clients reached", False, "ERR"),
        ("NOAUTH Authentication required.", False, CREDENTIALS),
        ("", False, ""),
    ],
)
def test_every_reply_to_ping(reply: str, ok: bool, code: str) -> None:
    """Only PONG is well; errors keep their code."""
    answer = read_pong(Vantage.PING, reply)
    assert (answer.ok, answer.code) == (ok, code)


@pytest.mark.parametrize("named", [b"OK\n", b"NOPERM this user may not run 'client|setname'\n"])
def test_the_container_tells_the_same_process_as_the_wire(named: bytes) -> None:
    """The run_id comes with the PONG, from INFO's lines with their carriage returns; a name may be refused."""
    answer = read_exec_ping(said(b"PONG\n" + named + b"# Server\r\nredis_version:7.0.15\r\nrun_id:abc123\r\n"))
    assert (answer.ok, answer.run_id) == (True, "abc123")


def test_the_suite_says_who_it_is_inside_the_container_too() -> None:
    """On a busy host its own INFO may be slow, and is to be told from that of others; PING is answered first."""
    stack = Scripted({"redis-cli": said(b"PONG\n")})
    ExecPing(stack, REDIS, (), {}).ask()  # type: ignore[arg-type] # as much of a stack as it needs
    assert stack.said == [b"PING\nCLIENT SETNAME runbook-suite\nINFO server\n"]


def test_a_refused_password_is_told_by_its_complaint() -> None:
    """redis-cli says so on standard error, and exits 0."""
    complaint = b"AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\n"
    answer = read_exec_ping(said(b"NOAUTH Authentication required.\n", complaint))
    assert (answer.ok, answer.code) == (False, CREDENTIALS)


def test_a_server_that_wants_no_password_answers() -> None:
    """A password that the inventory names and the server does not know keeps nobody out: PONG is PONG."""
    complaint = b"AUTH failed: ERR AUTH <password> called without any password configured for the default user."
    assert read_exec_ping(said(b"PONG\n", complaint)).ok is True


@pytest.mark.parametrize("product", ["Redis", "Valkey"])
def test_a_port_where_nothing_listens_is_told_from_a_redis_that_is_silent(product: str) -> None:
    """The inventory's port may be what is wrong."""
    complaint = f"Could not connect to {product} at 127.0.0.1:6380: Connection refused\n".encode()
    assert read_exec_ping(said(b"", complaint)).code == REFUSED


def test_a_client_that_cannot_connect_is_quoted() -> None:
    """What redis-cli complains of is the detail."""
    answer = read_exec_ping(
        said(stderr=b"Could not connect to Redis at 127.0.0.1:6379: Connection refused\n", exit_code=1)
    )
    assert (answer.ok, "Connection refused" in answer.detail) == (False, True)


def test_valkey_cli_is_asked_where_redis_cli_is_missing() -> None:
    """A Valkey image has a client of its own name."""
    answer = exec_ping({"redis-cli": said(b"not found", exit_code=127), "valkey-cli": said(b"PONG\n")})
    assert answer.ok is True


def test_a_container_without_a_client_cannot_be_asked() -> None:
    """That is no broken Redis, but no answer either."""
    missing = TargetError('exec: "redis-cli": executable file not found in $PATH')
    answer = exec_ping({"redis-cli": missing, "valkey-cli": missing})
    assert answer.ok is None


def test_the_password_never_reaches_the_command_line() -> None:
    """It travels in the environment of the client."""
    host = Host(
        name="h",
        environment=Environment.STAGING,
        redis_password_env="P",  # noqa: S106 - a variable's name
        redis_username_env="U",
        redis_port=7000,
    )
    environ = {"P": "planted", "U": "ops"}
    assert client_arguments(host, environ) == ("-p", "7000", "--user", "ops")
    assert client_env(host, environ) == {"REDISCLI_AUTH": "planted", "VALKEYCLI_AUTH": "planted"}


def test_all_replicas_must_pass_and_the_failed_one_is_named() -> None:
    """One bad replica of three is red, by its name, with the end of its traceback."""
    traceback = b'Traceback (most recent call last):\n  File "<string>", line 1\nAssertionError: Redis not available\n'
    replicas = [Replica("b-1", said()), Replica("b-2", said(stderr=traceback, exit_code=1)), Replica("b-3", said())]
    answer = read_backend(replicas)
    assert (answer.ok, answer.detail.startswith("b-2: exit 1: ")) == (False, True)
    assert "AssertionError: Redis not available" in answer.detail
    assert "b-1" not in answer.detail


def test_a_check_that_is_not_there_is_no_verdict() -> None:
    """126 and 127 say that the inventory's command does not fit the image."""
    assert read_backend([Replica("b-1", said(stderr=b"python: not found", exit_code=127))]).ok is None


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (b'OCI runtime exec failed: exec: "nosuchprog": executable file not found in $PATH\n', "nosuchprog"),
        (b"", "b-1: exit 127, without a word"),
    ],
)
def test_a_check_that_is_not_there_is_named(done: bytes, words: str) -> None:
    """The engine itself complains on standard output; a reason never ends in a colon."""
    answer = read_backend([Replica("b-1", said(done, exit_code=127))])
    assert answer.ok is None
    assert words in answer.detail


def test_last_lines_are_bounded() -> None:
    """Whatever the backend printed, the detail stays short."""
    assert len(last_lines("x" * 1_000_000)) <= 400


def test_an_older_client_that_needs_no_password_is_let_in() -> None:
    """Redis 6.2's client warns without a reason where a password is given and none is set; PING is answered."""
    done = Completed(("redis-cli",), 0, b"PONG\n# Server\nrun_id:abc\n", b"Warning: AUTH failed\n")
    assert read_exec_ping(done).ok
