"""The Docker Engine's HTTP API over any connection, with a deadline for every answer.

The standard library's HTTP client instead of the docker SDK, which takes a quarter of a second of processor time to
import (the whole gate has about a second), negotiates a version in a round trip of its own, has a timeout for each read
but no deadline, and no way to end a command's input. Paths carry no version: the engine then speaks its newest, and
the fields used here have been the same since API 1.24.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from plugins.target.engine_stream import RoadClosed, feed, frames, lines
from plugins.target.model import CarrierFailed, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from plugins.target.engine_stream import Frame
    from plugins.target.roads import Deadline, Road


class EngineError(TargetError):
    """The engine answered with an error; ``status`` is HTTP's, the message its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EngineFault(EngineError, CarrierFailed):
    """The engine failed by itself (5xx): whoever the question was for has had no chance to answer."""


class EngineGone(CarrierFailed):
    """The engine takes no connection, or says nothing in time: likewise."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a connection that somebody else made."""

    def __init__(self, road: Road) -> None:
        super().__init__("docker")
        self.road = road
        self.sock = road.sock

    def end(self) -> None:
        """Close it, and give back the road (``close`` is called by the library, too early for a stream)."""
        self.close()
        self.road.close()

    @property
    def stale(self) -> bool:
        """Whether the other side has ended it while it was idle."""
        self.road.sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            self.road.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True  # the end, or something that nobody asked for


class EngineApi:
    """Requests to one engine; connections are kept and used again. Safe to use from several threads.

    Everything raises ``CarrierFailed`` where the engine itself is what fails, ``EngineError`` for what it refuses, and
    ``TimedOut`` only where it did its part: a command that does not end, a deadline that passed before a question.
    """

    def __init__(self, dial: Callable[[float], Road], *, keep: int = 8) -> None:
        self._dial = dial
        self._keep = keep  # so many idle connections
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def warm(self, connections: int, timeout_s: float) -> None:
        """Have connections ready: each one made later costs a round trip of its own."""
        for _ in range(connections):
            self._give_back(_Connection(self._dial(timeout_s)))

    def get(self, path: str, deadline: Deadline, **query: str) -> Any:
        """The JSON that a GET answers."""
        return self._answer(self._send("GET", path, query, None, deadline), deadline)

    def get_all(self, paths: list[str], deadline: Deadline) -> list[Any]:
        """The same for several paths at once: all are sent before the first answer is awaited.

        Where one is an error, that ``EngineError`` stands in its place.
        """
        asked: list[_Connection] = []
        answers: list[Any] = []
        try:
            for path in paths:
                asked.append(self._send("GET", path, {}, None, deadline))  # noqa: PERF401 - each is ended if one fails
            while asked:
                try:
                    answers.append(self._answer(asked.pop(0), deadline))
                except EngineError as error:
                    answers.append(error)
        finally:
            for connection in asked:  # whose answers nobody will read
                connection.end()
        return answers

    def post(self, path: str, body: Mapping[str, object], deadline: Deadline) -> Any:
        """The JSON that a POST answers."""
        return self._answer(self._send("POST", path, {}, body, deadline), deadline)

    def converse(self, path: str, body: Mapping[str, object], stdin: bytes, deadline: Deadline) -> Iterator[Frame]:
        """Start an exec, feed it, and yield what it prints until it ends."""
        connection = self._send("POST", path, {}, body, deadline, {"Connection": "Upgrade", "Upgrade": "tcp"})
        response = self._response(connection, deadline)  # an error gives the connection back: not ours to end
        try:
            writer = feed(connection.road, stdin, deadline)
            yield from frames(response, connection.road, deadline)
            if writer is not None:
                writer.join(deadline.left())
        finally:
            connection.end()

    def stream(self, path: str, deadline: Deadline, *, tty: bool, **query: str) -> Generator[Frame]:
        """Yield what a GET streams (a log) until it ends."""
        connection = self._send("GET", path, query, None, deadline)
        response = self._response(connection, deadline)  # an error gives the connection back: not ours to end
        try:
            if tty:
                yield from lines(response, connection.road, deadline)
            else:
                yield from frames(response, connection.road, deadline)
        finally:
            connection.end()

    def follow(self, path: str, deadline: Deadline, **query: str) -> tuple[http.client.HTTPResponse, Road]:
        """A GET whose answer begins by the deadline and has no end, and the road that it comes by, to be closed."""
        connection = self._send("GET", path, query, None, deadline)
        return self._response(connection, deadline), connection.road

    def close(self) -> None:
        """Close what is idle. Never raises."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.end()

    def _take(self, deadline: Deadline) -> _Connection:
        """An idle connection, or a new one."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return _Connection(self._dialled(deadline))
            if not connection.stale:
                return connection
            connection.end()

    def _dialled(self, deadline: Deadline) -> Road:
        """A new way to the engine. Raises ``CarrierFailed``."""
        left = deadline.left()
        try:
            return self._dial(left)
        except CarrierFailed:
            raise
        except TargetError as error:
            raise EngineGone(str(error)) from error

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if not self._closed and connection.sock is not None and len(self._idle) < self._keep:
                self._idle.append(connection)
                return
        connection.end()

    def _send(  # noqa: PLR0913, PLR0917 - the parts of one request
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None,
        deadline: Deadline,
        headers: Mapping[str, str] | None = None,
    ) -> _Connection:
        """Send a request; the connection then has its answer coming."""
        try:
            payload = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        except (UnicodeError, TypeError) as error:
            raise TargetError(f"the engine takes text only: {error}") from error
        url = quote(path) + (f"?{urlencode(query)}" if query else "")
        head = {"Content-Type": "application/json", **(headers or {})} if payload is not None else {}
        connection = self._take(deadline)
        try:
            connection.road.sock.settimeout(deadline.left())
            connection.request(method, url, payload, head)
        except TimeoutError:
            raise _silent(connection, deadline) from None
        except OSError as error:
            raise _lost(connection, error) from error
        return connection

    def _response(self, connection: _Connection, deadline: Deadline) -> http.client.HTTPResponse:
        """Await an answer's head. Raises ``EngineError`` unless it is good."""
        try:
            connection.road.sock.settimeout(deadline.left())
            response = connection.getresponse()
            if response.status < http.client.BAD_REQUEST:
                return response
            body = response.read()
        except TimeoutError:
            raise _silent(connection, deadline) from None
        except (OSError, http.client.HTTPException) as error:
            raise _lost(connection, error) from error
        if response.will_close:
            connection.end()
        else:
            self._give_back(connection)
        failure = EngineFault if response.status >= http.client.INTERNAL_SERVER_ERROR else EngineError
        raise failure(response.status, _message(body))

    def _answer(self, connection: _Connection, deadline: Deadline) -> Any:
        """Await a whole JSON answer and keep the connection."""
        response = self._response(connection, deadline)
        try:
            body = response.read()
            answer = json.loads(body) if body else None
        except TimeoutError:
            raise _silent(connection, deadline) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _lost(connection, error) from error
        self._give_back(connection)
        return answer


def _lost(connection: _Connection, error: BaseException) -> RoadClosed:
    """The error for a connection that ended, in the words of what carried it."""
    words = connection.road.why() or str(error) or type(error).__name__
    connection.end()
    return RoadClosed(words)


def _silent(connection: _Connection, deadline: Deadline) -> EngineGone:
    """The error for an engine that says nothing in time."""
    connection.end()
    return EngineGone(f"the engine does not answer: {deadline.passed()}")


def _message(body: bytes) -> str:
    """The engine's own words in an error's body."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="backslashreplace").strip()
