"""What Redis is started with, read from a container's command line and a configuration file."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.startup import Directive, config_path, parse_startup, split_words
from plugins.verdict import Unjudged
from tests_plugins.hostile import any_text, hostile


def directives(*argv: str, file: bytes | None = None) -> dict[str, str | None]:
    """The directives of a command line by name; the last one of a name."""
    return {directive.name: directive.value for directive in parse_startup(argv, file).directives}


@pytest.mark.parametrize(
    "argv",
    [
        ("redis-server", "--maxmemory", "256mb"),
        ("docker-entrypoint.sh", "redis-server", "--maxmemory", "256mb"),
        ("docker-entrypoint.sh", "--maxmemory", "256mb"),
        ("/usr/local/bin/valkey-server", "--MaxMemory", "256mb"),
        ("tini", "--", "gosu", "redis", "redis-server", "--maxmemory", "256mb"),
        ("sh", "-c", "redis-server --maxmemory 256mb"),
        ("docker-entrypoint.sh", "sh", "-c", "exec redis-server --maxmemory '256mb'"),
    ],
)
def test_the_servers_flags_are_found_whatever_wraps_it(argv: tuple[str, ...]) -> None:
    """Entry points, init processes and a shell's one plain command are looked through."""
    assert directives(*argv) == {"maxmemory": "256mb"}


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("docker-entrypoint.sh",),
        ("/opt/run.sh",),
        ("sh", "/start.sh"),
        ("sh", "-c"),
        ("sh", "-c", "redis-server --port 1; sleep 1"),
        ("sh", "-c", "redis-server 'unbalanced"),
        ("sh", "-c", "sh -c 'redis-server'"),
        ("redis-server", "-"),
        ("redis-server", "/etc/redis.conf"),
    ],
)
def test_what_cannot_be_known_is_unjudged(argv: tuple[str, ...]) -> None:
    """A script, another entry point, standard input, a file that could not be read."""
    with pytest.raises(Unjudged):
        parse_startup(argv)


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (("--save", ""), "save", ""),
        (("--save",), "save", ""),
        (("--save", '""'), "save", ""),
        (("--save", "60", "1"), "save", "60 1"),
        (("--save", "60 1 300 10"), "save", "60 1 300 10"),
        (("--save", "--appendonly", "yes"), "save", ""),
        (("--slowlog-log-slower-than", "-1"), "slowlog-log-slower-than", "-1"),
        (("--requirepass", "$REDIS_PASSWORD"), "requirepass", None),
    ],
)
def test_a_flag_has_the_arguments_up_to_the_next(flags: tuple[str, ...], name: str, value: str | None) -> None:
    """Both ways of writing no snapshots, several arguments in a word or in many, and a shell's variable."""
    assert directives("redis-server", *flags)[name] == value


def test_the_configuration_file_comes_first() -> None:
    """Redis reads the file, then the command line."""
    startup = parse_startup(
        ("redis-server", "/etc/redis.conf", "--hz", "20"), b"# a comment\r\n\r\n  Port 7 \r\nhz 10\n"
    )
    assert startup.directives[:2] == (Directive("port", ("7",)), Directive("hz", ("10",)))
    assert startup.directives[2].value == "20"


@pytest.mark.parametrize(
    ("argv", "path"),
    [
        (("redis-server", "/etc/redis.conf", "--port", "1"), "/etc/redis.conf"),
        (("docker-entrypoint.sh", "redis.conf"), "redis.conf"),
        (("redis-server", "--port", "1"), None),
        (("redis-server",), None),
    ],
)
def test_the_configuration_file_is_the_first_argument(argv: tuple[str, ...], path: str | None) -> None:
    """A first argument that is no flag names it."""
    assert config_path(argv) == path


def test_unbalanced_quotes_are_unjudged_and_show_no_value() -> None:
    """Redis would not start with such a file; its value may be a secret."""
    with pytest.raises(Unjudged, match="requirepass") as unbalanced:
        parse_startup(("redis-server", "f"), b'requirepass "secret')
    assert "secret" not in unbalanced.value.reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b  c", ["a", "b", "c"]),
        ('save ""', ["save", ""]),
        (r'a "b\x41\n\"c"', ["a", 'bA\n"c']),
        (r"a 'b\'c\n'", ["a", r"b'c\n"]),
        ('a "b"c', None),
        ("a 'b", None),
        ('a "b\\', None),
        ("", []),
    ],
)
def test_a_line_is_split_as_redis_does(line: str, words: list[str] | None) -> None:
    """Escapes within double quotes only; a closing quote ends its word."""
    assert split_words(line) == words


@hostile
@given(st.lists(any_text.filter(lambda text: "\0" not in text), max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    """Whatever a person quotes is read as they meant it."""
    line = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    assert split_words(line) == words


@hostile
@given(st.lists(any_text, max_size=6), st.binary(max_size=100))
def test_no_command_line_and_no_file_break_the_parser(argv: list[str], file: bytes) -> None:
    """Either it is read, or it says that it cannot be."""
    with suppress(Unjudged):
        assert parse_startup(["redis-server", *argv], file).source
