"""A stand-in for redis-cli where a server came without one: it speaks to the real server and prints as redis-cli does.

It runs one command from its arguments, or one a line from its standard input, and prints the replies the way
redis-cli prints them to a pipe; with --pipe it sends its standard input as it is, and counts the replies. Known: -h -p
-n -a --user --pass --no-auth-warning -e --raw --no-raw --pipe --pipe-timeout --version, and ``REDISCLI_AUTH``. What
else looks like an option is refused, with exit code 2, rather than ignored.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it runs isolated: python -I -S

from twin import resp

TIMEOUT_S = 3600.0  # redis-cli waits for ever
PIECE = 1 << 16
VALUED = {
    "-h": "host",
    "-p": "port",
    "-n": "db",
    "-a": "password",
    "--pass": "password",
    "--user": "user",
    "--pipe-timeout": "silence",
}
FLAGS = {"-e": "strict", "--raw": "raw", "--no-raw": "quoted", "--no-auth-warning": "silent", "--pipe": "pipe"}


class Usage(Exception):
    """An option that the stand-in does not know."""


@dataclass
class Call:
    """What the command line asked for."""

    host: str = "127.0.0.1"
    port: str = "6379"
    db: str = "0"
    user: str = ""
    password: str = ""
    strict: bool = False
    raw: bool = False
    quoted: bool = False
    silent: bool = False
    pipe: bool = False
    silence: str = "30"  # seconds without a reply, after all was sent
    command: tuple[str, ...] = ()


def parse(argv: list[str], environ: dict[str, str]) -> Call:
    """The command line as redis-cli reads it. Raises ``Usage``."""
    call = Call(password=environ.get("REDISCLI_AUTH", ""))
    words = list(argv)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in FLAGS:
            setattr(call, FLAGS[option], True)
        elif option in VALUED and words:
            setattr(call, VALUED[option], words.pop(0))
        else:
            raise Usage(f"the twin's stand-in for redis-cli does not know {option!r}")
    call.command = tuple(words)
    return call


def plain(reply: resp.Reply) -> bytes:
    """A reply as redis-cli prints it to a pipe."""
    if isinstance(reply, list):
        return b"\n".join(plain(item) for item in reply)
    if reply is None:
        return b""
    if isinstance(reply, resp.ErrorReply):
        return f"{reply}\n".encode()
    return reply if isinstance(reply, bytes) else str(reply).encode()


def quoted(reply: resp.Reply, indent: str = "") -> bytes:
    """A reply as redis-cli prints it to a terminal, or with --no-raw."""
    match reply:
        case None:
            return b"(nil)"
        case int():
            return b"(integer) %d" % reply
        case resp.ErrorReply():
            return f"(error) {reply}".encode()
        case bytes():
            return b'"' + b"".join(_escaped(byte) for byte in reply) + b'"'
        case []:
            return b"(empty array)"
    width = len(str(len(reply)))
    lines = []
    for number, item in enumerate(reply, 1):
        lead = f"{number:>{width}}) "
        lines.append(lead.encode() + quoted(item, indent + " " * len(lead)))
    return ("\n" + indent).encode().join(lines)


def _escaped(byte: int) -> bytes:
    named = {0x5C: b"\\\\", 0x22: b'\\"', 0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t", 0x07: b"\\a", 0x08: b"\\b"}
    if byte in named:
        return named[byte]
    return bytes([byte]) if 0x20 <= byte < 0x7F else b"\\x%02x" % byte  # noqa: PLR2004 - ASCII's printable range


def run(call: Call, commands: list[tuple[str, ...]], out: BinaryIO) -> int:
    """Send the commands one after the other and print the replies; the exit code."""
    with socket.create_connection((call.host, int(call.port)), TIMEOUT_S) as connection:
        stream = connection.makefile("rb")
        for login in _logins(call):
            connection.sendall(resp.encode(login))
            if isinstance(reply := resp.read_reply(stream), resp.ErrorReply):
                sys.stderr.write(f"{login[0]} failed: {reply}\n")
        for command in commands:
            connection.sendall(resp.encode(command))
            reply = resp.read_reply(stream)
            if call.strict and isinstance(reply, resp.ErrorReply):
                sys.stderr.write(f"{reply}\n")
                return 1
            out.write((quoted(reply) if call.quoted else plain(reply)) + b"\n")
            out.flush()
    return 0


def pipe(call: Call, source: BinaryIO, out: BinaryIO) -> int:
    """Send what ``source`` holds, print the errors among the replies and how many there were; the exit code."""
    mark = secrets.token_bytes(20)
    with socket.create_connection((call.host, int(call.port)), TIMEOUT_S) as connection:
        stream = connection.makefile("rb")
        for login in _logins(call):
            connection.sendall(resp.encode(login))
            if isinstance(reply := resp.read_reply(stream), resp.ErrorReply):
                sys.stderr.write(f"{login[0]} failed: {reply}\n")

        def send() -> None:
            with contextlib.suppress(OSError):  # whoever reads the replies notices, too
                while piece := source.read(PIECE):
                    connection.sendall(piece)
                connection.settimeout(float(call.silence))
                connection.sendall(resp.encode(("ECHO", mark)))

        threading.Thread(target=send, daemon=True).start()
        replies = errors = 0
        try:
            while (reply := resp.read_reply(stream)) != mark:
                replies += 1
                if isinstance(reply, resp.ErrorReply):
                    errors += 1
                    sys.stderr.write(f"{reply}\n")
        except TimeoutError:
            sys.stderr.write(f"No replies for {call.silence} seconds: exiting.\n")
            return 1
    out.write(b"All data transferred. Waiting for the last reply...\nLast reply received from server.\n")
    out.write(b"errors: %d, replies: %d\n" % (errors, replies))
    return 1 if errors else 0


def _logins(call: Call) -> list[tuple[str, ...]]:
    logins: list[tuple[str, ...]] = []
    if call.password:
        logins.append(("AUTH", call.user, call.password) if call.user else ("AUTH", call.password))
    if call.db != "0":
        logins.append(("SELECT", call.db))
    return logins


def main() -> int:
    """Do what the command line says."""
    if sys.argv[1:] and sys.argv[-1] == "--version":
        sys.stdout.write("redis-cli (the twin's stand-in)\n")
        return 0
    try:
        call = parse(sys.argv[1:], dict(os.environ))
        if call.pipe:
            return pipe(call, sys.stdin.buffer, sys.stdout.buffer)
        commands = [call.command] if call.command else [tuple(shlex.split(line)) for line in sys.stdin]
        return run(call, [command for command in commands if command], sys.stdout.buffer)
    except (Usage, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"Could not connect to Redis: {error.strerror or error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
