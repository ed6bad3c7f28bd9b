"""Hosts on which runners are killed: their keys, their configuration, and what of a run is left there."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import twin
from plugins.inventory import Windows
from plugins.lock import BASE
from plugins.saving.digest import digest
from tests_plugins.chaos import environ_for, every_fault
from tests_plugins.pids import alive
from tests_plugins.staging import BACKEND, NAME, REDIS, Stack, StagingOptions, staging_host
from tests_plugins.staging.requirements import path_of
from twin import resp
from twin.handle import NotUp
from twin.options import Options
from twin.ports import free_ports
from twin.seed import AWKWARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests_plugins.staging import StagingHost
    from twin import Kind

#: A Redis that keeps nothing on its disk: whatever ends it loses every key.
FORGETFUL = Options(redis_args=("--save", ""))
WINDOWS = Windows(hold_s=1.0)
OWN = b"runbook-suite:"
#: Databases with keys; the inventory's and another.
DATABASES = (0, 3)
#: How many plain keys of each kind beside the awkward ones: all in all some 200.
PLAIN = 10
LIFE_MS = 3_600_000
#: By how much an expiry may be off, in milliseconds: its distance from now is told in whole ones.
BLUR_MS = 2

Key = tuple[int, bytes]
Configuration = tuple[frozenset[tuple[bytes, bytes]], frozenset[bytes]]


@dataclass(frozen=True)
class Value:
    """A key's value, and between which moments it expires, in milliseconds of the host's clock; 0: never."""

    digest: bytes | None
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True)
class Before:
    """What there was."""

    keys: Mapping[Key, Value]
    configuration: Configuration


@dataclass(frozen=True)
class Ground:
    """A host, and how it is seen from this machine, where it runs as well."""

    name: str
    host: str  # as --host has it
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    ledgers: Path  # of its projects
    address: Callable[[], tuple[str, int]]
    cut: Callable[[], None]  # its end of every SSH connection

    def ask(self, *commands: tuple[str | bytes | int, ...]) -> list[resp.Reply]:
        """Redis's replies. Raises ``OSError``, and ``ErrorReply`` for the first error among them."""
        try:
            address = self.address()
        except RuntimeError as error:  # its container has none just now
            raise ConnectionError(str(error)) from error
        replies = resp.ask(address, *commands, timeout_s=1.0)
        for reply in replies:
            if isinstance(reply, resp.ErrorReply):
                raise reply
        return replies

    def plant(self) -> Before:
        """Fresh keys of every type, in the place of all others."""
        self.ask(("FLUSHALL",), *(command for number in DATABASES for command in _planting(number)))
        return Before(self.keys(), self.configuration())

    def keys(self) -> dict[Key, Value]:
        """Every key but the suite's own. Raises as ``ask``."""
        found: dict[Key, Value] = {}
        for number in DATABASES:
            _, listed = self.ask(("SELECT", number), ("KEYS", "*"))
            names = [key for key in _bytes(listed) if not key.startswith(OWN)]
            asked = [command for key in names for command in (("TIME",), ("PTTL", key), ("TIME",), ("DUMP", key))]
            _, *replies = self.ask(("SELECT", number), *asked)
            for key, *told in zip(names, *(replies[start::4] for start in range(4)), strict=True):
                if isinstance(told[3], bytes):
                    found[number, key] = Value(digest(told[3]), *_expiry(*told[:3]))
        return found

    def changed(self, before: Before) -> list[Key]:
        """Which keys are lost, of another value or expiry, or new. Raises as ``ask``."""
        now = self.keys()
        there = before.keys.keys() | now.keys()
        return sorted(key for key in there if not _same(before.keys.get(key), now.get(key)))

    def configuration(self) -> Configuration:
        """All of Redis's, and its users, in no order. Raises as ``ask``."""
        configured, users = map(_bytes, self.ask(("CONFIG", "GET", "*"), ("ACL", "LIST")))
        return frozenset(zip(configured[::2], configured[1::2], strict=True)), frozenset(users)

    def answers(self) -> bool:
        """Whether Redis does, and takes writes. Raises as ``ask``."""
        return self.ask(("PING",), ("SET", OWN + b"kills", "1", "PX", 1000)) == [b"PONG", b"OK"]

    def holds_lock(self, run_id: str) -> bool:
        """Whether the run has its lease."""
        return any(self.ledgers.glob(f"*/{run_id}/armed"))

    def quiet(self, run_id: str) -> bool:
        """Whether no process of the run is left on the host: no watcher, nothing that it started."""
        return not run_id or not [process for process in _naming(run_id) if alive(process)]


def _same(before: Value | None, now: Value | None) -> bool:
    if before is None or now is None or before.digest != now.digest:
        return False
    return before.earliest_ms <= now.latest_ms + BLUR_MS and now.earliest_ms <= before.latest_ms + BLUR_MS


def _expiry(begun: resp.Reply, left: resp.Reply, ended: resp.Reply) -> tuple[int, int]:
    """Between which moments a key expires; 0: never."""
    if not isinstance(left, int) or left < 0:
        return 0, 0
    moments = [int(seconds) * 1000 + int(micros) // 1000 for seconds, micros in (_bytes(begun), _bytes(ended))]
    return moments[0] + left, moments[1] + left


def _planting(database: int) -> Iterator[tuple[str | bytes | int, ...]]:
    yield ("SELECT", database)
    for end in (*(b"%d" % number for number in range(PLAIN)), *AWKWARD):
        yield "SET", b"exam:" + end, end
        yield "SET", b"cache:" + end, b"x" * 200, "PX", LIFE_MS
        yield "HSET", b"session:" + end, "user", end, "role", "student"
        yield "PEXPIRE", b"session:" + end, LIFE_MS
        yield "RPUSH", b"list:" + end, "a", end, "c"
        yield "SADD", b"set:" + end, "a", end, "c d"
        yield "ZADD", b"zset:" + end, 1, "a", 2, end or b"b"
    yield "XADD", "stream", "1-1", "field", "value"


def _bytes(reply: resp.Reply) -> list[bytes]:
    return [one for one in reply if isinstance(one, bytes)] if isinstance(reply, list) else []


def _naming(words: str) -> Iterator[int]:
    """Processes that have these words in their command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if words.encode() in line:
                yield int(entry.name)


def allowed() -> dict[str, object]:
    """The inventory's table that lets every fault be played on this machine's engine."""
    asked = [path_of("docker"), "info", "-f", "{{.ID}}"]
    engine = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    return {"allowed": True, "engine_id": engine, "faults": list(every_fault())}


@contextmanager
def ssh() -> Iterator[Ground]:
    """A real staging host, reached over SSH, whose Redis forgets everything when it ends."""
    (port,) = free_ports(1)
    # The port is fixed, so that it is found again after a start. No health check: one that begins while the container
    # is paused hangs Docker 20.10 (see traffic.Traffic.nobody_inside), and this is the ground for pauses.
    redis = {"ports": [f"127.0.0.1:{port}:6379"], "healthcheck": None}
    changes = {"services": {FORGETFUL.redis_service: redis}}
    inventory = {"chaos": allowed(), "windows": {"hold_s": WINDOWS.hold_s}}
    options = StagingOptions(stack=Stack(twin=FORGETFUL, changes=changes), inventory=inventory)
    with staging_host(options) as staging:
        arguments = ("--inventory", str(staging.inventory_file))
        address = ("127.0.0.1", port)
        yield Ground("ssh", NAME, arguments, staging.environ, Path(BASE), lambda: address, lambda: _cut(staging))


def _cut(staging: StagingHost) -> None:
    """End sshd's side of every connection, and nothing that was started over them, as a network does."""
    for process in _naming(f"sshd: {staging.account.name}"):  # as sshd calls itself for a user's connection
        with suppress(ProcessLookupError):  # it ends with the one before
            os.kill(process, signal.SIGKILL)


@contextmanager
def _twin(name: str, kind: Kind) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, twin.up(kind=kind) as up:
        environ = environ_for(up, Path(folder), windows=WINDOWS, faults=every_fault())
        ledgers = Path(up.host.project_dir) / Path(BASE).name
        yield Ground(name, "twin", (), environ, ledgers, up.actions.redis_address, _no_connection)


def _no_connection() -> None:
    raise NotUp("there is no connection to a twin that could be cut")


@contextmanager
def compose() -> Iterator[Ground]:
    """The twin under Docker Compose."""
    images = {"TWIN_REDIS_IMAGE": REDIS, "TWIN_BACKEND_IMAGE": BACKEND}
    with patch.dict(os.environ, {**images, **os.environ}), _twin("compose", "compose") as ground:
        yield ground


@contextmanager
def processes() -> Iterator[Ground]:
    """The twin as plain processes."""
    with _twin("processes", "processes") as ground:
        yield ground


GROUNDS = {"ssh": ssh, "compose": compose, "processes": processes}
