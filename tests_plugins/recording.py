"""What a host is really asked, recorded where it arrives: at its sshd, in front of its engine, in its Redis."""

from __future__ import annotations

import io
import json
import re
import shlex
import tempfile
from contextlib import contextmanager
from http.client import parse_headers
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from tests_plugins.staging.requirements import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_plugins.staging import StagingHost

#: Runs what was asked for, as sshd would have, after it has written it down.
_SESSION = """#!/bin/sh
printf %s "$SSH_ORIGINAL_COMMAND" > {folder}/session.$$
exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"
"""
#: A `docker` that writes down what is sent to the engine through it.
_DOCKER = """#!/bin/sh
tee {folder}/engine.$$ | {docker} "$@"
"""


class Executed(NamedTuple):
    """A command that was made ready in a container, or what was fed to one."""

    argv: tuple[str, ...]


class Recorder:
    """A folder on the host that anybody may write to, and the two programs that do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = self._program("session", _SESSION)
        self.docker = self._program("docker", _DOCKER)

    def _program(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text.format(folder=self.folder, docker=path_of("docker")), encoding="utf-8")
        path.chmod(0o755)
        return path

    def sessions(self) -> list[str]:
        """The commands of all SSH sessions, out of their wrapping."""
        return [_unwrapped(file.read_text(encoding="utf-8")) for file in sorted(self.folder.glob("session.*"))]

    def requests(self) -> list[tuple[str, bytes]]:
        """The requests to the engine: method and path, and the body or what was fed to a command."""
        return [one for file in sorted(self.folder.glob("engine.*")) for one in _requests(file.read_bytes())]

    def executed(self) -> list[str]:
        """The commands that were started in containers."""
        bodies = [body for line, body in self.requests() if re.fullmatch(r"POST /containers/\S+/exec", line)]
        return [shlex.join(json.loads(body)["Cmd"]) for body in bodies]

    def fed(self) -> list[str]:
        """The lines that were fed to commands in containers, without quotes that need not be."""
        inputs = [body for line, body in self.requests() if re.fullmatch(r"POST /exec/\S+/start", line)]
        return [shlex.join(shlex.split(line)) for text in inputs for line in text.decode().splitlines()]


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A recorder, its folder gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
        Path(folder).chmod(0o1777)
        yield Recorder(Path(folder))


def _unwrapped(sent: str) -> str:
    """The command inside what makes it run under any login shell, and say when it begins."""
    last = shlex.split(sent)[-1]
    text = re.sub(r"\\0([0-7]{3})", lambda octal: chr(int(octal[1], 8)), last)
    return re.split(r"echo [0-9a-f]{16} >&2; ", text, maxsplit=1)[1]


def _requests(sent: bytes) -> Iterator[tuple[str, bytes]]:
    """The requests of one connection. What follows the start of a command is that command's input."""
    stream = io.BytesIO(sent)
    while line := stream.readline():
        method, path, _ = line.decode().split(" ")
        headers = parse_headers(stream)
        body = stream.read(int(headers["Content-Length"] or 0))
        yield f"{method} {unquote_plus(path)}", stream.read() if headers["Upgrade"] else body


def heard_by_redis(staging: StagingHost, *, but_from: str) -> list[str]:
    """The commands that Redis was sent since its slow log was emptied, but for one IP's. It must record all."""
    entries = json.loads(staging.redis_cli("--json", "SLOWLOG", "GET", "-1"))
    # Whoever asks for JSON says HELLO 3, which nobody else does; and the oldest entry is the emptying.
    ours = {entries[-1][4], *(address for *_, words, address, _ in entries if words == ["HELLO", "3"])}
    return [
        shlex.join(words)
        for *_, words, address, _ in entries
        if address not in ours and address.rpartition(":")[0] != but_from
    ]
