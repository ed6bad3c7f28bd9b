"""What the target looks like from the inside: protocols and plain data, no I/O.

The rooms beside this one (``ssh``, ``local``, ``compose``, ``processes``, ``redis``, ``readiness``) touch the
world and speak these types; everything above them sees nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


#: What the suite calls its own connections to Redis (CLIENT SETNAME), so that nobody takes them for a stranger's.
SUITE_NAME = "runbook-suite"

#: Stands among the codes of errors for a password that Redis does not want: it says ``ERR``, as of much else.
UNWANTED = "UNWANTED"


class TargetError(Exception):
    """Something outside could not be done; the message says what, on what, and what was answered."""


class TimedOut(TargetError):
    """The deadline passed before an answer came. The operation may have happened."""


class ForwardingRefused(TargetError):
    """The SSH server forbids forwarding (``AllowTcpForwarding no`` or the stream-local like)."""


class NoRoute(TargetError):
    """The host has no way to the network of the address; who may be there is another matter."""


class CannotAsk(TargetError):
    """The host lacks what the question is put with, or could not run it: nothing was asked, and nobody is to blame."""


class CarrierFailed(CannotAsk):
    """What carries the questions failed (SSH, the engine): whoever was asked has had no chance to answer."""


class NotPermitted(TargetError):
    """The ACL user may not do what comes before every question; the message says what to grant."""


class ServiceMissing(TargetError):
    """No container of the Compose project carries this service's label; the message names what was found."""


class ServiceAmbiguous(TargetError):
    """Several containers could be the service where only one can be meant; the message names them."""


class LogUnreadable(TargetError):
    """The container's log driver keeps nothing that could be read back."""


@dataclass(frozen=True)
class Completed:
    """A command that ran to its end."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 show as hex escapes."""
        return self.stdout.decode(errors="backslashreplace")

    @property
    def errors(self) -> str:
        """Standard error as text, likewise."""
        return self.stderr.decode(errors="backslashreplace")


@dataclass(frozen=True)
class Tcp:
    """A TCP address."""

    host: str
    port: int


@dataclass(frozen=True)
class Unix:
    """A unix socket's path."""

    path: str


Endpoint = Tcp | Unix


class Shell(Protocol):
    """How commands run on the host: over its one SSH connection, or on this machine."""

    @property
    def where(self) -> str:
        """The host in words, for messages: ``deploy@staging`` or ``this machine``."""
        ...

    def open(self) -> None:
        """Connect. Raises ``verdict.Unreachable`` within 10 s. Opening twice is opening once."""
        ...

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """Run one command (argv, never a shell string). Raises ``TimedOut`` or ``TargetError``, not on exit codes."""
        ...

    def forward(self, there: Endpoint) -> Endpoint:
        """A local endpoint that reaches ``there`` as seen from the host. Raises ``ForwardingRefused``."""
        ...

    def close(self) -> None:
        """Give back everything that was opened. Never raises."""
        ...


@dataclass(frozen=True)
class PortBinding:
    """One published port."""

    host_ip: str
    host_port: int
    container_port: int


@dataclass(frozen=True)
class Container:
    """One container of the stack as the engine describes it. Environment values are left out: they hold secrets."""

    id: str
    name: str
    service: str
    number: int = 1
    image: str = ""
    image_id: str = ""
    state: str = "running"  # the engine's word: created, running, paused, restarting, exited, dead
    exit_code: int = 0
    oom_killed: bool = False
    health: str | None = None  # starting, healthy, unhealthy; None: no health check
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restart_count: int = 0
    restart_policy: str = "no"
    argv: tuple[str, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    addresses: tuple[str, ...] = ()  # on the engine's networks, IPv4 and IPv6
    network_mode: str = ""
    memory_limit: int = 0  # bytes; 0: none
    log_driver: str = "json-file"
    log_kept: int | None = None  # bytes of the log that are kept at least, older ones are dropped; None: all are kept
    created_at: datetime | None = None
    mounts: Mapping[str, str] = field(default_factory=dict)  # destination in the container -> kind:source
    restarts_with: frozenset[str] = frozenset()  # the services with which Compose restarts it (depends_on, restart)

    @property
    def running(self) -> bool:
        """It runs and is not paused."""
        return self.state == "running"


@dataclass(frozen=True)
class LogRecord:
    """One line of a container's log, stamped by the engine (the host's clock)."""

    at: datetime
    stream: str  # stdout or stderr
    text: str


@dataclass(frozen=True)
class Log:
    """A slice of a container's log, oldest first."""

    since: datetime
    records: tuple[LogRecord, ...]
    truncated: bool = False  # only the newest part was read
    begins: datetime | None = None  # the oldest line that is kept, where older ones may have been dropped


@dataclass(frozen=True)
class Engine:
    """The container engine (the twin's supervisor where there is none)."""

    id: str
    version: str
    name: str  # the host's name as the engine knows it
    kind: str  # "docker" or "processes"
    storage_dir: str  # on the host
    clock: datetime | None = None  # the host's clock when asked
    rootless: bool = False
    live_restore: bool = False


class Stack(Protocol):
    """The services of the host under test and what can be asked of them."""

    def engine(self) -> Engine:
        """Who runs the containers. Raises ``verdict.Unreachable`` when the engine does not answer."""
        ...

    def containers(self, service: str) -> tuple[Container, ...]:
        """Every container of a service, one-off ones left out, by number. Raises ``ServiceMissing``."""
        ...

    def addresses(self) -> frozenset[str]:
        """Where all containers of the project are on the engine's networks, whatever their service."""
        ...

    def execute(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Completed:
        """Run a command inside a container. Raises ``TimedOut``, or ``TargetError`` with the engine's own words."""
        ...

    def logs(self, container: Container, *, since: datetime, max_bytes: int = 4_000_000) -> Log:
        """The container's log from ``since`` on. Raises ``LogUnreadable``."""
        ...

    def close(self) -> None:
        """Give back connections. Never raises."""
        ...


class ReplyError(Exception):
    """An error reply of Redis, as it was sent: ``code`` is its first word (``OOM``, ``MISCONF``, ``NOPERM``)."""

    @property
    def code(self) -> str:
        """The first word of the reply."""
        return str(self).partition(" ")[0]


#: RESP2 replies. Errors are values here, so that one failing command does not hide the others' answers.
Reply = bytes | int | None | ReplyError | list["Reply"]
Command = tuple[str | bytes | int, ...]


class Wire(Protocol):
    """A way to ask Redis."""

    @property
    def via(self) -> str:
        """The way in words: ``wire 172.18.0.2:6379`` or ``redis-cli in the container``."""
        ...

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """Send all commands in one trip; a reply each, error replies as values. No retries.

        Raises ``TimedOut``, or ``TargetError`` when the connection fails.
        """
        ...

    def close(self) -> None:
        """Close the connection. Never raises."""
        ...


@dataclass(frozen=True)
class HttpAnswer:
    """What the readiness address answered; at most 64 KiB of its body. ``cut``: there was more."""

    status: int
    content_type: str
    body: bytes
    took_s: float
    retry_after_s: float | None = None
    cut: bool = False
