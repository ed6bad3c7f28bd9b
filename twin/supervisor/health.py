"""One question of a health check, as a container's own check would ask it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from twin import resp

if TYPE_CHECKING:
    from twin.supervisor.spec import Health


def healthy(check: Health) -> bool:
    """Whether the service answers well within the check's time-out. A Redis that wants a password is up."""
    try:
        return _redis(check) if check.kind == "redis" else _http(check)
    except OSError:
        return False


def _redis(check: Health) -> bool:
    [reply] = resp.ask((check.host, check.port), ("PING",), timeout_s=check.timeout_s)
    if isinstance(reply, resp.ErrorReply):
        return str(reply).startswith("NOAUTH")
    return reply == b"PONG"


def _http(check: Health) -> bool:
    # http.client would cost the supervisor 40 ms of its start for this one line.
    request = f"GET {check.path} HTTP/1.0\r\nHost: {check.host}\r\n\r\n".encode()
    with socket.create_connection((check.host, check.port), check.timeout_s) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.readline().split()[1:2] == [b"200"]
