"""The host that is this very machine: no SSH, the same questions."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import tempfile
from typing import TYPE_CHECKING, BinaryIO

from plugins.target.model import Completed, Endpoint, NoRoute, TargetError, Tcp
from plugins.target.roads import Deadline, Road

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Where ``docker`` and system tools live on hosts whose non-interactive PATH does not name them.
USUAL_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/snap/bin", "/opt/bin", "~/bin", "/usr/sbin", "/sbin")

#: What a system says that knows no way to an address; sshd has no words for what its system refuses before trying.
NO_WAY = frozenset({os.strerror(errno.ENETUNREACH), "open failed"})

NOT_FOUND = 127  # what a shell answers where there is no such command
NOT_EXECUTABLE = 126


class LocalShell:
    """Commands and connections on this machine."""

    where = "this machine"
    is_here = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        folders = [os.path.expanduser(folder) for folder in USUAL_FOLDERS]  # noqa: PTH111 - a PATH entry is text
        self._environ = {**environ, "PATH": os.pathsep.join(filter(None, [environ.get("PATH", ""), *folders]))}
        self._waiting: list[Callable[[], None]] = []

    def open(self) -> None:
        """Nothing to connect."""
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def when_open(self, then: Callable[[], None]) -> None:
        """See ``Roads``."""
        self._waiting.append(then)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """Run one command; at the deadline, it and its children are killed. See ``model.Shell``."""
        try:
            process = self._start(argv, subprocess.PIPE, subprocess.PIPE, subprocess.PIPE)
        except (FileNotFoundError, NotADirectoryError):
            return Completed(tuple(argv), NOT_FOUND, stderr=f"{argv[0]}: not found".encode())
        except PermissionError:
            return Completed(tuple(argv), NOT_EXECUTABLE, stderr=f"{argv[0]}: permission denied".encode())
        try:
            out, err = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise Deadline(timeout_s, f"{argv[0]} on {self.where}").passed() from None
        finally:
            _end(process)
        code = process.returncode
        return Completed(tuple(argv), code if code >= 0 else 128 - code, out, err)  # a signal as a shell shows it

    def _start(
        self, argv: Sequence[str], stdin: int | BinaryIO, stdout: int | BinaryIO, stderr: int | BinaryIO
    ) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own: a Ctrl-C at the terminal is for the suite, not for it."""
        if not argv or any("\0" in word for word in argv):
            raise TargetError(f"not a command that could be run: {list(argv)!r}")
        try:
            return subprocess.Popen(
                argv, stdin=stdin, stdout=stdout, stderr=stderr, env=self._environ, start_new_session=True
            )
        except UnicodeEncodeError as error:
            raise TargetError(f"not a command that could be run: {list(argv)!r}: {error}") from error

    def forward(self, there: Endpoint) -> Endpoint:
        """The endpoint itself: it is here already."""
        return there

    def dial(self, there: Endpoint, *, timeout_s: float) -> Road:
        """Connect. See ``Roads``."""
        try:
            if isinstance(there, Tcp):
                sock = socket.create_connection((there.host, there.port), timeout=timeout_s)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                sock = _unix_connection(there.path, timeout_s)
        except TimeoutError:
            raise Deadline(timeout_s, f"connecting to {named(there)} from {self.where}").passed() from None
        except (OSError, UnicodeError) as error:
            raise not_connected(there, self.where, reason(error)) from error
        return Road(sock)

    def stream(self, argv: Sequence[str], *, timeout_s: float) -> Road:
        """Start a command and talk to it. See ``Roads``."""
        ours, its = socket.socketpair()
        ours.settimeout(timeout_s)
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the road
        try:
            process = self._start(argv, its.fileno(), its.fileno(), said.fileno())
        except (OSError, TargetError) as error:
            ours.close()
            said.close()
            raise TargetError(f"cannot start {argv[0]} on {self.where}: {error}") from error
        finally:
            its.close()

        def why() -> str:
            if said.closed:
                return ""
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)  # its last words come with its end
            said.seek(0)
            return said.read().decode(errors="backslashreplace").strip()

        def release() -> None:
            _end(process)
            said.close()

        return Road(ours, release, why)

    def close(self) -> None:
        """Nothing to give back."""


def _unix_connection(path: str, timeout_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def named(there: Endpoint) -> str:
    """An endpoint in words."""
    if isinstance(there, Tcp):
        return f"[{there.host}]:{there.port}" if ":" in there.host else f"{there.host}:{there.port}"
    return there.path


def not_connected(there: Endpoint, where: str, why: str) -> TargetError:
    """The error for a connection that could not be made, from the system's own words."""
    kind = NoRoute if why in NO_WAY else TargetError
    return kind(f"cannot connect to {named(there)} from {where}: {why}")


def reason(error: BaseException) -> str:
    """An OS error's own words, without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command that still runs, with its children, and close its pipes. Never waits long, never raises."""
    if process.poll() is None:
        # It leads a session, so its children share its group. Where it became another user (sudo), we may not.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):  # unsent input of a command that is gone
                pipe.close()
