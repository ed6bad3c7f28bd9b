"""Getting in over SSH, and failing to: one clear error in time, whatever is wrong."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.target.ssh import SshShell
from plugins.verdict import Unreachable
from tests_plugins.sshds import logins, server, shell
from tests_plugins.staging import ALIAS, SshdOptions
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_plugins.staging import Sshd

ROOT = Path(__file__).resolve().parents[1]

#: Opens a shell in a process of its own, says so, and stays. Arguments: the ssh_config, and the signals at which it
#: runs a command.
OPENS = f"""
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from plugins.target.ssh import SshShell
for number in sys.argv[2:]:
    signal.signal(int(number), lambda *_: os.write(1, shell.run(["echo", "undone"]).text.encode()))
shell = SshShell({ALIAS!r}, ssh_config=Path(sys.argv[1]))
shell.open()
print(shell._master.folder, flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Sshd]:
    """A stock sshd and its user."""
    with server() as made:
        yield made


@contextlib.contextmanager
def listener() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def refusal(host: SshShell, *, within_s: float = 10) -> str:
    """Why it is unreachable; in time."""
    begun = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        host.open()
    assert time.monotonic() - begun < within_s
    return str(caught.value)


def to(port: int, folder: Path) -> SshShell:
    """A shell to whatever listens on a port."""
    config = folder / "ssh_config"
    config.write_text(f"Host {ALIAS}\n  HostName 127.0.0.1\n  Port {port}\n", encoding="utf-8")
    return SshShell(ALIAS, ssh_config=config)


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    """Told at once, with ssh's words."""
    said = refusal(to(free_ports(1)[0], tmp_path), within_s=3)
    assert "nothing listens for SSH there" in said
    assert "Connection refused" in said


def test_a_port_where_nobody_speaks(tmp_path: Path) -> None:
    """A connection that is taken and then silent ends in time."""
    with listener() as port:
        assert "timed out during banner exchange" in refusal(to(port, tmp_path))


def test_a_name_that_nobody_knows(tmp_path: Path) -> None:
    """The name service's answer is told apart."""
    config = tmp_path / "config"
    config.write_text("", encoding="utf-8")
    said = refusal(SshShell("nobody@no-such-host.invalid", ssh_config=config))
    assert "its name cannot be resolved" in said


def test_a_key_that_is_not_let_in() -> None:
    """The user's keys are not the server's."""
    with server() as running, shell(running) as host:
        (running.folder / "authorized_keys").write_text("", encoding="utf-8")
        said = refusal(host)
    assert "does not let this user in with these keys" in said
    assert "Permission denied (publickey)" in said


def test_an_unknown_host_key_without_a_terminal() -> None:
    """Nobody can be asked: an error that says what to do, and that nothing was asked."""
    with server(SshdOptions(host_key_known=False)) as running, shell(running) as host:
        said = refusal(host)
    assert "its host key is not known here" in said
    assert "no terminal here" in said


def test_a_changed_host_key() -> None:
    """Somebody else answers under the known name: told apart from a new host."""
    with server() as running, server() as other, shell(running) as host:
        running.known_hosts.write_text(other.known_hosts.read_text(encoding="utf-8"), encoding="utf-8")
        assert "its host key is not the known one" in refusal(host)


def test_a_key_behind_a_passphrase_without_a_terminal() -> None:
    """The passphrase cannot be asked for: a clear error, not a hang."""
    with server(SshdOptions(passphrase="open sesame")) as running, shell(running) as host:  # noqa: S106 - of a test
        assert "does not let this user in" in refusal(host)


def test_a_missing_ssh_config(tmp_path: Path) -> None:
    """A wrong path in the inventory is not silently another configuration."""
    assert "there is no ssh_config" in refusal(SshShell(ALIAS, ssh_config=tmp_path / "none"))


def test_a_broken_ssh_config(tmp_path: Path) -> None:
    """Ssh's own words name the line."""
    config = tmp_path / "config"
    config.write_text("Nonsense yes\n", encoding="utf-8")
    said = refusal(SshShell(ALIAS, ssh_config=config))
    assert "the ssh configuration cannot be used" in said
    assert "line 1" in said


@pytest.mark.parametrize(
    "destination", ["-oProxyCommand=touch${IFS}/tmp/never", "", " ", "host\nProxyCommand x", "a\0b", "--"]
)
def test_what_ssh_would_take_for_something_else_is_refused(destination: str, tmp_path: Path) -> None:
    """An option, a line end, nothing at all: never given to ssh."""
    config = tmp_path / "config"
    config.write_text("", encoding="utf-8")
    assert "is not given to ssh" in refusal(SshShell(destination, ssh_config=config), within_s=1)


def test_a_failure_is_remembered(tmp_path: Path) -> None:
    """Forty checks of an unreachable host take no longer than one."""
    host = to(free_ports(1)[0], tmp_path)
    first = refusal(host)
    assert refusal(host, within_s=0.1) == first


# --- configurations -------------------------------------------------------------------------------------------------


def test_a_config_with_an_odd_name(running: Sshd, tmp_path: Path) -> None:
    """Blanks, quotes and stars in the inventory's path are only a name."""
    odd = tmp_path / 'my "config" *[1]\\'
    odd.write_bytes(running.client_config.read_bytes())
    host = SshShell(ALIAS, ssh_config=odd)
    host.open()
    host.close()


@pytest.mark.parametrize(
    "line",
    [
        "ControlMaster auto\n  ControlPath {folder}/users-own\n  ControlPersist 60",
        "RemoteCommand echo taken over\n  RequestTTY force",
        "LocalForward {port} 127.0.0.1:1",
        "LogLevel QUIET",
        "PermitLocalCommand yes\n  LocalCommand touch {folder}/local-command",
    ],
    ids=["ControlMaster", "RemoteCommand", "LocalForward", "LogLevel", "LocalCommand"],
)
def test_what_the_users_config_asks_for_besides_does_not_happen(tmp_path: Path, line: str) -> None:
    """Settings made for a person's sessions do not disturb ours, nor leave anything behind."""
    (port,) = free_ports(1)
    extra = line.format(folder=tmp_path, port=port)
    with server(SshdOptions(client_extra=(extra,))) as running, shell(running) as host:
        assert host.run(["echo", "ours"]).stdout == b"ours\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert list(tmp_path.iterdir()) == []


def test_through_a_jump_host(running: Sshd) -> None:
    """The user's ProxyJump is ssh's business, and works."""
    with server() as behind:
        text = behind.client_config.read_text(encoding="utf-8") + "  ProxyJump jump\n"
        jump = running.client_config.read_text(encoding="utf-8").replace(f"Host {ALIAS}", "Host jump")
        config = behind.folder / "jumping"
        config.write_text(text + jump, encoding="utf-8")
        before = logins(running)
        host = SshShell(ALIAS, ssh_config=config)
        try:
            assert host.run(["echo", "well"]).stdout == b"well\n"
        finally:
            host.close()
        assert (logins(behind), logins(running) - before) == (1, 1)


# --- a terminal -----------------------------------------------------------------------------------------------------


def at_a_terminal(running: Sshd, asked: bytes, answer: bytes) -> Path:
    """Open a shell in a process that has a terminal, and answer ssh's question there; then kill it.

    Returns the folder of its sockets. The terminal ends with the process.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", OPENS, str(running.client_config)])  # noqa: S606 - no shell
    seen = b""
    try:
        while asked not in seen:
            seen += os.read(terminal, 1000)
        os.write(terminal, answer)
        while not (folder := re.search(rb"(\S*/rb-\S+)\s", seen)):
            seen += os.read(terminal, 1000)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return Path(folder[1].decode())


def test_an_unknown_host_key_is_asked_at_a_terminal() -> None:
    """A person who says yes gets in."""
    with server(SshdOptions(host_key_known=False)) as running:
        at_a_terminal(running, b"continue connecting", b"yes\n")
        assert ALIAS in running.known_hosts.read_text(encoding="utf-8")


def test_a_passphrase_is_asked_at_a_terminal() -> None:
    """A person who knows it gets in."""
    with server(SshdOptions(passphrase="open sesame")) as running:  # noqa: S106 - of a test
        folder = at_a_terminal(running, b"passphrase", b"open sesame\n")
        assert logins(running) == 1
        eventually(lambda: not folder.exists(), what="nothing is left though the terminal is gone", within_s=5)


# --- what is left ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened_elsewhere(running: Sshd, *heeded: signal.Signals) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process group of its own with an open shell, and the folder of its sockets. At ``heeded`` signals it acts."""
    signals = [str(int(number)) for number in heeded]
    process = subprocess.Popen(
        [sys.executable, "-c", OPENS, str(running.client_config), *signals],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None  # a pipe
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


def sshes(folder: Path) -> list[int]:
    """The ssh processes that use a folder's control socket."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = status.read_bytes().split(b"\0")
            if words[0] == b"ssh" and str(folder / "c").encode() in words:
                found.append(int(status.parent.name))
    return found


def test_the_sockets_are_for_the_user_alone(running: Sshd) -> None:
    """Who could use them could use the host."""
    with shell(running) as host:
        host.open()
        folder = host._master.folder  # noqa: SLF001 - where they are is nobody's business else
        assert folder.stat().st_mode & 0o077 == 0
        assert len(str(folder / "c")) < 60


def test_closing_leaves_nothing(running: Sshd) -> None:
    """No process, no folder; and closing twice is closing once."""
    host = SshShell(ALIAS, ssh_config=running.client_config)
    host.open()
    folder = host._master.folder  # noqa: SLF001 - where they are is nobody's business else
    assert sshes(folder)
    host.close()
    host.close()
    assert not sshes(folder)
    assert not folder.exists()


def test_nothing_is_left_of_a_suite_that_was_killed(running: Sshd) -> None:
    """The connection ends with the process that made it, even by SIGKILL, and its folder goes."""
    with opened_elsewhere(running) as (process, folder):
        assert sshes(folder)
        process.kill()
        eventually(lambda: not sshes(folder) and not folder.exists(), what="all gone", within_s=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_of_a_group_that_was_told_to_end(running: Sshd, number: signal.Signals) -> None:
    """A pipeline that is cancelled tells all its processes, the connection's watcher too."""
    with opened_elsewhere(running) as (process, folder):
        assert sshes(folder)
        os.killpg(process.pid, number)
        eventually(lambda: not sshes(folder) and not folder.exists(), what="all gone", within_s=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_leaves_the_connection(running: Sshd, number: signal.Signals) -> None:
    """Ctrl-C and a cancelled pipeline's SIGTERM go to every process; what has to be undone needs the connection."""
    with opened_elsewhere(running, number) as (process, _):
        os.killpg(process.pid, number)
        assert process.stdout is not None  # a pipe
        assert process.stdout.readline() == "undone\n"


def test_threads_that_open_at_once_open_one(running: Sshd) -> None:
    """The gate's questions all begin by opening."""
    before = logins(running)
    with shell(running) as host:
        threads = [threading.Thread(target=host.open) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert host.run(["true"]).exit_code == 0
    assert logins(running) - before == 1
