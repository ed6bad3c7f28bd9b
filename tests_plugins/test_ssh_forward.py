"""Connections to places on the host, over the one SSH connection."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.inventory import Environment, Host
from plugins.target.model import CarrierFailed, ForwardingRefused, TargetError, Tcp, TimedOut, Unix
from plugins.target.redis import Login, WireRedis
from tests_plugins.sshds import logins, server, shell
from tests_plugins.staging import SshdOptions
from twin.ports import free_ports

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


@contextlib.contextmanager
def answering(listening: socket.socket) -> Iterator[None]:
    """What is said on a connection comes back, and then it is closed."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = listening.accept()
                with taken:
                    while data := taken.recv(1000):
                        taken.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.fixture
def echo() -> Iterator[Tcp]:
    """A TCP address that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as listening, answering(listening):
        yield Tcp("127.0.0.1", listening.getsockname()[1])


@pytest.fixture
def echo_socket() -> Iterator[Unix]:
    """A unix socket that does."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = Path(folder) / "s"
        listening.bind(str(path))
        Path(folder).chmod(0o755)
        path.chmod(0o777)
        listening.listen()
        with answering(listening):
            yield Unix(str(path))


def said_back(sock: socket.socket, words: bytes = b"hello") -> bytes:
    """What comes back until the end."""
    sock.settimeout(5)
    sock.sendall(words)
    sock.shutdown(socket.SHUT_WR)
    pieces = []
    while piece := sock.recv(1000):
        pieces.append(piece)
    return b"".join(pieces)


def test_dialling_an_address(host: SshShell, echo: Tcp) -> None:
    """Bytes go there and come back, and an end of the input is passed on."""
    road = host.dial(echo, timeout_s=5)
    assert said_back(road.sock) == b"hello"
    road.close()


def test_dialling_a_unix_socket(host: SshShell, echo_socket: Unix) -> None:
    """The same."""
    road = host.dial(echo_socket, timeout_s=5)
    assert said_back(road.sock) == b"hello"
    road.close()


def test_forwarding(host: SshShell, echo: Tcp, echo_socket: Unix) -> None:
    """A local unix socket leads to either kind of place, as often as wanted, and asking again gives the same."""
    for there in (echo, echo_socket):
        here = host.forward(there)
        assert isinstance(here, Unix)
        assert host.forward(there) == here
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(here.path)
                assert said_back(sock) == b"hello"


def test_an_address_where_nobody_listens(host: SshShell) -> None:
    """Refused, in the words of the host's system, and told from a prohibition."""
    with pytest.raises(
        TargetError, match=r"cannot connect to 127.0.0.1:\d+ from staging: Connection refused"
    ) as caught:
        host.dial(Tcp("127.0.0.1", free_ports(1)[0]), timeout_s=5)
    assert not isinstance(caught.value, ForwardingRefused)


def test_a_name_that_the_host_does_not_know(host: SshShell) -> None:
    """Names are looked up on the host."""
    with pytest.raises(TargetError, match=r"not known|resolution"):
        host.dial(Tcp("no-such-host.invalid", 80), timeout_s=5)


def test_a_unix_socket_that_is_not_there(host: SshShell) -> None:
    """The connection ends, and says why."""
    road = host.dial(Unix("/no/such/socket"), timeout_s=5)
    road.sock.settimeout(5)
    assert road.sock.recv(1) == b""
    assert "cannot connect to /no/such/socket" in road.why()
    road.close()


def test_an_address_that_never_answers(host: SshShell) -> None:
    """A connection that hangs is given up at the deadline."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # the backlog is full: the next one waits for ever
            begun = time.monotonic()
            with pytest.raises(TimedOut):
                host.dial(Tcp(*full.getsockname()), timeout_s=0.5)
            assert time.monotonic() - begun < 2
    assert host.run(["true"]).exit_code == 0


def test_forbidden_tcp_forwarding_is_told() -> None:
    """The prohibition is not mistaken for a service that is down; unix sockets are not affected."""
    with server(SshdOptions(tcp_forwarding="no", stream_local_forwarding="yes")) as running, shell(running) as host:
        with pytest.raises(ForwardingRefused, match="AllowTcpForwarding"):
            host.forward(Tcp("127.0.0.1", 1))
        with pytest.raises(ForwardingRefused):
            host.dial(Tcp("127.0.0.1", 1), timeout_s=5)
        assert logins(running) == 1


def test_forbidden_unix_forwarding_is_an_error(echo: Tcp) -> None:
    """The connection ends, and the prohibition is among the reasons; TCP is not affected."""
    with server(SshdOptions(stream_local_forwarding="no")) as running, shell(running) as host:
        road = host.dial(Unix("/var/run/docker.sock"), timeout_s=5)
        road.sock.settimeout(5)
        assert road.sock.recv(1) == b""
        assert "or the SSH server forbids it" in road.why()
        road.close()
        host.dial(echo, timeout_s=5).close()


def test_a_forward_ends_with_the_connection(echo: Tcp) -> None:
    """Who talks through it learns at once, not by waiting."""
    with server() as running, shell(running) as host:
        road = host.dial(echo, timeout_s=5)
        running.drop_connections()
        road.sock.settimeout(5)
        assert road.sock.recv(1) == b""
        assert "has ended" in road.why()
        road.close()


def test_a_wire_whose_ssh_connection_was_lost_is_not_redis_unwell(echo: Tcp) -> None:
    """On the connection that it had, and where it would make a new one."""
    login = Login(Host(name="h", environment=Environment.STAGING, project_dir="/srv/app"), {})
    with server() as running, shell(running) as host:
        wire = WireRedis("wire", lambda timeout_s: host.dial(echo, timeout_s=timeout_s), login)
        wire.connect(5)
        running.drop_connections()
        for _ in range(2):
            with pytest.raises(CarrierFailed, match="has ended"):
                wire.ask((("PING",),))


def test_a_command_as_a_connection(host: SshShell) -> None:
    """Its input and output are the connection; nothing of the login shell's is in it."""
    road = host.stream(["cat"], timeout_s=5)
    assert said_back(road.sock, bytes(range(256))) == bytes(range(256))
    road.close()


def test_a_command_that_ends_says_why(host: SshShell) -> None:
    """The connection ends with it, and its standard error tells the reason."""
    road = host.stream(["sh", "-c", "echo no such luck >&2; exit 1"], timeout_s=5)
    road.sock.settimeout(5)
    assert road.sock.recv(1) == b""
    assert road.why() == "no such luck"
    road.close()


def test_closing_a_commands_connection_ends_its_session() -> None:
    """Sessions are few: one that is not needed any more is free again."""
    with server(SshdOptions(max_sessions=1)) as running, shell(running) as host:
        for _ in range(3):
            host.stream(["cat"], timeout_s=5).close()
        assert host.run(["echo", "free"]).stdout == b"free\n"
