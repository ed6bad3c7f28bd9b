"""The kernel's list of TCP connections (``/proc/net/tcp``), read from inside a container. Pure.

It knows a connection for a minute after it was closed (TIME_WAIT stays with the side that closed first, the
client as a rule) and when that was, so it shows where a backend that connects for an instant has just been.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_LISTENING, _ESTABLISHED = "0A", "01"
_TIME_WAIT_TIMER = "03"
_TIME_WAIT_S = 60.0  # fixed in the kernel (source: TCP_TIMEWAIT_LEN)
_TICKS_A_SECOND = 100  # of what /proc shows, on every architecture that Docker runs on (source: USER_HZ)
_COLUMNS = 10  # up to the inode
_IPV4_BYTES = 4


@dataclass(frozen=True)
class Socket:
    """One connection; addresses as text, an IPv4 one in its own form even where the socket is an IPv6 one."""

    local: tuple[str, int]
    remote: tuple[str, int]
    established: bool
    inode: int = 0  # 0 once no process owns it
    closed_s: float | None = None  # seconds since it was closed; None: it is open, or nobody knows


def read_sockets(text: str) -> tuple[Socket, ...]:
    """Every connection in ``/proc/net/tcp`` and ``/proc/net/tcp6``, listening sockets left out.

    Lines of any other form are passed over: the text may be several files and anything around them.
    """
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < _COLUMNS or fields[3] == _LISTENING:
            continue
        try:
            local, remote, closed = _endpoint(fields[1]), _endpoint(fields[2]), _closed(fields[5])
            found.append(Socket(local, remote, fields[3] == _ESTABLISHED, int(fields[9]), closed))
        except ValueError:
            continue
    return tuple(found)


def _endpoint(text: str) -> tuple[str, int]:
    """``0100007F:18EB`` -> (127.0.0.1, 6379): each group of four bytes is in the machine's own order."""
    address, _, port = text.partition(":")
    raw = bytes.fromhex(address)
    groups = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    if len(raw) == _IPV4_BYTES:
        return str(IPv4Address(groups)), int(port, 16)
    address6 = IPv6Address(groups)
    return str(address6.ipv4_mapped or address6), int(port, 16)


def _closed(timer: str) -> float | None:
    """The timer column holds what is left of TIME_WAIT, so it tells when that began."""
    kind, _, left = timer.partition(":")
    return max(0.0, _TIME_WAIT_S - int(left, 16) / _TICKS_A_SECOND) if kind == _TIME_WAIT_TIMER else None


def plain(address: str) -> str:
    """An address in the one form that ``read_sockets`` uses; text that is none stays as it is."""
    bare = address.removeprefix("[").removesuffix("]").partition("%")[0]
    try:
        parsed = IPv6Address(bare)
    except ValueError:
        return bare
    return str(parsed.ipv4_mapped or parsed)
