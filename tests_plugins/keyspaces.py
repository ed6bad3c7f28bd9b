"""Places with a real Redis whose keys are saved and put back, and keyspaces to put into them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from plugins.eventually import eventually
from plugins.saving import save
from plugins.target.local import LocalShell
from plugins.target.model import ReplyError
from plugins.target.open import Target, open_target
from plugins.target.redis import Login
from tests_plugins.redises import HereStack, environ, redis
from tests_plugins.staging import REDIS, REDIS_6_2, REDIS_8, VALKEY, Stack, StagingOptions, staging_host
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plugins.saving import Limits, Saved
    from plugins.target.model import Command, Container, Wire

OWN = b"runbook-suite:"
IMAGES = {"6.2": REDIS_6_2, "7.0": REDIS, "8.0": REDIS_8, "valkey": VALKEY}


@dataclass(frozen=True)
class Place:
    """A host with a Redis, and a folder there that only its user sees."""

    target: Target
    redis: Container
    folder: str
    client: Wire  # one of its applications

    @property
    def path(self) -> str:
        """Where the keys are saved; with all that a shell could trip over."""
        return f"{self.folder}/it's $saved.resp"

    def ask(self, *words: str | bytes | float) -> Any:
        """An application's command; an error is raised."""
        (reply,) = self.client.ask([tuple(word if isinstance(word, bytes | int) else str(word) for word in words)])
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def ask_all(self, commands: Sequence[Sequence[str | bytes | float]], database: int = 0) -> list[Any]:
        """Several commands in one trip, which in a container may be a process of its own; an error is raised."""
        words = [("SELECT", database), *commands, ("SELECT", 0)]
        asked = [tuple(word if isinstance(word, bytes | int) else str(word) for word in command) for command in words]
        replies = self.client.ask(asked)
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
        return replies[1:-1]

    def save(self, limits: Limits | None = None) -> Saved:
        """Save its keys, but for the suite's own."""
        return save(self.target, self.redis, self.path, leave_out=OWN, limits=limits)

    def lose(self, saved: Saved, *also: Command) -> None:
        """Flush everything as a fault does: the writers are let go in the same trip."""
        replies = self.client.ask([("CLIENT", "UNPAUSE"), ("FLUSHALL",), *also])
        assert not [reply for reply in replies if isinstance(reply, ReplyError)]
        saved.writers.released()

    def on_host(self, *argv: str) -> str:
        """A command there."""
        done = self.target.shell.run(argv)
        assert done.exit_code == 0, done.errors
        return done.text


class OneHere(HereStack):
    """A machine with one Redis."""

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._container = container

    def containers(self, service: str) -> tuple[Container, ...]:
        """That one."""
        assert service == self._container.service
        return (self._container,)


@contextmanager
def here(*flags: str, program: str | None = None, word: str | None = None, user: str | None = None) -> Iterator[Place]:
    """A Redis that is a plain process of this machine. ``word``, ``user``: how the suite logs in; others need not."""
    with redis(program, *flags) as made, TemporaryDirectory() as folder, made.wire() as client:
        host = made.host(user=user is not None, password=word is not None)
        target = Target(host, LocalShell(os.environ), OneHere(made.container), environ(word, user))
        yield Place(target, made.container, folder, client)
        target.close()


@contextmanager
def staged(image: str, options: StagingOptions | None = None) -> Iterator[Place]:
    """A Redis under Compose on a host over SSH."""
    options = options or StagingOptions(
        stack=Stack(twin=Options(password="it's $ecret"), redis_image=image, backend=False)  # noqa: S106 - of a test
    )
    with staging_host(options) as staging:
        target = open_target(staging.host, environ=staging.environ)
        (container,) = target.stack.containers(staging.host.redis_service)
        folder = str(Path(staging.account.home) / "run")
        target.shell.run(("mkdir", "-m", "700", folder))
        yield Place(target, container, folder, target.wire(container))
        target.close()


def login(place: Place) -> Login:
    """How the suite logs in there."""
    return Login(place.target.host, place.target.environ)


# --- keyspaces ------------------------------------------------------------------------------------------------------

Key = tuple[int, bytes]


def contents(place: Place) -> dict[Key, object]:
    """Every key by database, its value as its own type's commands show it, without an order where there is none."""
    found: dict[Key, object] = {}
    for database in _databases(place):
        (keys,) = place.ask_all([("KEYS", "*")], database)
        kinds = place.ask_all([("TYPE", key) for key in keys], database)
        plain = {key: kind for key, kind in zip(keys, kinds, strict=True) if kind != b"stream"}
        values = place.ask_all([_READ[kind](key) for key, kind in plain.items()], database)
        found |= {(database, key): _unordered(plain[key], value) for key, value in zip(plain, values, strict=True)}
        found |= {(database, key): _stream(place, database, key) for key in keys if key not in plain}
    return found


#: What shows a value of each type but a stream's.
_READ: dict[bytes, Callable[[bytes], Command]] = {
    b"string": lambda key: ("GET", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    b"hash": lambda key: ("HGETALL", key),
}


def _unordered(kind: bytes, value: Any) -> object:
    match kind:
        case b"set":
            return sorted(value)
        case b"hash":
            return sorted(zip(value[::2], value[1::2], strict=True))
        case _:
            return value


def _stream(place: Place, database: int, key: bytes) -> object:
    entries, groups = place.ask_all([("XRANGE", key, "-", "+"), ("XINFO", "GROUPS", key)], database)
    pending = place.ask_all([("XPENDING", key, group[1], "-", "+", 100) for group in groups], database)
    # How long ago each was delivered goes on growing.
    return entries, groups, [[entry[:2] + entry[3:] for entry in one] for one in pending]


#: The clock and what a key has left, at one moment: between two trips a busy machine may take its time.
_CLOCK_AND_TTL = "local now = redis.call('TIME') return {now[1], now[2], redis.call('PTTL', KEYS[1])}"


def expiries(place: Place) -> dict[Key, int]:
    """When each key of database 0 that expires will, in milliseconds of Redis's clock, to some milliseconds."""
    found = {}
    for key in place.ask("KEYS", "*"):
        seconds, micros, left = place.ask("EVAL", _CLOCK_AND_TTL, 1, key)
        if left > 0:
            found[0, key] = int(seconds) * 1000 + int(micros) // 1000 + left
    return found


def _databases(place: Place) -> list[int]:
    info = place.ask("INFO", "keyspace")
    return [int(line.partition(":")[0][2:]) for line in info.decode().splitlines() if line.startswith("db")]


#: Keys that have broken scripts before.
ODD = (b"a b", b"a\nb", b"it's", b'"', b"\xff\x00", b"", b"$(id)", b"*", b"-1", "é\U0001f600".encode())


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def _fields(count: int, *, wide: int = 1) -> list[str]:
    return [word for number in range(count) for word in (f"f{number}", f"v{number}" * wide)]


#: Every type, in every encoding it comes in; some were large once and are small now.
EVERY_TYPE: tuple[tuple[str | bytes | float, ...], ...] = (
    ("SET", "text", "hello"),
    ("SET", "number", "12345"),
    ("SET", "compressible", "ab" * 5000),
    ("SETBIT", "bits", 1000, 1),
    ("PFADD", "hyperloglog", "a", "b"),
    ("RPUSH", "list", *_numbered("e", 5), 7, -70000, 2**40, "x" * 100),
    ("RPUSH", "long list", *[f"e{number}" * 20 for number in range(600)]),
    ("RPUSH", "list of a large one", "x" * 20_000, "y"),
    ("SADD", "numbers", 1, 2, -3, 70_000, 2**40),
    ("SADD", "set", "a", "b", "7"),
    ("SADD", "large set", *_numbered("m", 1000)),
    ("SADD", "shrunk set", *_numbered("m", 1000)),
    ("SREM", "shrunk set", *_numbered("m", 990)),
    ("SADD", "numbers and a word", *range(600), "x"),
    ("SREM", "numbers and a word", "x"),
    ("HSET", "hash", "a", "1", "b", "x" * 30),
    ("HSET", "large hash", *_fields(700, wide=10)),
    ("HSET", "shrunk hash", *_fields(700, wide=12)),
    ("HDEL", "shrunk hash", *_numbered("f", 690)),
    ("ZADD", "sorted set", 1, "a", 1.5, "b", "-inf", "c", "+inf", "d", -0.0, "e"),
    ("ZADD", "large sorted set", *[word for number in range(700) for word in (number * 1.1, f"m{number}")]),
    ("ZADD", "shrunk sorted set", *[word for number in range(700) for word in (number * 1.1, f"m{number}")]),
    ("ZREM", "shrunk sorted set", *_numbered("m", 690)),
    *(("XADD", "stream", f"{number}-1", "f", number, "g", "v" * 10) for number in range(1, 301)),
    ("XGROUP", "CREATE", "stream", "group", "0"),
    ("XGROUP", "CREATE", "stream", "idle", "$"),
    ("XREADGROUP", "GROUP", "group", "consumer", "COUNT", 10, "STREAMS", "stream", ">"),
    ("XACK", "stream", "group", "1-1"),
    ("XDEL", "stream", "5-1"),
    ("SET", "expires", "v", "PX", 600_000),
    *(("SET", key, b"of " + key) for key in ODD),
    ("SELECT", 3),
    ("SET", "text", "another database's"),
    ("SELECT", 9),
    ("SET", "only one", "v", "PX", 600_000),
    ("SELECT", 0),
)


def fill(place: Place) -> None:
    """Put every type there is into an empty Redis."""
    place.ask_all([("FLUSHALL",), *EVERY_TYPE])


def fields_expire(place: Place) -> bool:
    """Whether the server can let a hash's fields expire (Redis 7.4), and two hashes with such fields where it can."""
    place.ask("HSET", "fields expire", *_fields(3))
    place.ask("HSET", "many fields expire", *_fields(700))
    try:
        place.ask("HPEXPIRE", "fields expire", 600_000, "FIELDS", 1, "f1")
    except ReplyError:
        return False
    place.ask("HPEXPIRE", "many fields expire", 600_000, "FIELDS", 2, "f1", "f9")
    return True


_TEXT = st.binary(max_size=80) | st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number)
_SCORES = st.floats(allow_nan=False) | st.integers(-(2**40), 2**40)
_FIELDS = st.dictionaries(_TEXT, _TEXT, min_size=1, max_size=10)
_VALUES = st.one_of(
    st.tuples(st.just("SET"), st.tuples(_TEXT)),
    st.tuples(st.just("RPUSH"), st.lists(_TEXT, min_size=1, max_size=20)),
    st.tuples(st.just("SADD"), st.lists(_TEXT, min_size=1, max_size=20)),
    st.tuples(st.just("HSET"), _FIELDS.map(lambda it: tuple(chain.from_iterable(it.items())))),
    st.tuples(
        st.just("ZADD"),
        st.dictionaries(_TEXT, _SCORES, min_size=1, max_size=10).map(
            lambda it: tuple(word for member, score in it.items() for word in (repr(score), member))
        ),
    ),
)

#: Keyspaces by database and key: a command and its values.
keyspaces = st.dictionaries(st.tuples(st.sampled_from([0, 1, 15]), st.binary(max_size=20)), _VALUES, max_size=25)


def put(place: Place, keyspace: dict[Key, tuple[str, tuple[bytes, ...]]]) -> None:
    """Put a keyspace into an emptied Redis."""
    puts: list[Sequence[str | bytes | float]] = [("FLUSHALL",)]
    for (database, key), (command, values) in keyspace.items():
        puts += [("SELECT", database), (command, key, *values)]
    place.ask_all(puts)


def evicted(place: Place) -> int:
    """How many keys Redis has evicted since it started."""
    info = place.ask("INFO", "stats")
    (line,) = [line for line in info.decode().splitlines() if line.startswith("evicted_keys:")]
    return int(line.partition(":")[2])


def gone(place: Place, key: str) -> None:
    """Wait until a key has expired."""
    eventually(lambda: place.ask("EXISTS", key), lambda found: found == 0, what=f"{key} expires", within_s=5)
