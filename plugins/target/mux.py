"""The protocol of an OpenSSH master's control socket (its sources' PROTOCOL.mux, version 4, unchanged since 2009).

``ssh -S`` speaks it too, but falls back silently to a connection of its own where the master is dead or refuses a
session. Spoken from here there is nothing to fall back to, no process to start and no configuration to read again.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from plugins.target.model import CarrierFailed, Tcp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.target.model import Endpoint
    from plugins.target.roads import Deadline

VERSION = 4
HELLO = 0x00000001
NEW_SESSION = 0x10000002
TERMINATE = 0x10000005
OPEN_FORWARD = 0x10000006
NEW_STDIO_FORWARD = 0x10000008
OK = 0x80000001
PERMISSION_DENIED = 0x80000002
FAILURE = 0x80000003
EXIT_MESSAGE = 0x80000004
SESSION_OPENED = 0x80000006

FORWARD_LOCAL = 1
NO_ESCAPE = 0xFFFFFFFF
UNIX_PORT = 0xFFFFFFFE  # in the place of a port: the address is a unix socket's path

#: No message to us is longer than a few words.
LONGEST = 1 << 16


class MasterGone(CarrierFailed):
    """The master has ended, or never listened."""


class MasterRefused(CarrierFailed):
    """The master, or the server behind it, did not do what was asked; the message is the master's."""


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class Control:
    """One connection to a master. It carries one session or one forwarded connection, and ends it when closed."""

    def __init__(self, path: str, deadline: Deadline) -> None:
        self._deadline = deadline
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._sock.settimeout(deadline.left())
            self._sock.connect(path)
            self._send(struct.pack(">II", HELLO, VERSION))
            kind, version = struct.unpack_from(">II", self._receive())
        except OSError as error:
            self.close()
            raise MasterGone(error.strerror or str(error)) from error
        except BaseException:
            self.close()
            raise
        if (kind, version) != (HELLO, VERSION):
            self.close()
            raise MasterGone(f"another program listens there: message {kind}, version {version}")

    def session(self, command: bytes, streams: Sequence[int]) -> None:
        """Run a command with these descriptors as its standard streams. Returns once the server opened the session."""
        flags = (0, 0, 0, 0)  # no terminal, no X11, no agent, no subsystem
        self._send(
            struct.pack(">II", NEW_SESSION, 0)
            + _string(b"")
            + struct.pack(">5I", *flags, NO_ESCAPE)
            + _string(b"dumb")
            + _string(command)
        )
        self._pass(streams)
        self._expect(SESSION_OPENED)

    def connect(self, there: Tcp, sock: int) -> None:
        """Join a socket to a TCP address as seen from the host. Returns once the server is connected to it."""
        self._send(
            struct.pack(">II", NEW_STDIO_FORWARD, 0)
            + _string(b"")
            + _string(there.host.encode(errors="surrogateescape"))
            + struct.pack(">I", there.port)
        )
        self._pass((sock, sock))
        self._expect(SESSION_OPENED)

    def forward(self, here: str, there: Endpoint) -> None:
        """Have the master listen on the unix socket ``here`` for connections to ``there``."""
        host, port = (there.host, there.port) if isinstance(there, Tcp) else (there.path, UNIX_PORT)
        self._send(
            struct.pack(">III", OPEN_FORWARD, 0, FORWARD_LOCAL)
            + _string(here.encode())
            + struct.pack(">I", UNIX_PORT)
            + _string(host.encode(errors="surrogateescape"))
            + struct.pack(">I", port)
        )
        self._expect(OK)

    def end(self) -> None:
        """Have the master end, with all that it carries. It has no time to answer."""
        self._send(struct.pack(">II", TERMINATE, 0))

    def ended(self, deadline: Deadline) -> int | None:
        """Wait until the session has ended and all its output is written; its exit code, None where it had none."""
        code: int | None = None
        self._deadline = deadline
        while True:
            try:
                message = self._receive()
            except MasterGone:
                return code
            if struct.unpack_from(">I", message)[0] == EXIT_MESSAGE:
                code = struct.unpack_from(">III", message)[2]

    def close(self) -> None:
        """Close it, and what it carries."""
        self._sock.close()

    def _expect(self, wanted: int) -> None:
        message = self._receive()
        kind = struct.unpack_from(">I", message)[0]
        if kind == wanted:
            return
        if kind in {FAILURE, PERMISSION_DENIED}:
            raise MasterRefused(message[12:].decode(errors="backslashreplace"))
        raise MasterGone(f"unexpected message {kind:#x}")

    def _send(self, payload: bytes) -> None:
        try:
            self._sock.settimeout(self._deadline.left())
            self._sock.sendall(_string(payload))
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise MasterGone(error.strerror or str(error)) from error

    def _pass(self, descriptors: Sequence[int]) -> None:
        """Hand over descriptors, one to a message as the master wants them."""
        try:
            for descriptor in descriptors:
                socket.send_fds(self._sock, [b"\0"], [descriptor])
        except OSError as error:
            raise MasterGone(error.strerror or str(error)) from error

    def _receive(self) -> bytes:
        (size,) = struct.unpack(">I", self._exactly(4))
        if size > LONGEST:
            raise MasterGone(f"a message of {size} bytes")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                self._sock.settimeout(self._deadline.left())
                piece = self._sock.recv(size - len(data))
            except TimeoutError:
                raise self._deadline.passed() from None
            except OSError as error:
                raise MasterGone(error.strerror or str(error)) from error
            if not piece:
                raise MasterGone("the SSH master closed the connection")
            data += piece
        return data
