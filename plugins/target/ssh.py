"""A host over SSH: everything that is asked of it rides on one OpenSSH connection."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
from typing import TYPE_CHECKING, BinaryIO

from plugins.target.local import named, not_connected
from plugins.target.master import Master
from plugins.target.model import CarrierFailed, Completed, Endpoint, ForwardingRefused, TargetError, Tcp, Unix
from plugins.target.mux import Control, MasterGone, MasterRefused
from plugins.target.roads import Deadline, Road
from plugins.target.ssh_text import any_shell, script
from plugins.target.streams import content, skip_to, unnamed_file
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

#: How sshd says that its configuration forbids a forwarding.
FORBIDDEN = "administratively prohibited"

#: Seconds in which a server must have noticed that a session of ours has ended, and between two attempts meanwhile.
SESSION_GRACE_S = 2.0
SESSION_RETRY_S = 0.05

#: Seconds to learn in whether the server forwards: an address that hangs was not forbidden.
TRIAL_S = 1.0


class SshShell:
    """See ``model.Shell`` and ``roads.Roads``. Safe to use from several threads.

    A command that outlives its deadline, or the connection, goes on running on the host: SSH has no way to end it.
    """

    is_here = False

    def __init__(self, destination: str, *, ssh_config: Path | None = None) -> None:
        self.where = destination
        self._master = Master(destination, ssh_config)
        self._opening = threading.Lock()
        self._is_open = False
        self._failure: Unreachable | None = None
        self._waiting: list[Callable[[], None]] = []
        self._waiting_lock = threading.Lock()
        self._sessions = threading.Condition()
        self._running = 0
        self._forwards: dict[Endpoint, Unix] = {}
        self._forwarding = threading.Lock()
        self._forbidden: set[type] = set()
        self._tcp_tried = False

    def open(self) -> None:
        """See ``model.Shell``. A failure is remembered: the next call fails at once."""
        if self._is_open:
            return
        with self._opening:
            if self._is_open:
                return
            if self._failure is not None:
                raise self._failure
            try:
                self._master.open()
            except Unreachable as failure:
                self._failure = failure
                raise
            with self._waiting_lock:
                self._is_open = True
                waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def when_open(self, then: Callable[[], None]) -> None:
        """See ``Roads``. Does not wait for a connection that is being made."""
        with self._waiting_lock:
            if not self._is_open:
                self._waiting.append(then)
                return
        then()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """See ``model.Shell``. Two round trips. The exit code is 128 and more for a command that a signal ended."""
        deadline = Deadline(timeout_s, f"{argv[0] if argv else 'nothing'} on {self.where}")
        mark = secrets.token_hex(8)
        command = any_shell(script(argv, mark))
        with unnamed_file(stdin) as given, unnamed_file() as out, unnamed_file() as err:
            with self._session(command, (given, out, err), deadline) as control:
                code = control.ended(deadline)
            stdout, stderr = content(out), content(err)
        marked = f"{mark}\n".encode()
        noise, seen, stdout = stdout.partition(marked)
        if not seen:
            raise self._never_ran(noise + stderr)
        if code is None:
            raise CarrierFailed(self._gone() or f"{argv[0]} on {self.where} ended without an exit code, as if killed")
        return Completed(tuple(argv), code, stdout, stderr.partition(marked)[2])

    def forward(self, there: Endpoint) -> Unix:
        """See ``model.Shell``: a unix socket. The first one to TCP costs a round trip, to learn of a prohibition.

        What forbids unix sockets shows at their first use only, and sshd does not tell it from a missing one.
        """
        self.open()
        if isinstance(there, Tcp) and not self._tcp_tried:
            self._try_tcp(there)
        with self._forwarding:
            if type(there) in self._forbidden:
                raise self._refused(there)
            here = self._forwards.get(there)
            if here is None:
                here = Unix(str(self._master.folder / f"f{len(self._forwards)}"))
                control = self._control(Deadline(5, f"forwarding {named(there)}"))
                try:
                    control.forward(here.path, there)
                except MasterRefused as error:
                    raise CarrierFailed(
                        f"{named(there)} cannot be forwarded: {error} {self._master.words()}"
                    ) from error
                finally:
                    control.close()
                self._forwards[there] = here
        return here

    def _try_tcp(self, there: Tcp) -> None:
        """Learn whether the server forwards TCP at all. Raises ``ForwardingRefused``."""
        try:
            self.dial(there, timeout_s=TRIAL_S).close()
        except ForwardingRefused:
            raise
        except TargetError:
            pass  # nobody listens there just now
        self._tcp_tried = True

    def dial(self, there: Endpoint, *, timeout_s: float) -> Road:
        """See ``Roads``. TCP: one round trip, and a failure says why. Unix socket: none, and a failure shows at use."""
        self.open()
        deadline = Deadline(timeout_s, f"connecting to {named(there)} from {self.where}")
        if type(there) in self._forbidden:
            raise self._refused(there)
        return self._dial_tcp(there, deadline) if isinstance(there, Tcp) else self._dial_unix(there, deadline)

    def stream(self, argv: Sequence[str], *, timeout_s: float) -> Road:
        """See ``Roads``. Two round trips."""
        deadline = Deadline(timeout_s, f"{argv[0]} on {self.where}")
        mark = secrets.token_hex(8)
        command = any_shell(script(argv, mark))
        err = unnamed_file()
        ours, its = socket.socketpair()
        slot = contextlib.ExitStack()
        slot.callback(ours.close)
        slot.callback(err.close)
        try:
            with its:
                control = slot.enter_context(self._session(command, (its, its, err), deadline))
            skip_to(ours, f"{mark}\n".encode(), deadline)
        except EOFError as noise:
            words = noise.args[0] + content(err)
            slot.close()
            raise self._never_ran(words) from None
        except BaseException:
            slot.close()
            raise

        def why() -> str:
            with contextlib.suppress(TargetError):
                control.ended(Deadline(1, "the command's end"))
            said = b"" if err.closed else content(err).partition(f"{mark}\n".encode())[2]
            return said.decode(errors="backslashreplace").strip() or self._gone()

        return Road(ours, slot.close, why)

    def close(self) -> None:
        """See ``model.Shell``."""
        self._master.close()

    def _control(self, deadline: Deadline) -> Control:
        self.open()
        try:
            return Control(self._master.control, deadline)
        except MasterGone as error:
            raise self._lost(str(error)) from error
        except Unreachable as error:  # closed meanwhile
            raise CarrierFailed(str(error)) from error

    @contextlib.contextmanager
    def _session(
        self, command: bytes, streams: Sequence[BinaryIO | socket.socket], deadline: Deadline
    ) -> Iterator[Control]:
        """A session with these streams. Where the server allows no more of them, wait for one of ours to end."""
        control = self._start(command, [stream.fileno() for stream in streams], deadline)
        try:
            yield control
        finally:
            control.close()
            self._ended()

    def _start(self, command: bytes, streams: Sequence[int], deadline: Deadline) -> Control:
        """Start a session, and count it; where the server wants no more of them, wait until one of ours ended."""
        grace = Deadline(min(SESSION_GRACE_S, deadline.left()), "")
        while True:
            with self._sessions:
                others = self._running
            try:
                return self._try_to_start(command, streams, deadline)
            except MasterRefused as error:
                if others == 0 and grace.over:
                    raise CarrierFailed(f"the SSH server of {self.where} refuses a session: {error}") from error
            with self._sessions:
                # Also where none of ours is left: the server may not know yet that the last one has ended.
                self._sessions.wait(SESSION_RETRY_S)

    def _try_to_start(self, command: bytes, streams: Sequence[int], deadline: Deadline) -> Control:
        with self._sessions:
            self._running += 1
        control = None
        try:
            control = self._control(deadline)
            control.session(command, streams)
        except BaseException:
            if control is not None:
                control.close()
            self._ended()
            raise
        return control

    def _ended(self) -> None:
        with self._sessions:
            self._running -= 1
            self._sessions.notify_all()

    def _dial_tcp(self, there: Tcp, deadline: Deadline) -> Road:
        ours, its = socket.socketpair()
        logged = self._master.log_size()
        control = None
        try:
            with its:
                control = self._control(deadline)
                control.connect(there, its.fileno())
        except BaseException as error:
            ours.close()
            if control is not None:
                control.close()
            if isinstance(error, MasterRefused):
                raise self._not_connected(there, self._master.words(logged)) from error
            raise
        return Road(ours, control.close, self._gone)

    def _dial_unix(self, there: Unix, deadline: Deadline) -> Road:
        here = self.forward(there)
        logged = self._master.log_size()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left())
            sock.connect(here.path)
        except OSError as error:
            sock.close()
            raise self._lost(str(error)) from error

        def why() -> str:
            words = self._master.words(logged)
            return str(self._not_connected(there, words)) if "open failed" in words else self._gone()

        return Road(sock, None, why)

    def _not_connected(self, there: Endpoint, words: str) -> TargetError:
        """The error for a connection that the server did not make, from its words in ssh's log."""
        if FORBIDDEN in words:
            self._forbidden.add(type(there))
            return self._refused(there)
        if gone := self._gone():
            return CarrierFailed(gone)
        reason = re.sub(r".*open failed: (connect failed: )?", "", words) or "no reason was given"
        if isinstance(there, Unix):
            # sshd gives one reason for everything: no such socket, no permission, AllowStreamLocalForwarding no.
            reason = "it is not there, or this user may not, or the SSH server forbids it"
        return not_connected(there, self.where, reason)

    def _refused(self, there: Endpoint) -> ForwardingRefused:
        return ForwardingRefused(
            f"the SSH server of {self.where} forbids forwarding to {named(there)} (AllowTcpForwarding, PermitOpen)"
        )

    def _gone(self) -> str:
        """What to say of a connection that ended: something only where ssh itself has ended."""
        return "" if self._master.alive else f"the SSH connection to {self.where} has ended: {self._master.words()}"

    def _lost(self, when: str) -> CarrierFailed:
        return CarrierFailed(
            self._gone() or f"{self.where}: {when}: no answer over the SSH connection, which still stands"
        )

    def _never_ran(self, printed: bytes) -> CarrierFailed:
        """The error for a session in which our command did not begin."""
        text = printed.decode(errors="backslashreplace").strip()
        return CarrierFailed(
            self._gone() or f"the login shell on {self.where} did not run our command; it said: {text!r}"
        )
