"""The readiness address asked over HTTP, from here or from the host.

The standard library's client instead of httpx: a quarter of a second less to import, no proxy variable is ever read,
no redirect followed (a redirect is an answer), and the deadline is one for the whole answer, however slowly it drips.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from plugins.target.curl import ask_with_curl
from plugins.target.http_answer import BODY_LIMIT, answer, told_of_tls
from plugins.target.model import CarrierFailed, ForwardingRefused, TargetError, Tcp
from plugins.target.roads import Deadline

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from plugins.target.model import HttpAnswer
    from plugins.target.roads import Road, Roads

DEFAULT_PORTS = {"http": 80, "https": 443}

AGENT = "redis-runbook-suite"


class Readiness:
    """Asks one address, from where ``shell`` is: this machine, or the host for ``readiness_via = "host"``."""

    def __init__(self, url: str, shell: Roads, ca_file: Path | None) -> None:
        self._url = split(url)
        self._shell = shell
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._through_curl = False
        self._asked: socket.socket | None = None  # the connection of the question that is under way

    def close(self) -> None:
        """Let whoever waits for an answer wait no longer. Never raises."""
        asked = self._asked
        if asked is not None:
            _shut(asked)

    @property
    def note(self) -> str:
        """What the user should know about the way; empty when nothing."""
        if self._through_curl:
            return "the SSH server forbids forwarding: readiness is asked by curl on the host"
        return ""

    def ask(self, timeout_s: float) -> HttpAnswer:
        """One GET. Raises ``TimedOut``, or ``TargetError`` that tells refused, unknown name and TLS apart."""
        deadline = Deadline(timeout_s, f"readiness {shown(self._url)} from {self._shell.where}")
        if not self._through_curl:
            try:
                return self._ask(deadline)
            except ForwardingRefused:
                self._through_curl = True
        return ask_with_curl(self._shell, self._url.geturl(), self._ca_file, deadline)

    def _ask(self, deadline: Deadline) -> HttpAnswer:
        begun = time.monotonic()
        there = endpoint(self._url)
        road = self._shell.dial(there, timeout_s=deadline.left())
        connection = http.client.HTTPConnection(there.host, there.port)
        connection.default_port = DEFAULT_PORTS[self._url.scheme]  # which the Host header leaves out
        sock = road.sock
        try:
            connection.sock = self._asked = sock = self._secured(road, deadline)
            sock.settimeout(deadline.left())
            with _cut_off_at(deadline, sock):
                connection.request("GET", _target(self._url), headers=_headers(self._url))
                with connection.getresponse() as response:
                    body = _body(response, sock, deadline)
        except TimeoutError:
            raise deadline.passed() from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if deadline.over:
                raise deadline.passed() from None
            raise self._failed(error, road) from error
        finally:
            self._asked = None
            sock.close()
            road.close()
        return answer(response.status, dict(response.getheaders()), body, time.monotonic() - begun)

    def _secured(self, road: Road, deadline: Deadline) -> socket.socket:
        """The connection, inside TLS where the address says so."""
        if self._url.scheme != "https":
            return road.sock
        if self._tls is None:
            import ssl  # noqa: PLC0415 - an address without TLS need not pay for it

            self._tls = ssl.create_default_context(cafile=self._ca_file)
        road.sock.settimeout(deadline.left())
        return self._tls.wrap_socket(road.sock, server_hostname=self._url.hostname)

    def _failed(self, error: Exception, road: Road) -> TargetError:
        import ssl  # noqa: PLC0415 - only a failure needs it here

        where = f"readiness {shown(self._url)} from {self._shell.where}"
        if isinstance(error, ssl.SSLError):
            words = getattr(error, "verify_message", "") or error.reason or str(error)
            return TargetError(f"{where}: TLS: {told_of_tls(words)}")
        if isinstance(error, http.client.HTTPException):
            return TargetError(f"{where}: not HTTP: {type(error).__name__}: {error}")
        words = road.why()
        return CarrierFailed(f"{where}: {words}") if words else TargetError(f"{where}: {error}")


@contextlib.contextmanager
def _cut_off_at(deadline: Deadline, sock: socket.socket) -> Iterator[None]:
    """End the connection at the deadline: a timeout of the socket's own begins anew with every byte that drips."""
    timer = threading.Timer(deadline.left(), _shut, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
        deadline.left()  # what was cut off looks like a short body that has ended
    finally:
        timer.cancel()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has just ended by itself
        sock.shutdown(socket.SHUT_RDWR)


def split(url: str) -> SplitResult:
    """Take an address apart. Raises ``TargetError`` for what is not an http(s) one."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(character <= " " or character == "\x7f" for character in url):
        raise TargetError(f"not an http or https address: {url!r}")
    return parts


def endpoint(url: SplitResult) -> Tcp:
    """Where an address leads."""
    return Tcp(url.hostname or "", url.port or DEFAULT_PORTS[url.scheme])


def shown(url: SplitResult) -> str:
    """An address for a message: without user and password, and without its query, which may hold a token."""
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _headers(url: SplitResult) -> dict[str, str]:
    headers = {"Accept": "application/json, */*", "User-Agent": AGENT, "Connection": "close"}
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    return headers


def _body(response: http.client.HTTPResponse, sock: socket.socket, deadline: Deadline) -> bytes:
    """The body's beginning, and a byte more where there is more."""
    pieces: list[bytes] = []
    missing = BODY_LIMIT + 1
    while missing > 0 and not response.isclosed():
        sock.settimeout(deadline.left())
        piece = response.read1(missing)
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
