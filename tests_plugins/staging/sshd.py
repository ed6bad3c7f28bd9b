"""A real sshd on loopback, with its own config, keys and log, and the client's side of it."""

from __future__ import annotations

import shlex
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from plugins.eventually import eventually
from tests_plugins.staging.janitor import Janitor, descendants, end
from tests_plugins.staging.requirements import path_of
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIAS = "staging"
_START_S = 10.0
_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class SshdOptions:
    """How this sshd and its client differ from the stock ones."""

    max_sessions: int = 10
    tcp_forwarding: Literal["yes", "no", "local", "remote"] = "yes"
    stream_local_forwarding: Literal["yes", "no", "local", "remote"] = "yes"
    banner: str | None = None  # shown before the login
    path: str | None = None  # the sessions' PATH
    host_key_known: bool = True  # whether the client's known_hosts has it
    passphrase: str = ""  # of the client's key
    extra: tuple[str, ...] = ()  # further lines of sshd_config
    client_extra: tuple[str, ...] = ()  # further lines of the client's Host block


@dataclass
class Sshd:
    """A running sshd. ``client_config`` is what ``ssh -F`` takes; the host's name in it is ``ALIAS``."""

    folder: Path
    user: str
    options: SshdOptions
    janitor: Janitor = field(repr=False)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def client_config(self) -> Path:
        """The client's config for the server's own port."""
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The client's known hosts."""
        return self.folder / "known_hosts"

    @property
    def key(self) -> Path:
        """The client's private key."""
        return self.folder / "client_key"

    @property
    def log(self) -> str:
        """What sshd has logged."""
        file = self.folder / "sshd.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def config_for(self, port: int) -> Path:
        """A client config that reaches this server through another local port, as a proxy's."""
        path = self.folder / f"ssh_config.{port}"
        path.write_text(self._client_text(port), encoding="utf-8")
        return path

    def run(self, *argv: str, timeout_s: float = 20) -> subprocess.CompletedProcess[str]:
        """Run a command through a connection of its own and return what it did, also when it failed."""
        ssh = [path_of("ssh"), "-F", str(self.client_config), "-o", "BatchMode=yes", ALIAS, shlex.join(argv)]
        return subprocess.run(
            ssh, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def prepare(self) -> None:
        """Write keys and the server's config."""
        self.folder.mkdir(mode=0o755)
        for name, passphrase in (("host_key", ""), ("client_key", self.options.passphrase)):
            subprocess.run(
                [
                    path_of("ssh-keygen"),
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    passphrase,
                    "-C",
                    name,
                    "-f",
                    str(self.folder / name),
                ],
                check=True,
                capture_output=True,
                timeout=20,
            )
        (self.folder / "authorized_keys").write_bytes((self.folder / "client_key.pub").read_bytes())
        if self.options.banner is not None:
            (self.folder / "banner").write_text(self.options.banner, encoding="utf-8")
        host_key = (self.folder / "host_key.pub").read_text(encoding="utf-8")
        self.known_hosts.write_text(f"{ALIAS} {host_key}" if self.options.host_key_known else "", encoding="utf-8")

    def start(self) -> None:
        """Start the server on its port, a free one the first time, and wait until it greets."""
        wanted = self.port
        for attempt in range(_ATTEMPTS):
            self.port = wanted or free_ports(1)[0]
            if self._started():
                break
            if wanted or attempt == _ATTEMPTS - 1:
                raise RuntimeError(f"sshd does not start on port {self.port}:\n{self.log}")
        self.client_config.write_text(self._client_text(self.port), encoding="utf-8")

    def stop(self) -> None:
        """End the server and every connection, as a host that goes down. ``start`` brings it back on its port."""
        if self._process is not None:
            end([self._process.pid, *descendants(self._process.pid)])
            self._process.wait()
            self._process = None

    def drop_connections(self) -> int:
        """End every connection and keep the server; returns how many of its processes there were."""
        assert self._process is not None, "sshd is not running"
        sessions = descendants(self._process.pid)
        end(sessions)
        return len(sessions)

    def _started(self) -> bool:
        """Start it once; False when it ended, as on a port that was taken meanwhile."""
        config = self.folder / "sshd_config"
        config.write_text(self._server_text(), encoding="utf-8")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its chroot; a service manager would have made it
        self._process = process = subprocess.Popen(
            [path_of("sshd"), "-D", "-f", str(config), "-E", str(self.folder / "sshd.log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.janitor.end_process(process.pid)
        eventually(
            lambda: process.poll() is not None or _greets(self.port),
            what=f"sshd greets on port {self.port}",
            within_s=_START_S,
            every_s=0.02,
            catch=(OSError,),
        )
        return process.poll() is None

    def _server_text(self) -> str:
        options, folder = self.options, self.folder
        lines = [
            "ListenAddress 127.0.0.1",
            f"Port {self.port}",
            f"HostKey {folder}/host_key",
            "PidFile none",
            "UsePAM no",
            "UseDNS no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            f"AuthorizedKeysFile {folder}/authorized_keys",
            "StrictModes no",  # the folder is below /tmp, which others may write to
            f"AllowUsers {self.user}",
            f"MaxSessions {options.max_sessions}",
            "MaxStartups 100",
            f"AllowTcpForwarding {options.tcp_forwarding}",
            f"AllowStreamLocalForwarding {options.stream_local_forwarding}",
            "LogLevel VERBOSE",
        ]
        if options.banner is not None:
            lines.append(f"Banner {folder}/banner")
        if options.path is not None:
            lines.append(f'SetEnv "PATH={options.path}"')
        return "\n".join([*lines, *options.extra, ""])

    def _client_text(self, port: int) -> str:
        lines = [
            f"Host {ALIAS}",
            "HostName 127.0.0.1",
            f"Port {port}",
            f"User {self.user}",
            f"HostKeyAlias {ALIAS}",
            f"IdentityFile {self.key}",
            "IdentitiesOnly yes",
            "IdentityAgent none",
            f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile /dev/null",
            *self.options.client_extra,
        ]
        return "\n  ".join(lines) + "\n"


def _greets(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        return connection.recv(8).startswith(b"SSH-2.0")


@contextmanager
def sshd(user: str, folder: Path, *, janitor: Janitor, options: SshdOptions | None = None) -> Iterator[Sshd]:
    """A running sshd that lets ``user`` in, with its files in ``folder``, which must not exist yet.

    Raises ``RuntimeError``, with sshd's log, when it does not start.
    """
    server = Sshd(folder, user, options or SshdOptions(), janitor)
    server.prepare()
    server.start()
    try:
        yield server
    finally:
        server.stop()
