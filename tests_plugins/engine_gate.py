"""A gate in front of a real engine's socket, for tests in which the engine fails in the middle of a run."""

from __future__ import annotations

import socket
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.target.engine_road import DEFAULT_SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
_FAULT = b'{"message": "in trouble"}'
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_FAULT),
    _FAULT,
)


class Trouble(StrEnum):
    """What becomes of a request in which ``Gate.asked`` stands. All others reach the engine."""

    NONE = "none"
    GOES = "goes away"  # all connections end, and new ones are refused
    FAILS = "fails"  # HTTP 500
    HANGS = "hangs"


@dataclass
class Gate:
    """The gate; ``trouble`` may be changed at any time. ``path`` is the socket to ask."""

    path: Path
    listener: socket.socket
    trouble: Trouble = Trouble.NONE
    asked: bytes = b"/exec HTTP/"  # to run a command in a container
    struck: threading.Event = field(default_factory=threading.Event)  # it has happened
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """What leads the docker command here."""
        return {"DOCKER_HOST": f"unix://{self.path}"}

    def serve(self) -> None:
        """Let everybody through until ``close``."""
        with suppress(OSError):  # what accept raises in the end
            while True:
                asker, _ = self.listener.accept()
                threading.Thread(target=self._let_through, args=(asker,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections and end those that are open."""
        for sock in (self.listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _let_through(self, asker: socket.socket) -> None:
        with asker, socket.socket(socket.AF_UNIX) as engine, suppress(OSError):
            engine.connect(DEFAULT_SOCKET)
            self._open += (asker, engine)
            answers = threading.Thread(target=_carry, args=(engine, asker), daemon=True)
            answers.start()
            while request := asker.recv(_CHUNK):
                if self.trouble is not Trouble.NONE and self.asked in request:
                    self._strike(asker)
                    return
                engine.sendall(request)
            engine.shutdown(socket.SHUT_WR)
            answers.join()  # a command whose input has ended may still print

    def _strike(self, asker: socket.socket) -> None:
        self.struck.set()
        match self.trouble:
            case Trouble.GOES:
                self.close()
            case Trouble.FAILS:
                asker.sendall(_FAILED)
            case _:
                while asker.recv(_CHUNK):
                    pass


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_CHUNK):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def engine_gate() -> Iterator[Gate]:
    """A gate to this machine's engine for the block."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder, socket.socket(socket.AF_UNIX) as listener:
        Path(folder).chmod(0o755)  # a user of an sshd's may come here, too
        path = Path(folder, "s")
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen(64)
        gate = Gate(path, listener)
        threading.Thread(target=gate.serve, daemon=True).start()
        yield gate
        gate.close()
