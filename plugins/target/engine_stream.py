"""What the engine streams: a command's output and input, a log."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

from plugins.target.model import CarrierFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.roads import Deadline, Road

STDERR, SYSTEM_ERROR = 2, 3  # streams of the engine's multiplexed output; stdin 0 and stdout 1 are both output


class RoadClosed(CarrierFailed):
    """The connection ended before the engine answered."""


class Frame(NamedTuple):
    """A piece of a container's output; with a log it is one line, or one piece of a very long line."""

    stream: int
    data: bytes


def feed(road: Road, stdin: bytes, deadline: Deadline) -> threading.Thread | None:
    """Send a command's input, and that it ends; a long one beside reading the output, for either may fill up first."""

    def send() -> None:
        with contextlib.suppress(OSError):  # the command ended without reading it all
            road.sock.sendall(stdin)
            road.sock.shutdown(socket.SHUT_WR)

    if not stdin:
        send()
        return None
    thread = threading.Thread(target=send, daemon=True, name=f"input of {deadline.what}")
    thread.start()
    return thread


def frames(response: http.client.HTTPResponse, road: Road, deadline: Deadline) -> Iterator[Frame]:
    """Split the engine's multiplexed output: stream, three zeros, length, bytes."""
    while head := _read(response, 8, road, deadline):
        stream, length = struct.unpack(">BxxxI", head)
        yield Frame(stream, _read(response, length, road, deadline))


def lines(response: http.client.HTTPResponse, road: Road, deadline: Deadline) -> Iterator[Frame]:
    """Split the plain output of a container with a terminal into lines."""
    pending = b""
    while piece := _some(response, 65536, road, deadline):
        *lines, pending = (pending + piece).split(b"\n")
        for line in lines:
            yield Frame(1, line.removesuffix(b"\r") + b"\n")
    if pending:
        yield Frame(1, pending)


def _read(response: http.client.HTTPResponse, size: int, road: Road, deadline: Deadline) -> bytes:
    """Exactly ``size`` bytes; none at all at the end."""
    pieces: list[bytes] = []
    missing = size
    while missing:
        piece = _some(response, missing, road, deadline)
        if not piece:
            if not pieces:
                return b""
            raise RoadClosed(f"{deadline.what}: the connection ended in the middle of the output")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _some(response: http.client.HTTPResponse, size: int, road: Road, deadline: Deadline) -> bytes:
    """Up to ``size`` bytes as they come; none at the end."""
    # The library takes the answer to an upgrade for empty; what follows it is still in its reader.
    source = response.fp if response.status == http.client.SWITCHING_PROTOCOLS else response
    try:
        road.sock.settimeout(deadline.left())
        return source.read1(size)
    except TimeoutError:
        raise deadline.passed() from None
    except (OSError, http.client.HTTPException) as error:
        raise RoadClosed(f"{deadline.what}: {road.why() or error}") from error
