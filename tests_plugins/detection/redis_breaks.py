"""Ways to break Redis itself, over its own protocol."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

import pytest

from plugins.eventually import eventually
from tests_plugins.detection.scene import Scene
from twin import resp
from twin.handle import LOGGED_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twin.handle import Twin

Command = tuple[str | bytes | int, ...]
#: Keys of the rows live so long, in seconds: under a policy that evicts, one without a TTL is a finding of its own.
LIFE_S = 600
#: Bytes of a large value that is not yet a big key.
LARGE = 900_000


@dataclass(frozen=True)
class Config:
    """CONFIG SET, and the old values afterwards."""

    directives: Mapping[str, str]

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Set them."""
        for name, value in self.directives.items():
            old = scene.twin.redis("CONFIG", "GET", name)
            assert isinstance(old, list)
            scene.mend(scene.twin.redis, "CONFIG", "SET", name, old[1])
            scene.twin.redis("CONFIG", "SET", name, value)


@dataclass(frozen=True)
class Asked:
    """Commands that somebody sends, each over its own connection, and those that mend what they did."""

    commands: Sequence[Command] = ()
    undo: Sequence[Command] = ()
    refused: str = ""  # how Redis's error replies to them begin; empty: it accepts them

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Send them."""
        for command in reversed(self.undo):
            scene.mend(lambda command=command: scene.twin.redis(*command))
        for command in self.commands:
            assert refusal(scene.twin, command).startswith(self.refused), command


#: What goes wrong until the host is mended leaves its counts behind; the runbook's own step forgets them.
COUNTS_ARE_FORGOTTEN = Asked(undo=[("CONFIG", "RESETSTAT")])


def refusal(twin: Twin, command: Command) -> str:
    """The error reply as text; empty where the command was accepted."""
    try:
        twin.redis(*command)
    except resp.ErrorReply as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Keys:
    """Keys that somebody leaves behind: commands by the key that each makes."""

    commands: Mapping[str, Command]
    life_s: int | None = LIFE_S  # None: they never expire
    database: int = 0

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Make them."""
        trip: list[Command] = [("SELECT", self.database)]
        scene.mend(pipelined, scene.twin, [*trip, ("UNLINK", *self.commands)])
        for key, command in self.commands.items():
            trip += [command] if self.life_s is None else [command, ("EXPIRE", key, self.life_s)]
        pipelined(scene.twin, trip)


@dataclass(frozen=True)
class Filled:
    """So many strings of so many bytes each."""

    count: int
    size: int
    overflows: bool = False  # the last one is large, so that nothing more has room once Redis has refused some

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Write them; an error reply is what some rows are after."""
        keys = [f"filled:{number}" for number in range(self.count)]
        scene.mend(pipelined, scene.twin, [("UNLINK", *keys)])
        value = b"x" * self.size
        trip: list[Command] = [("SET", key, value, "EX", LIFE_S) for key in keys]
        for start in range(0, self.count, 100):
            asked(scene.twin, trip[start : start + 100])
        if self.overflows:  # Redis makes this value itself: one that is sent would be refused
            large = ("SETRANGE", keys[0], LARGE, "x")
            pipelined(scene.twin, [("DEL", *keys[:3]), large, ("EXPIRE", keys[0], LIFE_S)])


@dataclass(frozen=True)
class Relocked:
    """Somebody has changed the password, and everybody has to connect anew; the backend has found out."""

    password: str

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Change it; the one that everybody knows comes back afterwards."""
        known, address = scene.twin.options.password, scene.twin.actions.redis_address()
        scene.disrupted = True
        scene.mend(lambda: resp.ask(address, ("AUTH", self.password), ("CONFIG", "SET", "requirepass", known or "")))
        service = scene.twin.options.backend_service
        before = len(scene.twin.actions.log(service))
        pipelined(scene.twin, [("CONFIG", "SET", "requirepass", self.password), ("CLIENT", "KILL", "TYPE", "normal")])
        eventually(
            lambda: scene.twin.actions.log(service)[before:],
            lambda added: "AuthenticationError" in added,
            what=f"the backend's log tells of the refusal ({service})",
            within_s=LOGGED_S,
        )


def asked(twin: Twin, commands: Sequence[Command]) -> list[resp.Reply]:
    """Send commands in one trip, as Redis's all-powerful user; error replies are values."""
    login: list[Command] = [("AUTH", twin.options.password)] if twin.options.password else []
    return resp.ask(twin.actions.redis_address(), *login, *commands, timeout_s=30)[len(login) :]


def pipelined(twin: Twin, commands: Sequence[Command]) -> None:
    """The same, where all of them must be accepted. Raises the first error reply."""
    for reply in asked(twin, commands):
        if isinstance(reply, resp.ErrorReply):
            raise reply


@dataclass(frozen=True)
class Held:
    """Clients that send a command each and stay connected, without reading their replies."""

    count: int = 1
    commands: Sequence[Command] = field(default_factory=tuple)
    seen_as: str = ""  # wait until CLIENT LIST shows this of as many clients

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Connect, and stay."""
        scene.mend(_await_answer, scene.twin)  # what was closed must be gone for Redis, too
        sent = b"".join(map(resp.encode, self.commands))
        for _ in range(self.count):
            _hold(scene).sendall(sent)
        if self.seen_as:
            _await_shown(scene.twin, self.seen_as, self.count)


def _hold(scene: Scene) -> socket.socket:
    connection = socket.create_connection(scene.twin.actions.redis_address(), timeout=5)
    scene.mend(connection.close)
    return connection


def _await_shown(twin: Twin, words: str, count: int) -> None:
    eventually(
        lambda: str(twin.redis("CLIENT", "LIST")).count(words),
        lambda shown: shown >= count,
        what=f"{count} clients with {words} in CLIENT LIST",
        within_s=5,
    )


def _await_answer(twin: Twin) -> None:
    eventually(
        lambda: twin.redis("PING"),
        what="a PING after the clients are gone",
        within_s=5,
        catch=(OSError, resp.ErrorReply),
    )


#: For so long (seconds) everybody is turned away where all places are taken: of connections that were just closed, the
#: places are free a little later.
_TURNED_AWAY_S = 0.3


@dataclass(frozen=True)
class Full:
    """All places for clients are taken, and stay so."""

    places: int

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Take them, and each that becomes free."""
        Config({"maxclients": str(self.places)}).inflict(scene)
        _await_answer(scene.twin)
        Held(count=self.places).inflict(scene)

        def knock() -> str:
            _hold(scene)
            return refusal(scene.twin, ("PING",))

        eventually(
            knock,
            lambda said: "max number of clients" in said,
            what="nobody is let in",
            within_s=5,
            hold_s=_TURNED_AWAY_S,
            catch=(OSError,),
        )


@dataclass(frozen=True)
class Rejected:
    """A client was turned away at maxclients; there is room again."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Fill all places, knock once more, and leave."""
        few = Scene(scene.subject, scene.folder)
        with few.stack:
            Full(places=60).inflict(few)


@dataclass(frozen=True)
class Evicted:
    """More was written than fits, and taken away again."""

    count: int
    size: int

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Write it and take it away."""
        few = Scene(scene.subject, scene.folder)
        with few.stack:
            Filled(self.count, self.size).inflict(few)


@dataclass(frozen=True)
class Crumbs:
    """Much was written and little of it is left, all over the allocator's pages. As hashes, which may expire."""

    hashes: int = 40
    fields: int = 4_000
    left: int = 5  # one field of so many is left
    size: int = 150  # bytes of each

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Write all of it, and delete most of it."""
        if b"mem_allocator:jemalloc" not in cast("bytes", scene.twin.redis("INFO", "memory")):
            pytest.skip("this server uses another allocator than jemalloc, and does not know how fragmented it is")
        names = [f"crumbs:{number}" for number in range(self.hashes)]
        scene.mend(pipelined, scene.twin, [("UNLINK", *names)])
        fields, value = [str(number) for number in range(self.fields)], "x" * self.size
        gone = [field for field in fields if int(field) % self.left]
        for name in names:
            write = [("HSET", name, *(word for field in part for word in (field, value))) for part in _parts(fields)]
            pipelined(scene.twin, [*write, ("EXPIRE", name, LIFE_S)])
        for name in names:
            pipelined(scene.twin, [("HDEL", name, *part) for part in _parts(gone)])


def _parts(words: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    """In commands of this size none is slow."""
    return [words[start : start + size] for start in range(0, len(words), size)]
