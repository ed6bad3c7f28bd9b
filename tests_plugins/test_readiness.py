"""The readiness address: real HTTP servers, good and bad, over TLS and without, from here and from the host."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.target.curl import NOT_ASKED, SCRIPT, ask_with_curl, parsed
from plugins.target.http_answer import BODY_LIMIT, retry_after
from plugins.target.local import LocalShell
from plugins.target.model import CannotAsk, CarrierFailed, Completed, HttpAnswer, TargetError, Tcp, TimedOut
from plugins.target.readiness import Readiness
from plugins.target.roads import Deadline
from tests_plugins.hostile import hostile
from tests_plugins.sshds import server, shell
from tests_plugins.staging import SshdOptions, skip_or_fail
from tests_plugins.staging.requirements import find, path_of
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from plugins.target.model import Endpoint, Shell
    from plugins.target.roads import Road
    from plugins.target.ssh import SshShell

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Heard:
    """What a server was asked."""

    def __init__(self) -> None:
        self.requests: list[str] = []


@contextmanager
def answering(
    answer: bytes | Callable[[socket.socket], None], context: ssl.SSLContext | None = None
) -> Iterator[tuple[int, Heard]]:
    """A server that answers every request with these bytes, and closes."""
    heard = Heard()

    def serve() -> None:
        while True:
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(taken, server_side=True) if context else taken as connection:
                    heard.requests.append(connection.recv(10_000).decode(errors="replace"))
                    if isinstance(answer, bytes):
                        connection.sendall(answer)
                    else:
                        answer(connection)
            except OSError:
                continue  # a client that went away, or trusts us not

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def ask(url: str, *, timeout_s: float = 5, ca_file: Path | None = None) -> HttpAnswer:
    """One answer, from this machine."""
    return Readiness(url, LocalShell({}), ca_file).ask(timeout_s)


@contextmanager
def silent() -> Iterator[int]:
    """A server that takes a request and says nothing for long."""
    stop = threading.Event()

    def wait(_: socket.socket) -> None:
        stop.wait(10)

    with answering(wait) as (port, _):
        yield port
        stop.set()


def test_an_answer() -> None:
    """Status, type, body, and how long it took."""
    with answering(OK) as (port, heard):
        answer = ask(f"http://127.0.0.1:{port}/api/v1/ready?deep=1")
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b"{}")
    assert 0 < answer.took_s < 5
    assert heard.requests[0].startswith("GET /api/v1/ready?deep=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n" in heard.requests[0]


@pytest.mark.parametrize("status", [204, 301, 404, 429, 500, 503])
def test_any_status_is_an_answer(status: int) -> None:
    """An error is one, and so is a redirect, which is not followed."""
    with answering(f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n".encode()) as (
        port,
        heard,
    ):
        assert ask(f"http://127.0.0.1:{port}/").status == status
        assert len(heard.requests) == 1


def test_a_body_in_chunks() -> None:
    """However it comes."""
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n3\r\na":\r\n2\r\n1}\r\n0\r\n\r\n'
    with answering(chunked) as (port, _):
        assert ask(f"http://127.0.0.1:{port}/").body == b'{"a":1}'


def test_of_a_large_body_the_beginning_is_read() -> None:
    """64 KiB of it, and it is said that there was more."""
    for size, cut in ((BODY_LIMIT, False), (BODY_LIMIT + 1, True), (1_000_000, True)):
        with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size) as (port, _):
            answer = ask(f"http://127.0.0.1:{port}/")
        assert (answer.body, answer.cut) == (b"x" * BODY_LIMIT, cut)
        head = b"HTTP/1.1 200 OK\r\n\r\n"
        assert parsed(head + b"x" * size, 1.0, "readiness").cut is cut


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nA: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
    ids=["status", "header", "continue", "chunk", "body"],
)
def test_an_answer_that_drips_times_out(head: bytes, drop: bytes) -> None:
    """The deadline is one for the whole answer, not for each of its bytes."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(drop)
            if stop.wait(0.1):
                return

    stop = threading.Event()
    with answering(drip) as (port, _):
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            ask(f"http://127.0.0.1:{port}/", timeout_s=0.5)
        assert time.monotonic() - begun < 2
        stop.set()


def test_silence_times_out() -> None:
    """A server that takes the connection and says nothing."""
    with silent() as port, pytest.raises(TimedOut, match=r"readiness .* from this machine: no answer within 0.3 s"):
        ask(f"http://127.0.0.1:{port}/", timeout_s=0.3)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://no-such-host.invalid/ready", "not known|resolution"),
        ("ftp://127.0.0.1/", "not an http or https address"),
        ("http:///ready", "not an http or https address"),
        ("http://127.0.0.1:99999/", "not an http or https address"),
        ("http://127.0.0.1/a b", "not an http or https address"),
        ("http://127.0.0.1/\r\nX: y", "not an http or https address"),
    ],
)
def test_addresses_that_cannot_be_asked(url: str, words: str) -> None:
    """Told apart."""
    with pytest.raises(TargetError, match=words):
        ask(url)


def test_nobody_listens() -> None:
    """Refused, in the system's words."""
    with pytest.raises(TargetError, match="Connection refused"):
        ask(f"http://127.0.0.1:{free_ports(1)[0]}/")


@pytest.mark.parametrize(
    "words", [b"", b"SSH-2.0-x\r\n", b"\0\xff", b"HTTP/9 x\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99999]
)
def test_what_is_not_http_is_told(words: bytes) -> None:
    """Whatever talks there instead."""
    with answering(words) as (port, _), pytest.raises(TargetError, match="readiness"):
        ask(f"http://127.0.0.1:{port}/")


def test_proxy_variables_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI system's proxy does not reroute the question."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(OK) as (port, _):
        assert ask(f"http://127.0.0.1:{port}/").status == 200


def test_user_and_password_of_an_address() -> None:
    """They are sent as HTTP wants them, and shown nowhere."""
    with answering(OK) as (port, heard):
        ask(f"http://who:se%20cret@127.0.0.1:{port}/")
    assert "Authorization: Basic d2hvOnNlIGNyZXQ=\r\n" in heard.requests[0]
    with pytest.raises(TargetError) as caught:
        ask(f"http://who:secret@127.0.0.1:{port}/?token=hidden")
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("5", 5), ("0", 0), ("", None), ("soon", None), ("-1", None), ("9" * 400, 3600)),
        *(("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600)),
        (f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    """A number of seconds or a date, an hour at most, or nothing that can be understood."""
    assert retry_after(header) == seconds


def test_retry_after_a_date_to_come() -> None:
    """Seconds from now."""
    until = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60)))
    assert until is not None
    assert 50 < until <= 60


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private authority's certificate, and one of its for ``localhost``."""
    if find("openssl") is None:
        skip_or_fail("no openssl on this machine")
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*argv: str) -> None:
        subprocess.run([path_of("openssl"), *argv], cwd=folder, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=private authority")
    openssl("req", *key, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n", encoding="utf-8")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "csr.pem", *signing, "-out", "cert.pem")
    return folder


def server_context(certificates: Path) -> ssl.SSLContext:
    """What a server for ``localhost`` needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    return context


@pytest.fixture
def secure(certificates: Path) -> Iterator[int]:
    """A server over TLS."""
    with answering(OK, server_context(certificates)) as (port, _):
        yield port


class Diverted(LocalShell):
    """Every connection leads to one port."""

    def __init__(self, port: int) -> None:
        super().__init__({})
        self._port = port

    def dial(self, there: Endpoint, *, timeout_s: float) -> Road:  # noqa: ARG002 - as a shell is called
        """To that port."""
        return super().dial(Tcp("127.0.0.1", self._port), timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("address", "named"), [("localhost", "localhost"), ("localhost:443", "localhost"), ("localhost:80", "localhost:80")]
)
def test_over_tls_the_host_is_named_without_the_default_port(certificates: Path, address: str, named: str) -> None:
    """As every other client names it: a proxy may know its hosts by that."""
    with answering(OK, server_context(certificates)) as (port, heard):
        Readiness(f"https://{address}/", Diverted(port), certificates / "ca.pem").ask(5)
    assert f"\r\nHost: {named}\r\n" in heard.requests[0]


def test_a_private_authority(secure: int, certificates: Path) -> None:
    """Trusted where the inventory says so."""
    assert ask(f"https://localhost:{secure}/", ca_file=certificates / "ca.pem").status == 200


def test_an_authority_that_nobody_trusts(secure: int) -> None:
    """TLS is told from the rest."""
    with pytest.raises(TargetError, match=r"TLS: .*certificate"):
        ask(f"https://localhost:{secure}/")


def test_a_name_that_the_certificate_lacks(secure: int, certificates: Path) -> None:
    """Checked, also where the way leads elsewhere."""
    with pytest.raises(TargetError, match=r"TLS: .*127\.0\.0\.1"):
        ask(f"https://127.0.0.1:{secure}/", ca_file=certificates / "ca.pem")


def test_tls_where_there_is_none() -> None:
    """Plain HTTP on the port."""
    with answering(OK) as (port, _), pytest.raises(TargetError, match=r"TLS: .* probably plain http: readiness_url"):
        ask(f"https://localhost:{port}/")


# --- from the host ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["yes", "no"], ids=["forwarding", "no forwarding"])
def host(request: pytest.FixtureRequest) -> Iterator[SshShell]:
    """An open shell to a host, which forwards or does not."""
    with server(SshdOptions(tcp_forwarding=request.param)) as running, shell(running) as made:
        made.open()
        yield made


def test_from_the_host(host: SshShell) -> None:
    """The same answer; where forwarding is forbidden, curl asks, and a note says so."""
    with answering(OK) as (port, heard):
        readiness = Readiness(f"http://localhost:{port}/ready", host, None)
        answer = readiness.ask(5)
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b"{}")
    assert heard.requests[0].startswith("GET /ready HTTP/1.1\r\n")
    assert f"Host: localhost:{port}\r\n" in heard.requests[0]
    assert bool(readiness.note) == bool(host._forbidden)  # noqa: SLF001 - which of the two hosts it is


def test_from_the_host_over_tls(host: SshShell, secure: int, certificates: Path) -> None:
    """The private authority's file is here, not there, and is used all the same."""
    assert Readiness(f"https://localhost:{secure}/", host, certificates / "ca.pem").ask(5).status == 200


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:{port}/", "refused|connect"),
        ("http://no-such-host.invalid/", "unknown name|not known|resolution"),
        ("https://localhost:{secure}/", "TLS"),
    ],
)
def test_failures_from_the_host(host: SshShell, secure: int, url: str, words: str) -> None:
    """Told apart either way."""
    with pytest.raises(TargetError, match=words):
        Readiness(url.format(port=free_ports(1)[0], secure=secure), host, None).ask(5)


def test_tls_from_the_host_where_there_is_none(host: SshShell) -> None:
    """Told either way."""
    with answering(OK) as (port, _), pytest.raises(TargetError, match=r"TLS: .* probably plain http: readiness_url"):
        Readiness(f"https://localhost:{port}/", host, None).ask(5)


def test_silence_from_the_host_times_out(host: SshShell) -> None:
    """At the deadline, either way."""
    with silent() as port, pytest.raises(TimedOut):
        Readiness(f"http://127.0.0.1:{port}/", host, None).ask(0.7)


@pytest.mark.parametrize("code", [2, 126, 127])
def test_a_host_without_a_working_curl_was_not_asked(code: int) -> None:
    """The host's own shortcoming is told apart from the backend's."""

    def lacking(argv: Sequence[str], **_: object) -> Completed:
        return Completed(tuple(argv), code, stderr=b"sh: curl: not found")

    host = cast("Shell", SimpleNamespace(run=lacking))
    with pytest.raises(CannotAsk, match="could not be asked by curl on the host: sh: curl: not found"):
        ask_with_curl(host, "http://localhost/", None, Deadline(5, "readiness"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TargetError("not a command"), CannotAsk),
        (CarrierFailed("connection lost"), CarrierFailed),
        (TimedOut("5 s"), TimedOut),
    ],
    ids=["not run", "lost", "late"],
)
def test_a_carrier_that_fails_asked_nobody(error: TargetError, kind: type[TargetError]) -> None:
    """Where the command never ran nothing was asked; a carrier's failure and a time-out stay what they are."""

    def lost(*_: object, **__: object) -> Completed:
        raise error

    host = cast("Shell", SimpleNamespace(run=lost))
    with pytest.raises(kind):
        ask_with_curl(host, "http://localhost/", None, Deadline(5, "readiness"))


@pytest.mark.parametrize("missing", ["curl", "mktemp"])
def test_what_the_script_needs_of_the_host(tmp_path: Path, missing: str) -> None:
    """The real shell's exit codes, with one program missing on its path."""
    for name in {"mktemp", "cat", "rm"} - {missing}:
        (tmp_path / name).symlink_to(path_of(name))
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "sh"], env={"PATH": str(tmp_path)}, input=b"", capture_output=True, check=False
    )
    assert done.returncode in NOT_ASKED


@hostile
@given(st.binary(max_size=300))
def test_any_output_of_curl_is_an_answer_or_an_error(output: bytes) -> None:
    """Nothing else can come of it."""
    try:
        assert parsed(output, 1.0, "readiness").status >= 0
    except TargetError as error:
        assert "not HTTP" in str(error)  # noqa: PT017 - either outcome is right
