"""What the next restart will lose."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.facts.config import HIDDEN, Config, parse_config
from plugins.facts.drift import DEFAULTS, drift
from plugins.facts.server import COMMANDS, RedisFacts, read
from plugins.facts.startup import parse_startup
from plugins.target.model import Container
from plugins.verdict import NotApplicable, Unjudged
from tests_plugins.servers import Server, running, server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = server_programs()
STARTS = [
    (),
    ("--save", ""),
    ("--save", "60", "1", "--save", "30", "2"),
    ("--maxmemory", "256mb", "--maxmemory-policy", "ALLKEYS-LRU"),
    ("--notify-keyspace-events", "KEA", "--tcp-keepalive", "60"),
    (
        "--client-output-buffer-limit",
        "normal",
        "1mb",
        "1mb",
        "10",
        "--client-output-buffer-limit",
        "pubsub",
        "2mb",
        "1mb",
        "5",
    ),
    ("--appendonly", "yes", "--appendfsync", "always", "--requirepass", "geheim"),
]


def live(server: Server) -> RedisFacts:
    """The facts of a server, with the password that these tests use."""
    server.ask("AUTH", "geheim")
    return read(server.wire.ask(COMMANDS))


@pytest.fixture(scope="module", params=PROGRAMS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A stock server of every kind that there is."""
    with running(PROGRAMS[request.param]) as server:
        yield server


@pytest.mark.parametrize("flags", STARTS, ids=lambda flags: " ".join(flags) or "stock")
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_just_started_loses_nothing(program: str, flags: tuple[str, ...]) -> None:
    """However the flags are written, what was asked for is what runs, and the rest is a default."""
    with running(PROGRAMS[program], *flags) as server:
        found = live(server).drift(Container("i", "n", "s", argv=("redis-server", *server.argv[1:])), None)
        assert found.offenders == ()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_with_a_file_and_flags_loses_nothing(program: str) -> None:
    """The file's save points and the command line's add up, as in Redis itself."""
    text = b'save 900 1\nmaxmemory 10mb\nclient-output-buffer-limit replica 1gb 1gb 60\nrequirepass "geheim"\n'
    folder = Path(tempfile.mkdtemp(prefix="facts."))
    try:
        (folder / "redis.conf").write_bytes(text)
        with running(PROGRAMS[program], "--save", "60", "1", config=folder / "redis.conf") as server:
            assert (
                live(server).drift(Container("i", "n", "s", argv=("redis-server", *server.argv[1:])), text).offenders
                == ()
            )
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxmemory", "100mb"),
        ("maxmemory-policy", "allkeys-lru"),
        ("slowlog-log-slower-than", "5000"),
        ("save", "1 1"),
        ("notify-keyspace-events", "Ex"),
        ("client-output-buffer-limit", "pubsub 0 0 0"),
        ("appendfsync", "always"),
        ("timeout", "300"),
    ],
)
def test_what_was_set_by_hand_is_lost(server: Server, name: str, value: str) -> None:
    """CONFIG SET holds until the next restart; the report names the directive and both values."""
    before = server.ask("CONFIG", "GET", name)
    assert isinstance(before, list)
    server.ask("CONFIG", "SET", name, value)
    found = live(server).drift(Container("i", "n", "s", argv=("redis-server", *server.argv[1:])), None)
    server.ask("CONFIG", "SET", name, before[1] if isinstance(before[1], bytes) else b"")
    (told,) = found.offenders
    assert told.startswith(f"{name} is ")


@pytest.mark.parametrize(
    ("name", "old", "value"),
    [
        ("primaryauth", "masterauth", "geheim"),
        ("commandlog-execution-slower-than", "slowlog-log-slower-than", "5000"),
        ("commandlog-slow-execution-max-len", "slowlog-max-len", "7"),
    ],
)
def test_valkeys_new_names_are_the_old_directives(name: str, old: str, value: str) -> None:
    """Valkey 8.1, started with ``--NEW VALUE``, answers CONFIG GET with both; no default of the old one is lost."""
    startup = parse_startup(("valkey-server", f"--{name}", value))
    config = parse_config([text.encode() for known in (name, old) for text in (known, value)])
    assert drift(startup, config).offenders == ()
    changed = parse_config([text.encode() for known in (name, old) for text in (known, "1")])
    assert len(drift(startup, changed).offenders) == 1


def test_every_default_is_one_that_the_server_knows(server: Server) -> None:
    """A default under a name that no version answers to would never be compared."""
    config = live(server).config
    known = set(DEFAULTS) - config.values.keys()
    assert known <= {"replicaof"}


def config(**values: str) -> Config:
    """A live configuration; underscores stand for dashes."""
    pairs = [word.encode() for name, value in values.items() for word in (name.replace("_", "-"), value)]
    return parse_config(list(pairs))


def test_a_changed_password_is_told_without_either() -> None:
    """Neither the live secret nor the declared one reaches a report."""
    found = drift(
        parse_startup(("redis-server", "--requirepass", "declared-secret")), config(requirepass="live-secret")
    )
    assert found.offenders == ("requirepass is not what the next start gives (the command line; values hidden)",)


def test_the_same_password_is_no_loss() -> None:
    """Digests tell that two secrets are the same."""
    assert drift(parse_startup(("redis-server", "--requirepass", "a b")), config(requirepass="a b")).offenders == ()


def test_a_password_that_only_the_shell_knows_is_left_out() -> None:
    """What cannot be compared is named, and nobody is blamed for it."""
    found = drift(parse_startup(("redis-server", "--requirepass", "$SECRET")), config(requirepass="x"))
    assert found.offenders == ()
    assert "requirepass" in found.describe()


def test_before_7_save_points_in_one_word_mean_none() -> None:
    """Redis 6.2 reads --save "60 1" as no snapshots at all."""
    startup = parse_startup(("redis-server", "--save", "60 1"))
    assert drift(startup, config(save=""), (6, 2, 14)).offenders == ()
    assert drift(startup, config(save="60 1"), (7, 0, 15)).offenders == ()


def test_a_file_that_includes_others_proves_nothing() -> None:
    """What was found is a finding; nothing found is unjudged."""
    startup = parse_startup(("redis-server", "f"), b"include /other.conf\nhz 10\n")
    assert drift(startup, config(hz="20", maxmemory="5")).offenders
    with pytest.raises(Unjudged):
        drift(startup, config(hz="10", maxmemory="5")).offenders  # noqa: B018 - the property raises


def test_secrets_are_dropped_on_the_way_in() -> None:
    """Neither the values nor what represents the object holds a password."""
    live_config = config(requirepass="secret", masterauth="other-secret", port="1")
    assert live_config.values["requirepass"] == HIDDEN
    assert "secret" not in repr(live_config)


def test_an_unknown_directive_is_the_versions_affair() -> None:
    """CONFIG GET leaves out what a version does not know."""
    with pytest.raises(NotApplicable):
        config(port="1").get("nosuch")


@pytest.mark.parametrize("items", [[b"a"], [b"a", 1], [None, b"b"]])
def test_what_is_no_configuration_is_unjudged(items: list[bytes | int | None]) -> None:
    """Names and values come in pairs of strings."""
    with pytest.raises(Unjudged):
        parse_config(list(items))
