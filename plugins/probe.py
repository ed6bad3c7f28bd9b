"""Probes: read-only questions with a vantage point, each answered by an ``Answer`` and never by an exception.

The five vantage points are the in-container PING, the wire PING, the write round trip, the backend's own check
and the backend's readiness. The functions that read a reply are pure; the classes ask.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from plugins.target.model import SUITE_NAME, CannotAsk, CarrierFailed, NotPermitted, TargetError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugins.target.model import Command, Completed, Container, Reply, Stack, Wire


class Vantage(StrEnum):
    """Where a probe looks from; the values are the reports' own words."""

    EXEC_PING = "exec_ping"
    PING = "ping"
    WRITE = "write"
    BACKEND = "backend"
    READINESS = "readiness"

    @property
    def words(self) -> str:
        """The vantage point as a person would call it."""
        return _WORDS[self]


_WORDS = {
    Vantage.EXEC_PING: "in-container PING",
    Vantage.PING: "wire PING",
    Vantage.WRITE: "write round trip",
    Vantage.BACKEND: "backend",
    Vantage.READINESS: "readiness",
}

#: ``Answer.code`` where the server did not let the suite in.
CREDENTIALS = "CREDENTIALS"
#: ``Answer.code`` where nothing listens at the port that was asked, inside Redis's own container.
REFUSED = "REFUSED"
#: ``Answer.code`` where no answer came in time.
TIMEOUT = "TIMEOUT"
#: ``Answer.code`` where Redis answered, but not over the network, and why that is no fault of the host's.
DETOUR = "DETOUR"
#: ``Answer.code`` where what carries the question failed (SSH, the engine): ``ok`` is None, and may be more next time.
CARRIER = "CARRIER"
#: ``Answer.code`` where Redis wants TLS, and where the ACL user may not enter the database: the suite's own lack.
TLS, FORBIDDEN = "TLS", "FORBIDDEN"
#: ``Answer.code`` of a write that a replica refused; no verdict (``ok`` None) where one is declared.
READONLY = "READONLY"

_REFUSED_CREDENTIALS = re.compile(
    r"NOAUTH|WRONGPASS|AUTH failed|ERR AUTH|invalid (?:username-)?password", re.IGNORECASE
)
#: AUTH where the server wants no password at all: everything may be asked all the same.
_NO_PASSWORD = re.compile(r"without any password configured|no password is set", re.IGNORECASE)
#: How the client inside says that nothing listens there.
_NOBODY_LISTENS = re.compile(r"Could not connect to \w+ at .{1,300}: Connection refused")
#: The client in Redis's container, by the usual name first.
CLIENTS = ("redis-cli", "valkey-cli")
#: The name comes second: PING's answer is the first line, and whose INFO it was shows in the slow log.
SAID_INSIDE: tuple[Command, ...] = (("PING",), ("CLIENT", "SETNAME", SUITE_NAME), ("INFO", "server"))
#: The wire has said its name before anything is asked.
SAID_OUTSIDE: tuple[Command, ...] = (("PING",), ("INFO", "server"))


@dataclass(frozen=True)
class Answer:
    """What a probe was told. ``ok`` None: it could not be asked, and ``detail`` says why.

    ``took_s`` is in seconds; ``code`` is the first word of an error reply, or one of this room's own, as ``TIMEOUT``;
    ``run_id`` names the server process that answered, where that is known; ``at`` is monotonic, the end.
    """

    ok: bool | None
    detail: str
    took_s: float
    vantage: str
    code: str = ""
    run_id: str = ""
    at: float = field(default=0.0, compare=False)

    def describe(self) -> str:
        """The answer in one line."""
        return f"{self.detail} (in {self.took_s * 1000:.0f} ms)"


def timed(vantage: Vantage, work: Callable[[], Answer]) -> Answer:
    """Do the work, time it, and turn the target's failures into answers."""
    start = time.monotonic()
    try:
        answer = work()
    except TimedOut as error:
        answer = unwell(vantage, f"no answer in time: {error}", TIMEOUT)
    except NotPermitted as error:
        answer = unwell(vantage, str(error), FORBIDDEN)
    except CannotAsk as error:
        carrier = CARRIER if isinstance(error, CarrierFailed) else ""
        answer = unasked(vantage, f"could not be asked: {error}", carrier)
    except TargetError as error:
        code = CREDENTIALS if _REFUSED_CREDENTIALS.search(str(error)) else ""
        answer = unwell(vantage, _lamented(code, str(error)), code)
    end = time.monotonic()
    return replace(answer, detail=printable(answer.detail), took_s=answer.took_s or end - start, at=end)


def printable(text: str, limit: int = 1000) -> str:
    """What came from outside in one line of at most ``limit`` characters, control characters escaped."""
    line = " ".join(text[: 4 * limit].split())
    line = line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)


def unwell(vantage: Vantage, detail: str, code: str = "", *, run_id: str = "") -> Answer:
    """An answer that something is amiss."""
    return Answer(ok=False, detail=detail, took_s=0.0, vantage=vantage, code=code, run_id=run_id)


def unasked(vantage: Vantage, detail: str, code: str = "") -> Answer:
    """No answer, and why."""
    return Answer(ok=None, detail=detail, took_s=0.0, vantage=vantage, code=code)


def well(vantage: Vantage, detail: str, *, run_id: str = "") -> Answer:
    """An answer that all is well."""
    return Answer(ok=True, detail=detail, took_s=0.0, vantage=vantage, run_id=run_id)


def _lamented(code: str, detail: str) -> str:
    return f"the suite's credentials were refused: {detail}" if code == CREDENTIALS else detail


# --- PING, in the container and over the wire -------------------------------------------------------------------


def read_pong(vantage: Vantage, reply: str, *, run_id: str = "") -> Answer:
    """What a reply to PING means, errors included (``reply`` is the text as the server sent it)."""
    text = reply.strip()
    if text == "PONG":
        return well(vantage, "PONG", run_id=run_id)
    code = text.partition(" ")[0]
    if code == "NOPERM":
        return unasked(vantage, f"the ACL user may not PING: {text}", code)
    if _REFUSED_CREDENTIALS.search(text):
        return unwell(vantage, _lamented(CREDENTIALS, text), CREDENTIALS)
    return unwell(vantage, text or "no reply", code, run_id=run_id)


def read_run_id(info: str) -> str:
    """The server process's identity in INFO's text; empty where it does not say."""
    found = re.search(r"^run_id:(\w+)", info, re.MULTILINE)
    return found.group(1) if found else ""


def read_exec_ping(done: Completed) -> Answer:
    """What ``redis-cli`` printed for PING, and for INFO after it. It exits 0 on error replies: its text decides."""
    first, _, rest = done.text.lstrip().partition("\n")
    complaint = done.errors.strip()
    # Redis 6.2's client does not say why AUTH failed: where PING is answered all the same, none was needed.
    let_in = _NO_PASSWORD.search(complaint) or (first.strip() == "PONG" and complaint.endswith("AUTH failed"))
    if _REFUSED_CREDENTIALS.search(complaint) and not let_in:
        said = complaint.splitlines()[0]
        return unwell(Vantage.EXEC_PING, _lamented(CREDENTIALS, said), CREDENTIALS)
    if not first.strip():
        said = complaint.splitlines()[0] if complaint else f"redis-cli exited {done.exit_code} without a word"
        return unwell(Vantage.EXEC_PING, said, REFUSED if _NOBODY_LISTENS.match(said) else "")
    return read_pong(Vantage.EXEC_PING, first, run_id=read_run_id(rest))


@dataclass(frozen=True)
class ExecPing:
    """PING by the client in Redis's own container; the server's run_id comes with it in the same session."""

    stack: Stack
    container: Container
    arguments: tuple[str, ...]  # -p PORT and the like
    env: Mapping[str, str]  # the password, which never reaches argv
    timeout_s: float = 5.0
    vantage: Vantage = Vantage.EXEC_PING
    # PING alone, as an argument, for who asks often: a client that reads its input has all commands described first.
    brief: bool = False

    def ask(self) -> Answer:
        """Ask by ``redis-cli``, or by ``valkey-cli`` where that is the one in the image."""
        return timed(self.vantage, self._ask)

    def _ask(self) -> Answer:
        lines = () if self.brief else SAID_INSIDE
        missing, said = "", b"".join(b"%s\n" % " ".join(map(str, one)).encode() for one in lines)
        for client in CLIENTS:
            argv = (client, *self.arguments, *(("PING",) if self.brief else ()))
            try:
                done = self.stack.execute(self.container, argv, env=self.env, stdin=said, timeout_s=self.timeout_s)
            except TimedOut:
                raise
            except TargetError as error:
                if not is_missing(str(error)):
                    raise
                missing = str(error)
                continue
            if not is_absent(done):
                return read_exec_ping(done)
            missing = done.errors.strip() or done.text.strip()
        return unasked(self.vantage, f"the container has neither {' nor '.join(CLIENTS)}: {missing}")


def is_missing(complaint: str) -> bool:
    """Whether the engine's words say that the container has no such program."""
    return "executable file not found" in complaint or "no such file or directory" in complaint.lower()


def is_absent(done: Completed) -> bool:
    """Whether the command could not be started at all, as shells and engines say it: 126 or 127."""
    return done.exit_code in {126, 127}


@dataclass(frozen=True)
class WirePing:
    """PING over the network, from where the suite reaches Redis."""

    wire: Wire
    timeout_s: float = 5.0
    vantage: Vantage = Vantage.PING

    def ask(self) -> Answer:
        """Ask once, without retries."""
        return timed(self.vantage, self._ask)

    def _ask(self) -> Answer:
        pong, info = self.wire.ask(SAID_OUTSIDE, timeout_s=self.timeout_s)
        answer = read_pong(self.vantage, as_text(pong), run_id=read_run_id(as_text(info)))
        return replace(answer, detail=f"{answer.detail} ({self.wire.via})")


def as_text(reply: Reply) -> str:
    """A reply as text; nothing for nil."""
    match reply:
        case None:
            return ""
        case bytes():
            return reply.decode(errors="backslashreplace")
        case _:
            return str(reply)
