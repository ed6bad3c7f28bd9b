"""The host that is this machine."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.eventually import eventually
from plugins.target.local import LocalShell, named
from plugins.target.model import Completed, TargetError, Tcp, TimedOut, Unix
from twin.ports import free_ports

SHELL = LocalShell(os.environ)


def test_runs_a_command() -> None:
    """Both outputs and the exit code come back apart, and input goes in."""
    done = SHELL.run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin=b"in\0\xff")
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"in\0\xff", b"err\n")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5))
def test_any_argument_arrives_as_it_is(words: list[str]) -> None:
    """There is no shell on the way."""
    assert SHELL.run(["printf", "%s\\0", *words]).stdout.decode().split("\0")[:-1] == words


def test_the_environment_is_the_one_that_was_given() -> None:
    """And no other; the usual folders are added to its PATH."""
    shell = LocalShell({"WORD": "given", "PATH": "/first"})
    done = shell.run(["sh", "-c", 'echo "$WORD|$HOME|$PATH"'])
    assert done.text.startswith("given||/first:")
    assert "/usr/sbin" in done.text


@pytest.mark.parametrize(("argv", "code"), [(["no-such-program"], 127), (["/etc/passwd"], 126), (["/no/such/x"], 127)])
def test_a_program_that_cannot_be_run_is_an_exit_code(argv: list[str], code: int) -> None:
    """As a shell says it."""
    done = SHELL.run(argv)
    assert done.exit_code == code
    assert argv[0] in done.errors


@pytest.mark.parametrize("argv", [[], ["a\0b"], ["echo", "a\0b"]])
def test_what_cannot_be_a_command_is_refused(argv: list[str]) -> None:
    """An error, whatever the system would make of it."""
    with pytest.raises(TargetError, match="not a command"):
        SHELL.run(argv)


def test_a_command_that_a_signal_ended_has_a_code() -> None:
    """128 and the signal's number, as over SSH."""
    assert SHELL.run(["sh", "-c", "kill -9 $$"]).exit_code == 137


def test_at_the_deadline_the_command_and_its_children_end(tmp_path: Path) -> None:
    """Nothing goes on running that nobody waits for."""
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"sh on this machine: no answer within 0.3 s"):
        SHELL.run(["sh", "-c", f"sleep 30 & echo $! > {tmp_path}/pid; wait"], timeout_s=0.3)
    assert time.monotonic() - begun < 3
    child = int((tmp_path / "pid").read_text(encoding="utf-8"))
    eventually(lambda: not alive(child), what="the child ends", within_s=3)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_dialling() -> None:
    """TCP addresses and unix sockets are connected to; forwarding is nothing to do."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as by_path:
        by_path.bind(f"{folder}/s")
        by_path.listen()
        with socket.create_server(("127.0.0.1", 0)) as by_port:
            for there in (Unix(f"{folder}/s"), Tcp(*by_port.getsockname())):
                assert SHELL.forward(there) == there
                SHELL.dial(there, timeout_s=2).close()


@pytest.mark.parametrize("there", [Unix("/no/such/socket"), Tcp("no-such-host.invalid", 80), Tcp("x" * 300, 80)])
def test_a_place_that_cannot_be_reached(there: Tcp | Unix) -> None:
    """The error names it and why."""
    with pytest.raises(TargetError, match="cannot connect to"):
        SHELL.dial(there, timeout_s=5)


def test_a_port_where_nobody_listens() -> None:
    """Refused, in the system's words."""
    with pytest.raises(TargetError, match="Connection refused"):
        SHELL.dial(Tcp("127.0.0.1", free_ports(1)[0]), timeout_s=2)


def test_a_command_as_a_connection() -> None:
    """Its input and output are the connection; closing ends it, and its error output tells why it ended."""
    road = SHELL.stream(["sh", "-c", "echo because >&2; cat"], timeout_s=5)
    road.sock.sendall(b"x")
    assert road.sock.recv(1) == b"x"
    road.sock.shutdown(socket.SHUT_WR)
    assert road.sock.recv(1) == b""
    assert road.why() == "because"
    road.close()


def test_names() -> None:
    """An address of version 6 is told from its port."""
    assert [named(Tcp("::1", 80)), named(Tcp("h", 80)), named(Unix("/s"))] == ["[::1]:80", "h:80", "/s"]


def test_output_that_is_not_text_can_be_shown() -> None:
    """Odd bytes are escaped."""
    assert Completed(("x",), 0, b"a\xff").text == "a\\xff"
