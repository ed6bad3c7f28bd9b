"""The host over SSH: a real sshd on loopback, the user's ordinary ssh."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.eventually import eventually
from plugins.target.model import CarrierFailed, TargetError, TimedOut
from tests_plugins.sshds import logins, server, shell
from tests_plugins.staging import Login, SshdOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.ssh import SshShell
    from tests_plugins.staging import Sshd


@pytest.fixture(scope="module")
def running() -> Iterator[Sshd]:
    """A stock sshd and its user."""
    with server() as made:
        yield made


@pytest.fixture(scope="module")
def host(running: Sshd) -> Iterator[SshShell]:
    """An open shell to it."""
    with shell(running) as made:
        made.open()
        yield made


# --- commands -------------------------------------------------------------------------------------------------------


def test_runs_a_command(host: SshShell) -> None:
    """Both outputs and the exit code come back apart."""
    done = host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_input_reaches_the_command_byte_by_byte(host: SshShell) -> None:
    """A megabyte of every byte goes in and comes out."""
    data = bytes(range(256)) * 4096
    assert host.run(["cat"], stdin=data).stdout == data


def test_no_input_is_the_end_of_input(host: SshShell) -> None:
    """A command that reads finds nothing."""
    assert host.run(["cat"]).stdout == b""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5))
def test_any_argument_arrives_as_it_is(host: SshShell, words: list[str]) -> None:
    """Quotes, blanks, line ends, stars, dollars: no shell on the way takes them for its own."""
    assert host.run(["printf", "%s\\0", *words]).stdout.decode().split("\0")[:-1] == words


def test_bytes_that_are_not_utf8_arrive(host: SshShell) -> None:
    """An argument may hold any byte but NUL."""
    odd = bytes(range(1, 256)).decode(errors="surrogateescape")
    assert host.run(["printf", "%s", odd]).stdout == bytes(range(1, 256))


@pytest.mark.parametrize("argv", [[], ["a\0b"], ["x" * 200_000]], ids=["nothing", "NUL", "too long"])
def test_what_cannot_be_a_command_is_refused(host: SshShell, argv: list[str]) -> None:
    """It is an error here, not a riddle there."""
    with pytest.raises(TargetError, match=r"not a command|too long"):
        host.run(argv)


def test_a_missing_program_is_an_exit_code(host: SshShell) -> None:
    """127, as a shell says it, with the shell's words, and none of what the command was wrapped in."""
    done = host.run(["no-such-program"])
    assert done.exit_code == 127
    assert "no-such-program" in done.errors
    assert "PATH=" not in done.errors


def test_exit_code_255_is_the_commands_own(host: SshShell) -> None:
    """What ssh uses for itself is a command's right, too."""
    assert host.run(["sh", "-c", "exit 255"]).exit_code == 255


def test_a_command_that_a_signal_ended_has_a_code(host: SshShell) -> None:
    """128 and the signal's number."""
    assert host.run(["sh", "-c", "kill -9 $$"]).exit_code == 137


def test_a_command_that_takes_too_long_times_out(host: SshShell) -> None:
    """At the deadline, not when the command ends; and the next command works."""
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"sleep on staging: no answer within 0.3 s"):
        host.run(["sleep", "5"], timeout_s=0.3)
    assert time.monotonic() - begun < 2
    assert host.run(["true"]).exit_code == 0


def test_tools_outside_the_sessions_path_are_found() -> None:
    """Where the host's PATH for such sessions is short, the usual folders are looked through all the same."""
    with server(SshdOptions(path="/nowhere")) as running, shell(running) as host:
        assert host.run(["ls", "/"]).exit_code == 0


LOUD = "echo 'Welcome to staging!'; echo 'a warning' >&2\n"


@pytest.mark.parametrize(
    ("login", "startup"),
    [
        ("bash", LOUD),
        ("fish", LOUD),
        ("fish", ""),
        ("sh", ""),
    ],
)
def test_any_login_shell_will_do(login: Literal["bash", "fish", "sh"], startup: str) -> None:
    """Its language does not matter, and what it prints is not the command's output."""
    with server(login=Login(docker="none", shell=login, startup=startup)) as running, shell(running) as host:
        done = host.run(["printf", "%s|", "it's", "a\\b", "$HOME", "!x", "new\nline"], stdin=b"x")
    assert (done.stdout, done.stderr) == (b"it's|a\\b|$HOME|!x|new\nline|", b"")


def test_a_banner_before_the_login_does_no_harm() -> None:
    """What sshd says first is nobody's output."""
    with server(SshdOptions(banner="Authorized users only\n")) as running, shell(running) as host:
        assert host.run(["echo", "well"]).stdout == b"well\n"


def test_an_account_that_runs_something_else_says_so() -> None:
    """A forced command is told from an answer; its words are shown."""
    forced = SshdOptions(extra=("ForceCommand echo This account is closed; exit 1",))
    with server(forced) as running, shell(running) as host, pytest.raises(TargetError, match="This account is closed"):
        host.run(["true"])


# --- one connection -------------------------------------------------------------------------------------------------


def test_everything_rides_on_one_connection(running: Sshd, host: SshShell) -> None:
    """Twenty commands, and one login."""
    before = logins(running)
    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(lambda _: host.run(["true"]).exit_code, range(20)))
    assert codes == [0] * 20
    assert logins(running) == before


def test_more_commands_than_the_server_allows_sessions_wait_their_turn() -> None:
    """At MaxSessions nobody opens a connection of his own: the commands come one after the other."""
    with server(SshdOptions(max_sessions=2)) as running, shell(running) as host:
        with ThreadPoolExecutor(6) as pool:
            codes = list(pool.map(lambda _: host.run(["sleep", "0.1"]).exit_code, range(6)))
        assert codes == [0] * 6
        assert logins(running) == 1


def test_a_server_that_allows_no_session_says_so() -> None:
    """Not a hang, and not another connection."""
    with server(SshdOptions(max_sessions=0)) as running, shell(running) as host:
        with pytest.raises(CarrierFailed, match="refuses a session"):
            host.run(["true"])
        assert logins(running) == 1


def test_a_dead_connection_is_an_error_and_stays_dead() -> None:
    """Nothing silently connects again; the error says that the connection ended."""
    with server() as running, shell(running) as host:
        host.open()
        before = logins(running)
        running.drop_connections()
        with pytest.raises(CarrierFailed, match="has ended"):
            eventually(lambda: host.run(["true"]), lambda _: False, what="an error", within_s=5)
        assert logins(running) == before


def test_a_connection_that_dies_under_a_command_is_not_its_exit_code() -> None:
    """The command's fate is unknown, and the error says why."""
    with server() as running, shell(running) as host:
        host.open()
        threading.Timer(0.5, running.drop_connections).start()
        with pytest.raises(CarrierFailed, match=r"has ended|as if killed"):
            host.run(["sleep", "10"])
