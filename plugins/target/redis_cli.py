"""Redis asked by ``redis-cli`` inside its container: the way that needs no network, for where there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plugins.target.cli_text import batches, line, parse
from plugins.target.model import SUITE_NAME, ReplyError, TargetError
from plugins.target.redis import is_no_password, unselected
from plugins.target.roads import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.inventory import Host
    from plugins.target.model import Command, Completed, Container, Reply, Stack
    from plugins.target.redis import Login

#: The client's names, the usual one first: images of Valkey need not have it.
PROGRAMS = ("redis-cli", "valkey-cli")

#: What the engine answers where a container lacks the program: a shell's codes.
MISSING = frozenset({126, 127})

#: How redis-cli says, on standard error and with any exit code, that it never got in.
NO_CONNECTION = (
    "Could not connect to",
    "Error: Server closed the connection",
    "Error: Connection reset",
    "Error: I/O error",
)
LOGIN_FAILED = re.compile(r"(?:Warning: )?AUTH failed(?:: (.*))?")
SELECT_FAILED = "SELECT "

#: Said first on every connection; a refusal does no harm.
NAMED: Command = ("CLIENT", "SETNAME", SUITE_NAME)


def options(host: Host, login: Login) -> list[str]:
    """What the client needs to know beside the password."""
    chosen = ["--no-raw", "-p", str(host.redis_port)]
    if login.database:
        chosen += ["-n", str(login.database)]
    if login.username and login.password is not None:
        chosen += ["--user", login.username]
    return chosen


def entrance(login: Login) -> Command:
    """What is asked first where a failed login would leave us somebody else or elsewhere."""
    return ("SELECT", login.database) if login.database else ("PING",)


class RedisCli:
    """See ``model.Wire``. Every batch is a connection of its own; the password travels in its environment."""

    via = "redis-cli in the container"

    def __init__(self, stack: Stack, container: Container, host: Host, login: Login) -> None:
        self._stack = stack
        self._container = container
        self._login = login
        self._options = options(host, login)
        self._env = {}
        if login.password is not None:
            self._env = {"REDISCLI_AUTH": login.password, "VALKEYCLI_AUTH": login.password}
        self._program: str | None = None
        self._entered = False

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """See ``model.Wire``: in one trip, but for replies that redis-cli prints unquoted; these end theirs."""
        deadline = Deadline(timeout_s, f"{self.via} {self._container.name}")
        refused = self._enter(deadline)
        replies: list[Reply] = []
        for batch in batches(list(commands)) if refused is None else []:
            said = [NAMED, *batch]
            done = self._run(b"".join(map(line, said)), deadline)
            refused = self._refused(done)
            heard = parse(done.stdout, said) if refused is None else [refused]
            self._login.remember(heard)
            replies += heard[1:]
        return replies if refused is None else [refused] * len(commands)

    def close(self) -> None:
        """Nothing is kept open."""

    def _enter(self, deadline: Deadline) -> ReplyError | None:
        """Where a failed login would leave us somebody else or elsewhere, make sure of it before anything is asked."""
        if self._login.certain or self._entered:
            return None
        select = entrance(self._login)
        done = self._run(line(select), deadline)
        refused = self._refused(done)
        reply = parse(done.stdout, [select])[0]
        self._login.remember([reply])
        if refused is None and select[0] == "SELECT" and isinstance(reply, ReplyError):
            raise unselected(self._login.database, str(reply))
        self._entered = refused is None
        return refused

    def _run(self, stdin: bytes, deadline: Deadline) -> Completed:
        """Run the client, by the name that the container has."""
        names = (self._program,) if self._program else PROGRAMS
        for name in names:
            done = self._stack.execute(
                self._container, [name, *self._options], env=self._env, stdin=stdin, timeout_s=deadline.left()
            )
            if done.exit_code not in MISSING:
                self._program = name
                return done
        raise TargetError(
            f"{self._container.name} has no {' and no '.join(names)}: {(done.text + done.errors).strip()}"
        )

    def _refused(self, done: Completed) -> ReplyError | None:
        """The login's error. Raises ``TargetError`` where there was no connection or no such database."""
        for text in done.errors.splitlines():
            if text.startswith(NO_CONNECTION):
                raise TargetError(f"{self.via} {self._container.name}: {text}")
            if text.startswith(SELECT_FAILED):
                raise unselected(self._login.database, text.partition(": ")[2])
            if match := LOGIN_FAILED.fullmatch(text):
                error = ReplyError(match[1] or f"WRONGPASS {text}")
                self._login.remember([error])
                # Version 6 gives no reason; without a name, the replies themselves say whether it mattered.
                if not is_no_password(error) and (match[1] or self._login.username):
                    return error
        if done.exit_code != 0 and not done.stdout:
            raise TargetError(f"{self.via} {self._container.name}: exit code {done.exit_code}: {done.errors.strip()}")
        return None
