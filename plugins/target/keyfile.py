"""Saved keys on the host: the file that they are written to, and the command there that puts them back."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.target.compose import ComposeStack
from plugins.target.model import TargetError
from plugins.target.redis_cli import MISSING, PROGRAMS
from plugins.target.resp import encode
from plugins.target.sole import PIPE, sole
from plugins.undo import LOGIN, Restore, Undo, script

if TYPE_CHECKING:
    from plugins.target.model import Completed, Container
    from plugins.target.open import Target
    from plugins.target.redis import Login
    from plugins.target.roads import Deadline, Roads

#: The last command in the file: without it, what arrived was cut short.
END = encode([("PING",)])

#: $1: the file. Standard input becomes it, readable by nobody else, once all of it is on the disk. Prints its size.
PUT = """\
umask 077
fail() {
  rm -f -- "$1.part"
  exit 1
}
cat >"$1.part" || fail "$1"
case $(tail -c 6 -- "$1.part") in
PING*) ;;
*) fail "$1" ;;
esac
sync "$1.part" 2>/dev/null || sync
mv -f -- "$1.part" "$1" || fail "$1"
sync "${1%/*}" 2>/dev/null || sync
wc -c <"$1"
"""

#: Seconds without a reply after which the client gives up. Where the login is refused, or Redis still loads, the reply
#: that it waits for never comes, and whoever undoes tries again.
SILENCE_S = "5"

#: The process twin's client, which needs neither a folder nor an environment.
TWIN_CLIENT = Path(__file__).resolve().parents[2] / "twin" / "redis_cli.py"


class KeyFile:
    """A file on the host that is being written. It has its name only when all of it is there: see ``finish``."""

    def __init__(self, shell: Roads, path: str, deadline: Deadline) -> None:
        self._shell = shell
        self._path = path
        self._deadline = deadline
        self._size = 0
        self._road = shell.stream(("sh", "-c", PUT, "sh", path), timeout_s=deadline.left())

    def write(self, data: bytes) -> None:
        """Append. Raises ``TargetError`` with the host's words (a full disk, a folder that is not there)."""
        self._size += len(data)
        try:
            self._road.sock.settimeout(self._deadline.left())
            self._road.sock.sendall(data)
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from error

    def finish(self) -> None:
        """Wait until all of it is on the host's disk. Raises ``TargetError`` where it is not."""
        self.write(END)
        said = b""
        try:
            self._road.sock.shutdown(socket.SHUT_WR)
            while True:
                self._road.sock.settimeout(self._deadline.left())
                if not (piece := self._road.sock.recv(1024)):
                    break
                said += piece
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from error
        if said.strip() != b"%d" % self._size:
            written = said.decode(errors="backslashreplace").strip() or "nothing"
            raise self._failed(f"of {self._size} bytes, {written} arrived")
        self._road.close()

    def abandon(self) -> None:
        """Take away what was written. Never raises."""
        self._road.close()
        with contextlib.suppress(TargetError):
            self._shell.run(("rm", "-f", "--", f"{self._path}.part", self._path))

    def _failed(self, what: str) -> TargetError:
        return TargetError(f"{self._path} on {self._shell.where} cannot be written: {self._road.why() or what}")


def login_command(login: Login) -> bytes:
    """What logs the host's client in, before the keys: AUTH in Redis's protocol; empty without a password."""
    return encode(command for command in login.commands() if command[0] == "AUTH")


def replaying(target: Target, redis: Container) -> tuple[str, ...]:
    """The command on the host that reads saved keys from its standard input and gives them to Redis.

    To the one container that the service has by then, or to none. Without the password, which goes before the keys.
    Raises ``TargetError`` where the container has no client.
    """
    host, port = target.host, str(target.host.redis_port)
    if not isinstance(target.stack, ComposeStack):
        return (sys.executable, "-I", "-S", str(TWIN_CLIENT), "-p", port, "--pipe", "--pipe-timeout", SILENCE_S)
    project = target.stack.project
    for name in PROGRAMS:
        if target.stack.execute(redis, [name, "--version"]).exit_code not in MISSING:
            words = (name, port, SILENCE_S)
            return sole(PIPE, *words, project=project, service=redis.service, docker=host.docker)
    raise TargetError(f"{redis.name} has no {' and no '.join(PROGRAMS)} that could put keys back")


def replay(shell: Roads, restore: Restore, login: Login, *, timeout_s: float) -> Completed:
    """Put saved keys back, by the very script that the host would run by itself. Raises ``TargetError``."""
    given = f"{LOGIN}={shlex.quote(login_command(login).decode(errors='surrogateescape'))}\n"
    text = given + script(Undo("lost keys", restore=restore))
    return shell.run(("sh", "-s", "restore"), stdin=text.encode(errors="surrogateescape"), timeout_s=timeout_s)
