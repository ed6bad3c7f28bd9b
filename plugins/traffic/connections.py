"""The connections of one vantage point: an idle healthy one is used again, a broken one never is."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from plugins.target.local import named
from plugins.target.redis import WireRedis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.target.model import Command, Endpoint, Reply
    from plugins.target.redis import Login
    from plugins.target.roads import Road, Roads


class Connection:
    """One connection to Redis; made by ``connect``, and only once."""

    def __init__(self, shell: Roads, there: Endpoint, login: Login) -> None:
        self.there = there
        self._shell = shell
        self._road: Road | None = None
        self._wire = WireRedis(f"wire {named(there)}", self._dial, login)

    def connect(self, timeout_s: float) -> None:
        """Connect where it is not yet. Raises ``TargetError``."""
        self._wire.connect(timeout_s)

    def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Reply]:
        """See ``model.Wire``."""
        return self._wire.ask(commands, timeout_s=timeout_s)

    @property
    def ended(self) -> bool:
        """Whether the other side has closed it while nobody asked anything."""
        if self._road is None:
            return False
        try:
            self._road.sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
            self._road.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True  # its end, or something that nobody asked for

    def abort(self) -> None:
        """Wake whoever waits for an answer: there will be none. From any thread; never raises."""
        if self._road is not None:
            with contextlib.suppress(OSError):
                self._road.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it. Never raises."""
        self._wire.close()

    def _dial(self, timeout_s: float) -> Road:
        self._road = self._shell.dial(self.there, timeout_s=timeout_s)
        return self._road


class Connections:
    """Lends connections to attempts. Safe to use from several threads."""

    def __init__(self, shell: Roads, login: Login, *, keep: int) -> None:
        self._shell = shell
        self._login = login
        self._keep = keep  # so many idle ones
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        self._closed = False

    def lend(self, there: Endpoint) -> Connection:
        """The idle connection that was used last, ended or not; or a new one that is not connected yet."""
        with self._lock:
            connection = self._idle.pop() if self._idle else Connection(self._shell, there, self._login)
            self._lent.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """It answered: whoever comes next may use it."""
        with self._lock:
            lent = connection in self._lent  # else Redis has moved meanwhile
            self._lent.discard(connection)
            if lent and not self._closed and len(self._idle) < self._keep:
                self._idle.append(connection)
                return
        connection.close()

    def drop(self, connection: Connection) -> None:
        """It broke. So did, unseen, those of its idle peers that have ended: one loss is to be met once."""
        with self._lock:
            self._lent.discard(connection)
            ended = [one for one in self._idle if one.ended]
            self._idle = [one for one in self._idle if one not in ended]
        for one in (connection, *ended):
            one.close()

    def leave(self, now: Endpoint | None) -> None:
        """Redis is elsewhere, or nowhere: end what leads to where it was."""
        with self._lock:
            idle = [one for one in self._idle if one.there != now]
            self._idle = [one for one in self._idle if one.there == now]
            lent = [one for one in self._lent if one.there != now]
            self._lent.difference_update(lent)
        for one in lent:
            one.abort()
        for one in idle:
            one.close()

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back. Never raises."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()
