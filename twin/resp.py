"""The least of Redis's protocol that the twin needs: one command, one reply, over a fresh connection.

It serves health checks, the stand-in ``redis-cli`` and a test's own ``CONFIG SET``; the suite has its own client.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Sequence


class ErrorReply(Exception):
    """Redis answered with an error; the message is its own text (``OOM command not allowed …``)."""


Reply = bytes | int | None | ErrorReply | list["Reply"]


def encode(command: Sequence[str | bytes | int]) -> bytes:
    """One command as Redis reads it."""
    parts = [part if isinstance(part, bytes) else str(part).encode(errors="surrogateescape") for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def read_reply(stream: BinaryIO) -> Reply:
    """One reply. Error replies are values. Raises ``ConnectionError`` when the connection ends before it does."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("Redis closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b"-":
        return ErrorReply(rest.decode(errors="backslashreplace"))
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return _bulk(stream, int(rest))
    if kind == b"*":
        return None if rest == b"-1" else [read_reply(stream) for _ in range(int(rest))]
    raise ConnectionError(f"not Redis's protocol: {line[:40]!r}")


def _bulk(stream: BinaryIO, size: int) -> bytes | None:
    if size < 0:
        return None
    data = stream.read(size + 2)
    if len(data) != size + 2:
        raise ConnectionError("Redis closed the connection")
    return data[:-2]


def ask(
    address: tuple[str, int],
    *commands: Sequence[str | bytes | int],
    timeout_s: float = 2.0,
) -> list[Reply]:
    """Send the commands in one trip to a fresh connection and return a reply each; error replies are values.

    Raises ``OSError`` (``TimeoutError``, ``ConnectionError``) when Redis cannot be reached or does not answer.
    """
    with socket.create_connection(address, timeout_s) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"".join(encode(command) for command in commands))
        return [read_reply(stream) for _ in commands]
