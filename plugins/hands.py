"""What faults do to the host, done: over the target's own connections, each deed noted. See ``fault.Hands``."""

from __future__ import annotations

import shlex
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from plugins.facts.info import parse_info
from plugins.fault import Deed, Sight, Verb
from plugins.target.model import TargetError
from plugins.target.redis import Login
from plugins.target.redis_cli import RedisCli

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from plugins.fault import Means
    from plugins.fence import Fence
    from plugins.target.model import Command, Completed, Container, Reply, Wire
    from plugins.target.open import Target

#: Seconds for an intervention: a stop waits for the service's own grace, ten seconds unless Compose's file says more.
INTERVENTION_S = 120.0
#: Seconds for a trip to Redis: FLUSHALL frees everything before it answers.
TRIP_S = 60.0
#: Seconds for the server to say its run_id.
LOOK_S = 2.0
#: Of what a command said, and of a command to Redis, so many characters are kept; of a trip, so many commands.
SAID, SHOWN, LISTED = 2000, 100, 8


class LiveHands:
    """See ``fault.Hands``. For one experiment, on the container that ``redis`` was before it.

    ``wrap`` makes an intervention's command one that runs under a guard of the host's own; ``fence`` guards what is
    lost over a connection; ``nobody_inside`` keeps commands out of a container that is being frozen.
    """

    def __init__(  # noqa: PLR0913 - what hands are made of, put together in one place
        self,
        target: Target,
        redis: Container,
        means: Means,
        *,
        journal: Callable[[Deed], None],
        wrap: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda argv: argv,
        fence: Fence | None = None,
        nobody_inside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._target = target
        self._redis = redis
        self._means = means
        self._journal = journal
        self._wrap = wrap
        self._fence = fence
        self._nobody_inside = nobody_inside
        self._wire: Wire | None = target.wire(redis)
        self._last_trip: tuple[str | bytes | int, ...] = ()
        self._seen: dict[str, int] = {}

    @property
    def seen(self) -> dict[str, int]:
        """See ``fault.Hands``."""
        return self._seen

    @property
    def fence(self) -> tuple[str, ...]:
        """See ``fault.Hands``."""
        return (self._fence.key,) if self._fence is not None else ()

    def compose(self, verb: Verb) -> Deed:
        """See ``fault.Hands``. Raises ``TargetError`` with Compose's words where it failed."""
        with self._nobody_inside() if verb is Verb.PAUSE else nullcontext():
            return self._intervene(self._means.intervention(verb))

    def crash(self) -> Deed:
        """See ``fault.Hands``. Raises ``TargetError`` where the process turned out not to be the container's."""
        return self._intervene(self._means.crashing(self._redis))

    def redis(self, *commands: Command) -> list[Reply]:
        """See ``fault.Hands``. A trip of the same commands as the last is not noted again: a flush has thousands."""
        names = tuple(command[0] for command in commands)
        fresh, self._last_trip = names != self._last_trip, names
        wire = self._wired()
        start, said = time.monotonic(), ""
        try:
            return wire.ask(commands, timeout_s=TRIP_S)
        except TargetError as error:
            fresh, said = True, str(error)
            raise
        finally:
            if fresh:
                self._journal(Deed(argv_of(commands), start, time.monotonic(), -1 if said else 0, _end(said)))

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """See ``fault.Hands``."""
        return self._carried_out(argv, lambda: self._target.shell.run(argv, stdin=stdin, timeout_s=timeout_s))[0]

    def inside(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """See ``fault.Hands``."""
        execute = self._target.stack.execute
        return self._carried_out(argv, lambda: execute(self._redis, argv, stdin=stdin, timeout_s=timeout_s))[0]

    def look(self) -> Sight:
        """See ``fault.Hands``. Redis is asked inside the container: its address may just have changed."""
        redis = self._found()
        if not redis.running:
            return Sight(redis)
        login = Login(self._target.host, self._target.environ)
        inside = RedisCli(self._target.stack, redis, self._target.host, login)
        try:
            (reply,) = inside.ask([("INFO", "server")], timeout_s=LOOK_S)
        except TargetError:  # even the engine's own failure: it has answered for the container, which may be ending
            return Sight(redis)
        return Sight(redis, parse_info(reply).get("run_id", "") if isinstance(reply, bytes) else "")

    def close(self) -> None:
        """Close the connection to Redis. Never raises."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _intervene(self, argv: tuple[str, ...]) -> Deed:
        """Run a command that Redis may not survive, and forget the connection that led to it."""
        self.close()
        wrapped = self._wrap(argv)
        _, deed = self._carried_out(wrapped, lambda: self._target.shell.run(wrapped, timeout_s=INTERVENTION_S))
        if deed.exit_code != 0:
            said = deed.said or f"exit code {deed.exit_code}"
            raise TargetError(f"{shlex.join(argv)} on {self._target.shell.where}: {said}")
        return deed

    def _carried_out(self, argv: Sequence[str], work: Callable[[], Completed]) -> tuple[Completed, Deed]:
        """Do it, and note it, however it went: a command without an answer may have been carried out."""
        self._last_trip = ()
        start = time.monotonic()
        try:
            done = work()
        except TargetError as error:
            self._journal(Deed(tuple(argv), start, time.monotonic(), exit_code=-1, said=_end(str(error))))
            raise
        deed = Deed(tuple(argv), start, time.monotonic(), done.exit_code, words(done))
        self._journal(deed)
        return done, deed

    def _wired(self) -> Wire:
        if self._wire is None:
            self._wire = self._target.wire(self._found())
        return self._wire

    def _found(self) -> Container:
        """The container as it is now. Raises ``TargetError`` where another has taken its place."""
        service = self._redis.service
        for one in self._target.stack.containers(service):
            if one.id == self._redis.id:
                return one
        raise TargetError(f"the container {self._redis.id[:12]} of {service!r} was replaced by another")


def words(done: Completed) -> str:
    """The end of what a command said, on one output or the other."""
    return _end((done.text + done.errors).strip())


def _end(text: str) -> str:
    """The end of what was said, with a sign where more went before: half a secret is masked only beside one."""
    return text if len(text) <= SAID else f"…{text[1 - SAID :]}"


def argv_of(commands: Sequence[Command]) -> tuple[str, ...]:
    """A trip to Redis as a deed's argv: ``redis``, then a line for each command, long ones and many cut short."""
    lines = [_line(command) for command in commands[:LISTED]]
    more = [f"and {len(commands) - LISTED} more"] if len(commands) > LISTED else []
    return ("redis", *lines, *more)


def _line(command: Command) -> str:
    """A command to read; only so many arguments are looked at, for there may be a thousand keys."""
    kept = command[:LISTED]
    text = shlex.join(word.decode(errors="backslashreplace") if isinstance(word, bytes) else str(word) for word in kept)
    cut = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return f"{cut} and {len(command) - LISTED} more" if len(command) > LISTED else cut
