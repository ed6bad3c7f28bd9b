"""The inventory: what a person is told when it cannot be used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins import inventory
from plugins.decode import keys_of
from plugins.inventory import Environment, Host, InventoryError
from plugins.place import dotted
from tests_plugins.hostile import any_text, hostile
from tests_plugins.inventories import CONTRACT, ENVIRON, MINIMAL, complaint, toml, toml_string

if TYPE_CHECKING:
    from pathlib import Path


def test_the_shipped_inventory_names_the_variables_that_are_missing(request: pytest.FixtureRequest) -> None:
    """All of them at once, each with its key."""
    with pytest.raises(InventoryError) as caught:
        inventory.load(request.config.rootpath / "hosts.toml", "staging", {})
    assert all(name in str(caught.value) for name in (*ENVIRON, "hosts.staging.ssh", "hosts.staging.readiness_url"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('redis_port = "6379"', 'redis_port: "6379" is a string; legal: a whole number from 1 to 65535'),
        ("redis_port = 0", "redis_port: 0 is out of range; legal: a whole number from 1 to 65535"),
        ("redis_port = true", "redis_port: true is a boolean"),
        ("redis_db = -1", "redis_db: -1 is negative; legal: a whole number, 0 or more"),
        ("redis_db = 1.0", "redis_db: 1.0 is a number; legal: a whole number"),
        ("canary = 1", "canary: 1 is a whole number; legal: true or false"),
        ("ssh = 2026-01-02", "ssh: 2026-01-02 is a date or a time"),
        ('ssh = ""', "ssh: it is empty"),
        ('readiness_via = "moon"', 'readiness_via: "moon" is not one of them; legal: "runner" or "host"'),
        ('role = "slave"', 'role: "slave" is not one of them; legal: "master" or "replica"'),
        ('policy = "allkeys_lru"', "is no maxmemory-policy"),
        ('durability = "strong"', 'durability: "strong" is no declaration of durability; legal: "none", or any of'),
        ("docker = []", "docker: it is empty; legal: an array of strings, a program and its arguments"),
        ('docker = "docker"', 'docker: "docker" is a string'),
        ('docker = ["docker", 1]', "docker[1]: 1 is a whole number"),
        ('docker = ["-n"]', "starts with an option, not with a program"),
        ('compose_project = "Exam"', "is no name that Compose gives a project"),
        ('compose_file = "-"', "would be taken for an option"),
        ('readiness_url = "staging.example.com"', "is not an http or https address with a host"),
        ('readiness_url = "https://u:p@example.com/"', "holds a user or a password"),
        ('readiness_url = "http://x:99999/"', "is not an address: Port out of range"),
        ("windows.restart = 0", "windows.restart: 0 is out of range; legal: seconds, more than 0"),
        ("windows.kill = nan", "windows.kill: nan is not finite"),
        ("windows.kill = inf", "windows.kill: inf is not finite"),
        ("windows = 5", "windows: 5 is a whole number; legal: a table with the keys restart, start"),
        ("limits.used_memory_ratio = -0.1", "limits.used_memory_ratio: -0.1 is negative"),
        (
            "limits.used_memory_ratio = 90",
            "limits.used_memory_ratio: 90 is out of range, which may be percent: write 0.9; legal: a share of 1",
        ),
        ("limits.maxmemory_ratio = 1.5", "limits.maxmemory_ratio: 1.5 is out of range"),
        ("limits.clients_ratio = 0", "limits.clients_ratio: 0 is out of range; legal: a share of 1, more than 0"),
        ("limits.disk_used_ratio = 1000", "limits.disk_used_ratio: 1000 is out of range; legal: a share of 1"),
        ("limits.fragmentation_ratio = 0.5", "limits.fragmentation_ratio: 0.5 is out of range: less than once"),
        (f"redis_db = 1{'0' * 400}", "redis_db: a number of very many digits is not finite"),
        ('patterns."a b*".type = "text"', 'patterns."a b*".type: "text" is not one of them; legal: "string"'),
        ('patterns."a".max_ttl_s = "1h"', 'patterns.a.max_ttl_s: "1h" is a string; legal: seconds, more than 0'),
        ('patterns = ["session:*"]', "patterns: it is an array; legal: tables by name"),
        ('chaos.data_loss = "yes"', 'chaos.data_loss: "yes" is not one of them; legal: "restore" or "allowed"'),
        ('chaos.faults = ["restrat"]', 'chaos.faults[0]: "restrat" is not one of them; legal: "restart"'),
    ],
)
def test_a_wrong_value_is_named_with_what_is_legal(tmp_path: Path, line: str, words: str) -> None:
    """The message holds the dotted key, the value as it was written, and the alternatives."""
    message = complaint(tmp_path, f"{MINIMAL}{line}\n")
    assert f"{tmp_path / 'hosts.toml'}: one problem" in message
    assert words in message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('sssh = "x"', "hosts.staging.sssh: unknown key; did you mean ssh?; legal: environment, ssh, "),
        ("limits.used_memory_ration = 1", "limits.used_memory_ration: unknown key; did you mean used_memory_ratio?"),
        ("windows.restrat = 1", "windows.restrat: unknown key; did you mean restart?"),
        ('patterns."a*".tll = true', 'patterns."a*".tll: unknown key; did you mean ttl?'),
        ("chaos.allow = true", "chaos.allow: unknown key; did you mean allowed?"),
        ('"a\\nb" = 1', 'hosts.staging."a\\nb": unknown key'),
        ("[defaults]", "defaults: unknown key; legal: hosts"),
        ("chaos.redis_db = 1", "chaos.redis_db: unknown key; it belongs in [hosts.staging]; legal: allowed"),
        ('engine_id = "x"', "engine_id: unknown key; it belongs in [hosts.staging.chaos]; legal: environment"),
        ("ttl = true", "staging.ttl: unknown key; it belongs in [hosts.staging.patterns.GLOB]"),
        ("[host.x]", "host: unknown key; did you mean hosts?"),
    ],
)
def test_an_unknown_key_is_refused_at_every_level(tmp_path: Path, line: str, words: str) -> None:
    """A key that nobody reads is a promise that nobody keeps; what was probably meant is suggested."""
    assert words in complaint(tmp_path, f"{MINIMAL}{line}\n")


def test_all_problems_of_a_host_come_in_one_message(tmp_path: Path) -> None:
    """A person mends the file in one go."""
    message = complaint(
        tmp_path,
        '[hosts.staging]\nssh = "${NOPE}"\nredis_db = "0"\nnope = 1\nwindows.kill = 0\nredis_password_env = "UNSET"\n',
    )
    keys = ("environment", "ssh", "redis_db", "nope", "windows.kill", "redis_password_env")
    assert "6 problems" in message
    assert all(f"\n  hosts.staging.{key}: " in message for key in keys)


def test_the_environment_is_required(tmp_path: Path) -> None:
    """Whether a host is production must never be a guess."""
    assert "hosts.staging.environment: it is missing and required" in complaint(tmp_path, "[hosts.staging]\n")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("${NOPE}", "the environment variable NOPE is not set"),
        ("${EMPTY}", "the environment variable EMPTY is empty"),
        ("${BYTES}", "the environment variable BYTES is not UTF-8"),
        ("${A-b}", '"A-b" is not the name of a variable (a literal "${" is written "$${")'),
        ("${}", '"" is not the name of a variable'),
        ("x${NOPE", 'a "${" is never closed'),
    ],
)
def test_a_variable_that_cannot_be_had_is_named(tmp_path: Path, written: str, words: str) -> None:
    """Beside the key, and before anything is connected to."""
    environ = {"EMPTY": "", "BYTES": "\udcff"}
    message = complaint(tmp_path, f"{MINIMAL}image = {toml_string(written)}\n", environ)
    assert "hosts.staging.image: in " in message
    assert words in message


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ("-oProxyCommand=id", 'starts with "-", which OpenSSH would take for an option'),
        ("user@-oProxyCommand=id", 'starts with "-", which OpenSSH would take for an option'),
        ("ssh://-oProxyCommand=id", 'starts with "-", which OpenSSH would take for an option'),
        ("a\nb", "holds a control character"),
        ("a\x1bb", "holds a control character"),
        ("a\0b", "holds a NUL"),
        ("@host", "lacks a user or a host"),
        ("user@", "lacks a user or a host"),
    ],
)
def test_a_destination_that_is_no_destination_is_refused(tmp_path: Path, destination: str, words: str) -> None:
    """Written in the file or brought in by a variable."""
    assert words in complaint(tmp_path, f"{MINIMAL}ssh = {toml_string(destination)}\n")
    assert words in complaint(tmp_path, f'{MINIMAL}ssh = "${{D}}"\n', {"D": destination})


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    """With the option that names another."""
    with pytest.raises(InventoryError, match=r"nope\.toml: there is no such file; name another with --inventory"):
        inventory.load(tmp_path / "nope.toml", "staging", {})


def test_a_directory_is_said_to_be_one(tmp_path: Path) -> None:
    """``--inventory .`` is a likely slip."""
    with pytest.raises(InventoryError, match="it is a directory"):
        inventory.load(tmp_path, "staging", {})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[hosts.staging]\nenvironment = staging\n", r"not valid TOML: Invalid value \(at line 2, column 15\)"),
        (b"[hosts.staging]\na = [1,\n", "not valid TOML: .* line 3"),
        (b"[hosts.staging]\na = 1\na = 2\n", "line 3"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = " + b"1" * 5000, "not valid TOML"),
        (b"[hosts.staging]\n# caf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        (b"#" * 1_000_001, "it is larger than"),
    ],
)
def test_a_broken_file_says_where_it_breaks(tmp_path: Path, raw: bytes, words: str) -> None:
    """By line, and column where there is one."""
    path = tmp_path / "hosts.toml"
    path.write_bytes(raw)
    with pytest.raises(InventoryError, match=words):
        inventory.load(path, "staging", {})


def test_an_unknown_host_gets_the_names_of_those_there_are(tmp_path: Path) -> None:
    """A typing error is found at a glance."""
    message = complaint(tmp_path, f'{MINIMAL}[hosts.eu-1]\n[hosts."a b"]\n', name="stagign")
    assert 'hosts.stagign: there is no such host; did you mean staging?; legal: staging, "eu-1", "a b"' in message


def test_an_empty_inventory_says_so(tmp_path: Path) -> None:
    """And how to begin."""
    assert "none yet; add a table [hosts.NAME]" in complaint(tmp_path, "")


def test_hosts_must_be_a_table(tmp_path: Path) -> None:
    """Anything else is answered with an example."""
    assert "hosts: 3 is a whole number; legal: a table for each host" in complaint(tmp_path, "hosts = 3\n")


@pytest.mark.parametrize("name", ["../x", "", ".", "-x", "a/b", "a\nb", "a b", "x" * 101, "<b>"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The host's name becomes part of the report's folder."""
    text = f'[hosts.{toml_string(name)}]\nenvironment = "staging"\n'
    assert "cannot be part of a folder's name" in complaint(tmp_path, text, name=name)


@pytest.mark.parametrize("name", ["twin", "staging"])
def test_the_twins_name_is_reserved(tmp_path: Path, name: str) -> None:
    """An entry of that name would never be used; whoever wrote it must know."""
    message = complaint(tmp_path, f'{MINIMAL}[hosts.twin]\nenvironment = "staging"\n', name=name)
    assert message.count("hosts.twin: the name is reserved") == 1


def test_several_hosts_are_reserved(tmp_path: Path) -> None:
    """Said before the file is read, since there may be a host for each part."""
    with pytest.raises(InventoryError, match="several hosts in one run are reserved"):
        inventory.load(tmp_path / "nope.toml", "a,b", {})


@pytest.mark.parametrize("key", ["ssh_config", "ca_file"])
def test_a_local_file_must_be_there(tmp_path: Path, key: str) -> None:
    """Found out now, not when a connection fails for reasons of its own."""
    message = complaint(tmp_path, f'{MINIMAL}{key} = "nope"\n')
    assert f'hosts.staging.{key}: there is no file "{tmp_path / "nope"}"' in message


def test_a_declared_password_must_be_set(tmp_path: Path) -> None:
    """The variable is named; that it is declared means that Redis wants it."""
    message = complaint(tmp_path, f'{MINIMAL}redis_password_env = "REDIS_PW"\n')
    assert "hosts.staging.redis_password_env: the environment variable REDIS_PW is not set" in message


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('"hunter-2"', "is not a variable's name"),
        ('"hunter2"', "the environment variable that it names (not shown: it may be the secret itself) is not set"),
        ('"HUNTER2"', "is not set"),
        ('"hunter2${"', "is not a variable's name"),
        ("2002", "is a whole number"),
        ('["hunter2"]', "is an array"),
    ],
)
@pytest.mark.parametrize("key", ["redis_password_env", "redis_username_env"])
def test_a_password_written_into_the_file_is_not_repeated(tmp_path: Path, key: str, written: str, words: str) -> None:
    """Where the name of a variable belongs, the secret itself may stand."""
    message = complaint(tmp_path, f"{MINIMAL}{key} = {written}\n")
    assert f"hosts.staging.{key}: " in message
    assert words in message
    assert re.findall("hunter.?2|2002", message, re.IGNORECASE) == []


@pytest.mark.parametrize(
    "entry",
    [
        'readiness_url = "http://bob:hunter2@example.com/"',
        'readiness_url = "http://hunter2@example.com/"',
        'readiness_url = "http://bob:p/a@s:hunter2@example.com/"',
        'readiness_url = "ftp://bob:hunter2@example.com/${NOPE}"',
        'ssh = "ssh://bob:hunter2@example.com"',
        'ssh = "bob:hunter2@example.com"',
        'image = "https://bob:hunter2@example.com/redis${NOPE}"',
        'policy = "redis://:hunter2@example.com"',
    ],
)
def test_a_password_in_an_address_is_not_repeated(tmp_path: Path, entry: str) -> None:
    """Whatever else is wrong with the address."""
    message = complaint(tmp_path, f"{MINIMAL}{entry}\n")
    assert f"hosts.staging.{entry.partition(' ')[0]}: " in message
    assert "***@example.com" in message
    assert "hunter2" not in message


def test_a_password_that_went_away_is_an_error() -> None:
    """Asked for after the variable was removed."""
    host = Host(name="x", environment=Environment.STAGING, redis_password_env="PW")  # noqa: S106 - the name of a variable
    with pytest.raises(InventoryError, match=r"hosts\.x\.redis_password_env: the environment variable PW is not set"):
        host.password({})


@hostile
@given(raw=st.one_of(st.binary(max_size=300), any_text.map(str.encode), st.just(CONTRACT.encode())), cut=st.integers(0))
def test_no_file_crashes_the_reader(tmp_path: Path, raw: bytes, cut: int) -> None:
    """Any bytes, and any half-written inventory, are a host or an ``InventoryError``."""
    path = tmp_path / "hosts.toml"
    path.write_bytes(raw[: cut % (len(raw) + 1)])
    with pytest.raises(InventoryError, match=r"hosts\.toml: "):
        inventory.load(path, "nobody", {})


_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), any_text, st.just("${X}")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(any_text, inner, max_size=3)),
    max_leaves=6,
)
_keys = st.one_of(st.sampled_from([*keys_of(Host), "limits", "windows"]), any_text)


@hostile
@given(entry=st.dictionaries(_keys, _values, max_size=5))
def test_no_value_crashes_the_reader(tmp_path: Path, entry: dict[str, object]) -> None:
    """Anything of any type under any key is read, or named in a message without control characters."""
    text = f"[hosts]\nx = {toml(entry)}\n"
    (tmp_path / "hosts.toml").write_text(text, encoding="utf-8")
    try:
        host = inventory.load(tmp_path / "hosts.toml", "x", {"X": "\x1b"})
    except InventoryError as error:
        message = str(error)
        assert all(line.isprintable() for line in message.split("\n"))
    else:
        assert host.environment in Environment


@pytest.mark.parametrize(
    ("key", "text"),
    [(("a", "b-c"), "a.b-c"), (("a", "b c"), 'a."b c"'), (("a", ""), 'a.""'), (("a", 0, "é"), 'a[0]."é"')],
)
def test_keys_are_written_as_toml_writes_them(key: tuple[str | int, ...], text: str) -> None:
    """So that they can be found in the file."""
    assert dotted(key) == text
