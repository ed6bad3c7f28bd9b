"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket

# Below every system's ephemeral range: nothing takes such a port as its own end of an outgoing connection while
# the service that listens there is stopped, and a poll of the closed port cannot connect to itself.
FIRST, LAST = 20_000, 31_999
ATTEMPTS = 200


def free_ports(count: int, address: str = "127.0.0.1") -> tuple[int, ...]:
    """``count`` different ports that nothing listened on a moment ago. Raises ``OSError`` when none is found."""
    chosen: list[int] = []
    for candidate in random.sample(range(FIRST, LAST + 1), ATTEMPTS):
        if len(chosen) == count:
            break
        if _free(address, candidate):
            chosen.append(candidate)
    if len(chosen) < count:
        raise OSError(f"no {count} free ports on {address} between {FIRST} and {LAST}")
    return tuple(chosen)


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
