"""Redis asked over the wire: whole batches in one trip, no retries, a deadline for each.

Raw sockets instead of redis-py: importing that takes a quarter of a second of processor time, and what is wanted here
(one write, all replies, errors as values, never a second attempt) is what its layers are made to hide.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from plugins.target.model import SUITE_NAME, UNWANTED, CarrierFailed, NotPermitted, ReplyError, TargetError, Tcp
from plugins.target.resp import Decoder, NotRedis, encode
from plugins.target.roads import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from plugins.inventory import Host
    from plugins.target.model import Command, Container, Endpoint, Reply
    from plugins.target.roads import Road

PIECE = 1 << 18


class Login:
    """How a host's Redis is entered. Its text never shows the password."""

    def __init__(self, host: Host, environ: Mapping[str, str]) -> None:
        self.username = environ.get(host.redis_username_env or "") or None
        self.password = environ.get(host.redis_password_env or "") or None
        self.database = host.redis_db
        #: What the suite itself was refused so far: the codes of Redis's errors, and ``UNWANTED``.
        self.refused: set[str] = set()

    def __repr__(self) -> str:
        """Without the password."""
        return f"Login(username={self.username!r}, database={self.database})"

    def commands(self) -> list[Command]:
        """What has to be said first on a new connection."""
        said: list[Command] = []
        if self.password is not None:
            said.append(("AUTH", self.username, self.password) if self.username else ("AUTH", self.password))
        if self.database:
            said.append(("SELECT", self.database))
        return [*said, ("CLIENT", "SETNAME", SUITE_NAME)]

    def remember(self, replies: Iterable[Reply]) -> None:
        """Keep in mind what was refused: Redis counts it, and does not know that it was the suite."""
        errors = [reply for reply in replies if isinstance(reply, ReplyError)]
        self.refused.update(UNWANTED if is_no_password(error) else error.code for error in errors)

    @property
    def certain(self) -> bool:
        """Whether commands may follow in the same trip.

        A wrong password alone makes the server refuse what follows. But after a failed ``AUTH`` by name, or a failed
        ``SELECT``, it would run as somebody else or in another database: there the answer is awaited first.
        """
        return not self.database and (self.username is None or self.password is None)


def is_no_password(error: ReplyError) -> bool:
    """Whether AUTH failed because the server wants no password at all: then everything may be asked anyway."""
    text = str(error).lower()
    return "no password is set" in text or "without any password configured" in text


def hello() -> bytes:
    """How a client begins with TLS."""
    import ssl  # noqa: PLC0415 - only a Redis that hangs up on everybody is asked so

    sent = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


def unselected(database: str | bytes | int, said: str) -> TargetError:
    """The error to raise where a database cannot be selected, as Redis ``said``."""
    if said.startswith("NOPERM"):
        return NotPermitted(f"the ACL user may not SELECT database {database!r}: grant +select ({said})")
    return TargetError(f"database {database!r} cannot be selected: {said}")


class WireRedis:
    """See ``model.Wire``: one connection, made at the first question and again after it broke."""

    def __init__(self, via: str, dial: Callable[[float], Road], login: Login) -> None:
        self.via = via
        self._dial = dial
        self._login = login
        self._road: Road | None = None
        self._decoder = Decoder()
        self._fresh = True
        self._lock = threading.Lock()

    def connect(self, timeout_s: float) -> None:
        """Connect without asking anything. Raises as ``ask``."""
        with self._lock:
            self._connect(Deadline(timeout_s, f"Redis by {self.via}"))

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """See ``model.Wire``. Threads wait for each other."""
        deadline = Deadline(timeout_s, f"Redis by {self.via}")
        if not self._lock.acquire(timeout=timeout_s):
            raise deadline.passed()
        try:
            return self._ask(commands, deadline)
        except (TargetError, OSError):
            self._drop()  # the next question must not get this one's answer
            raise
        finally:
            self._lock.release()

    def speaks_tls(self, timeout_s: float) -> bool:
        """Whether what answers there takes a TLS handshake, tried on a connection of its own. Never raises."""
        deadline = Deadline(timeout_s, f"TLS by {self.via}")
        try:
            road = self._dial(deadline.left())
        except TargetError:
            return False
        try:
            road.sock.settimeout(deadline.left())
            road.sock.sendall(hello())
            return road.sock.recv(2) in (b"\x16\x03", b"\x15\x03")
        except (OSError, TargetError):
            return False
        finally:
            road.close()

    def close(self) -> None:
        """Close the connection. Never raises."""
        self._drop()

    def _connect(self, deadline: Deadline) -> None:
        if self._road is None:
            self._road = self._dial(deadline.left())
            self._decoder = Decoder()
            self._fresh = True

    def _drop(self) -> None:
        road, self._road = self._road, None
        if road is not None:
            road.close()

    def _ask(self, commands: Sequence[Command], deadline: Deadline) -> list[Reply]:
        self._connect(deadline)
        login = self._login.commands() if self._fresh else []
        self._fresh = False
        if login and not self._login.certain:
            refused = self._entered(self._trip(login, deadline), login)
            if refused is not None:
                self._drop()
                return [refused] * len(commands)
            login = []
        replies = self._trip([*login, *commands], deadline)
        refused = self._entered(replies[: len(login)], login)
        if refused is not None:
            self._drop()
            return [refused] * len(commands)
        return replies[len(login) :]

    @staticmethod
    def _entered(replies: Sequence[Reply], login: Sequence[Command]) -> ReplyError | None:
        """The error that kept us out. Raises ``TargetError`` where the database cannot be selected."""
        for reply, command in zip(replies, login, strict=True):
            if not isinstance(reply, ReplyError) or command[0] == "CLIENT":
                continue  # a connection that may not have a name is as good as any other
            if command[0] == "SELECT":
                raise unselected(command[1], str(reply))
            if not is_no_password(reply):
                return reply
        return None

    def _trip(self, commands: Sequence[Command], deadline: Deadline) -> list[Reply]:
        """Send everything in one write, and read as many replies."""
        road = self._road
        if road is None or not commands:
            return []
        replies: list[Reply] = []
        try:
            road.sock.settimeout(deadline.left())
            road.sock.sendall(encode(commands))
            while len(replies) < len(commands):
                road.sock.settimeout(deadline.left())
                data = road.sock.recv(PIECE)
                if not data:
                    raise _ended(f"Redis by {self.via} closed the connection", road, replies)
                self._decoder.feed(data)
                replies += self._decoder.replies(len(commands) - len(replies))
        except TimeoutError:
            raise deadline.passed() from None
        except OSError as error:
            raise _ended(f"Redis by {self.via}: {error.strerror or error}", road, replies) from error
        except NotRedis as error:
            raise TargetError(f"{self.via}: {error}") from error
        self._login.remember(replies)
        return replies


def _ended(what: str, road: Road, replies: Sequence[Reply]) -> TargetError:
    """Why a connection ended: Redis's own last words (too many clients, protected mode), else its carrier's."""
    if replies and isinstance(replies[-1], ReplyError):
        return TargetError(f"{what}: {replies[-1]}")
    words = road.why()
    return CarrierFailed(f"{what}: {words}") if words else TargetError(what)


def addresses(container: Container, port: int, *, routed: bool) -> list[Endpoint]:
    """Where a container's Redis may answer, as seen from its host; the likeliest first.

    Published ports, then its own addresses where the host routes to them (``routed``: not with Docker Desktop), then
    the host's own network.
    """
    found: list[Endpoint] = [
        Tcp(_reachable(binding.host_ip), binding.host_port)
        for binding in container.ports
        if binding.container_port == port
    ]
    if routed:
        found += [Tcp(address, port) for address in container.addresses]
    if container.network_mode == "host":
        found.append(Tcp("127.0.0.1", port))
    return list(dict.fromkeys(found))


def _reachable(bound: str) -> str:
    """An address to connect to for one that was bound."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(bound, bound)  # noqa: S104 - read, not bound
