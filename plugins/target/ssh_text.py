"""SSH as text: the master's configuration, a command for any login shell, and what ssh's own words mean. Pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from plugins.target.model import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The whole of a command's line; a single argument of Linux's is at most 128 KiB.
LONGEST_COMMAND = 100_000

#: Folders where docker and system tools are, on hosts whose non-interactive PATH does not name them.
PATH_TOO = '"$PATH:/usr/local/bin:/usr/bin:/bin:/snap/bin:/opt/bin:$HOME/bin:/usr/sbin:/sbin"'

#: These reach the ssh of a jump host too, as options on the command line would not.
CONFIG = """\
BatchMode {batch}
ConnectTimeout 5
ConnectionAttempts 1
ServerAliveInterval 1
ServerAliveCountMax 3
LogLevel INFO
UpdateHostKeys no
"""

#: And these are for the connection itself only: a jump host may well be reached through the user's own master.
OPTIONS = (
    "ControlMaster=yes",
    "ControlPersist=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "StreamLocalBindUnlink=yes",
    "StreamLocalBindMask=0177",
    "Tunnel=no",
    "EscapeChar=none",
)

#: Without a file of the inventory's own: what ssh itself reads, in its order.
USUAL_CONFIGS = ("~/.ssh/config", "/etc/ssh/ssh_config")

#: What ssh says, and what it comes to. The first that fits is told.
MEANINGS = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the known one: somebody else's machine, or a new one",
    ),
    (
        r"Host key verification failed|No .* host key is known",
        "its host key is not known here: connect once by hand, or add it to known_hosts",
    ),
    (
        r"Could not resolve hostname [^:\s]+:\d+:",
        "OpenSSH takes that for a name; for a port write ssh://user@host:PORT",
    ),
    (r"Could not resolve hostname", "its name cannot be resolved"),
    (r"Connection refused", "nothing listens for SSH there"),
    (r"No route to host|Network is unreachable", "there is no route to it"),
    (r"Too many authentication failures", "too many keys were offered: name one with IdentityFile and IdentitiesOnly"),
    (r"Permission denied|Authentication failed", "it does not let this user in with these keys"),
    (r"timed out during banner exchange", "something listens there but is silent: not an SSH server, or overloaded"),
    (r"timed out", "it does not answer"),
    (r"ssh: (command )?not found", "OpenSSH's client is not installed here"),
    (r"Connection closed|Connection reset|kex_exchange_identification", "it closed the connection before the login"),
    (
        r"Bad configuration option|Bad owner or permissions|Can't open user config",
        "the ssh configuration cannot be used",
    ),
)

#: Failures that a person at a terminal can mend: a question of ssh's would have been asked there.
ASKABLE = re.compile(r"Host key verification failed|Permission denied|Authentication failed|Too many authentication")


def check_destination(destination: str) -> str:
    """Refuse what ssh would take for something else than a destination. Raises ``ValueError`` with the reason."""
    if not destination.strip():
        raise ValueError("it is empty")
    if destination.startswith("-"):
        raise ValueError("it begins with '-', as an option of ssh would")
    if any(character < " " or character == "\x7f" for character in destination):
        raise ValueError("it holds a control character")
    return destination


def config(includes: Sequence[str], *, batch: bool) -> str:
    """The master's configuration; first come, first served, so ours stands before the user's own."""
    lines = [f"Include {path}\n" for path in includes]
    return CONFIG.format(batch="yes" if batch else "no") + "".join(lines)


def master_argv(config_file: str, control: str, destination: str) -> list[str]:
    """How ssh is started: with which configuration, where its control socket will be, and to whom."""
    options = [word for option in OPTIONS for word in ("-o", option)]
    return ["ssh", "-F", config_file, "-N", "-T", "-S", control, *options, "--", destination]


def meaning(words: str) -> str:
    """What ssh's words come to."""
    for pattern, told in MEANINGS:
        if re.search(pattern, words):
            return told
    return "ssh gave up"


def plain_words(log: str) -> str:
    """Ssh's words on one line, without its banners of ``@`` and its good wishes."""
    lines = (line.strip().strip("@").strip() for line in log.splitlines())
    kept = [line for line in lines if line and not line.startswith(("Warning: Permanently added", "debug"))]
    return "; ".join(kept[-6:])


def script(argv: Sequence[str], mark: str) -> str:
    """A POSIX script: say ``mark`` on both outputs, then run the command with its standard input untouched.

    Whatever a login shell prints stands before the mark. Raises ``TargetError`` for what cannot be a command.
    """
    if not argv or any("\0" in word for word in argv):
        raise TargetError(f"not a command that could be run: {list(argv)!r}")
    return f"PATH={PATH_TOO}; export PATH; echo {mark}; echo {mark} >&2; {shlex.join(argv)}"


def any_shell(posix: str) -> bytes:
    r"""A command line that runs a POSIX script under any login shell: sh, bash, zsh, fish, csh.

    Inside single quotes these agree on all but ``'``, ``\\``, ``!`` and line ends; such characters travel as octal
    numbers, which ``printf`` undoes there. Raises ``TargetError`` where it is too long for a command line.
    """
    data = posix.encode(errors="surrogateescape")
    safe = re.sub(rb"[^ A-Za-z0-9_./:=@%+,$\"<>&;|(){}~*?\[\]#-]", lambda odd: b"\\0%03o" % odd[0][0], data)
    if len(safe) > LONGEST_COMMAND:
        raise TargetError(f"the command is too long for a command line: {len(safe)} bytes")
    # Not as $0: a shell's own complaints begin with that.
    return b"""/bin/sh -c 'eval "$(printf %b "$1")"' sh '""" + safe + b"'"
