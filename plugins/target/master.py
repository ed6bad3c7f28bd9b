"""The one OpenSSH connection of a host: started, awaited, watched, ended."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.eventually import NotInTime, eventually
from plugins.target.model import TargetError
from plugins.target.mux import Control
from plugins.target.nodelay import Hurry
from plugins.target.roads import Deadline
from plugins.target.ssh_text import (
    ASKABLE,
    USUAL_CONFIGS,
    check_destination,
    config,
    master_argv,
    meaning,
    plain_words,
)
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds until the login must have succeeded; ssh's own limit for connecting is 5. An unreachable host is to be known
#: as one within ten, with pytest's own start and the report.
LOGIN_TIMEOUT_S = 8.0
#: The same where ssh may ask at a terminal, and a person answers.
ASKING_TIMEOUT_S = 120.0

#: Seconds for ssh to end by itself.
FAREWELL_S = 2.0

#: How ssh says that it ends.
LAST_WORDS = re.compile(
    r"^(Connection to .* closed|Timeout, server|client_loop: |Disconnected from|Received disconnect)", re.MULTILINE
)

#: Of what ssh has said, at most this much is read again: every connection that it cannot make adds a line.
LOG_TAIL = 16_384

#: A control socket's path is limited to some 90 characters (ssh adds its own 17), fewer on macOS, where TMPDIR is long.
SHORT_FOLDER = "/tmp"  # noqa: S108 - the folder made in it is fresh, random and ours alone

#: Starts ssh as this very process, with a watcher beside it. $0: the folder; the rest: ssh and its arguments.
#: When the suite ends without a word (it was killed), its end of standard input closes: the connection must not stay.
#: What a terminal or a pipeline sends to all its processes (Ctrl-C, its own end, SIGTERM) is ignored: what the suite
#: then undoes needs the connection, and what a suite that died leaves needs the watcher.
WATCHED = r"""
trap '' INT QUIT HUP TERM
exec 3<&0
{ read -r word || { kill -KILL $$; rm -rf -- "$0"; } ; } <&3 >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""


class Master:
    """See the module. Its folder holds the control socket and whatever sockets are forwarded."""

    def __init__(self, destination: str, ssh_config: Path | None) -> None:
        self.destination = destination
        self._ssh_config = ssh_config
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of its sockets. Raises ``Unreachable`` when it is not open."""
        if self._folder is None:
            raise Unreachable(f"{self.destination}: the SSH connection is not open")
        return self._folder

    @property
    def control(self) -> str:
        """The control socket's path."""
        return str(self.folder / "c")

    def open(self) -> None:
        """Connect and log in. Raises ``Unreachable`` within 10 s, or later where ssh asked a person something."""
        try:
            check_destination(self.destination)
        except ValueError as error:
            raise Unreachable(f"{self.destination!r} is not given to ssh: {error}") from error
        if self._ssh_config is not None and not self._ssh_config.is_file():
            raise Unreachable(f"{self.destination}: there is no ssh_config {str(self._ssh_config)!r}")
        try:
            self._attempt(batch=True)
        except Unreachable as failure:
            if not (ASKABLE.search(str(failure)) and can_ask()):
                raise
            self._attempt(batch=False)

    def close(self) -> None:
        """End the connection and remove its folder. Never raises."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(b"\n")  # type: ignore[union-attr]  # it was started with a pipe
                process.stdin.close()  # type: ignore[union-attr]  # likewise
            self._end(process)
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Let ssh take its leave, which signals cannot tell it to; kill it where it does not."""
        try:
            deadline = Deadline(FAREWELL_S, "the end of the SSH connection")
            with contextlib.closing(Control(self.control, deadline)) as control:
                control.end()
            process.wait(timeout=FAREWELL_S)
        except (TargetError, Unreachable, subprocess.TimeoutExpired):
            process.kill()
            process.wait()

    @property
    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as ssh knows (it notices a silence after three seconds)."""
        if self._has_ended:
            return False
        # What it carried ends before its process does: then its last words are the earlier sign.
        return not LAST_WORDS.search(self._log())

    def log_size(self) -> int:
        """How much ssh has said so far; to be given to ``words``."""
        try:
            return (self.folder / "log").stat().st_size
        except (OSError, Unreachable):
            return 0

    def words(self, since: int = 0) -> str:
        """What ssh has said, since ``log_size`` was ``since``, on one line."""
        return plain_words(self._log(since))

    def _log(self, since: int = 0) -> str:
        try:
            with (self.folder / "log").open("rb") as log:
                log.seek(max(since, self.log_size() - LOG_TAIL))
                return log.read().decode(errors="backslashreplace")
        except (OSError, Unreachable):
            return ""

    def _attempt(self, *, batch: bool) -> None:
        """One ssh. Raises ``Unreachable``."""
        timeout_s = LOGIN_TIMEOUT_S if batch else ASKING_TIMEOUT_S
        parent = SHORT_FOLDER if os.access(SHORT_FOLDER, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="rb-", dir=parent))
        argv = master_argv(str(self._write_config(batch=batch)), self.control, self.destination)
        try:
            self._process = self._start(argv)
        except OSError as error:
            self.close()
            raise Unreachable(f"{self.destination}: ssh cannot be started: {error}") from error
        hurry = Hurry(self._process.pid)
        try:
            # Looked for every few milliseconds: the whole gate waits for this.
            eventually(lambda: self._logged_in(hurry), what="the SSH login", within_s=timeout_s, every_s=0.003)
        except NotInTime:
            words = self.words()
            self.close()
            raise self._unreachable(f"no login within {timeout_s:g} s", words, argv, batch=batch) from None
        except BaseException:
            self.close()
            raise
        finally:
            hurry.close()
        if self._has_ended:
            log = self._log()
            self.close()
            raise self._unreachable(meaning(log), plain_words(log), argv, batch=batch)

    def _logged_in(self, hurry: Hurry) -> bool:
        """Whether the control socket is there, which ssh makes right after the login, or ssh has given up."""
        hurry.hurry()
        return (self.folder / "c").exists() or self._has_ended

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", WATCHED, str(self.folder), *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def _write_config(self, *, batch: bool) -> Path:
        includes: Sequence[str] = USUAL_CONFIGS
        if self._ssh_config is not None:
            # A link of a plain name: an Include would take quotes, blanks and stars in the path for its own.
            link = self.folder / "included"
            link.symlink_to(self._ssh_config.absolute())
            includes = [str(link)]
        path = self.folder / "config"
        path.write_text(config(includes, batch=batch), encoding="utf-8")
        return path

    def _unreachable(self, why: str, words: str, argv: Sequence[str], *, batch: bool) -> Unreachable:
        asked = (
            "; there is no terminal here to ask anything at"
            if batch and ASKABLE.search(words) and not can_ask()
            else ""
        )
        which = f" with {self._ssh_config}" if self._ssh_config is not None else ""
        said = f" ssh said: {words}" if words else f" ssh ({argv[0]}) said nothing"
        return Unreachable(f"{self.destination} cannot be reached over SSH{which}: {why}{asked}.{said}")


def can_ask() -> bool:
    """Whether there is a terminal, or another way that the user chose, at which ssh can ask a question."""
    if os.environ.get("SSH_ASKPASS_REQUIRE") in {"force", "prefer"}:
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
