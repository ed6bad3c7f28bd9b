"""The inventory: what is read from it, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest
from hypothesis import given

from plugins import inventory
from plugins.decode import Table, doc, keys_of
from plugins.inventory import Environment, Host, Limits, Pattern, Windows
from plugins.place import Place, Problems
from tests_plugins.hostile import any_text, hostile, some_text
from tests_plugins.inventories import CONTRACT, ENVIRON, MINIMAL, read, toml_string


def test_every_key_of_the_contract_is_read(tmp_path: Path) -> None:
    """The contract's own example, whole."""
    (tmp_path / "ssh_config").touch()
    (tmp_path / "ca.pem").touch()
    host = read(tmp_path, CONTRACT, {**ENVIRON, "REDIS_USER": "u", "STAGING_REDIS_PASSWORD": "p"})
    assert host == Host(
        name="staging",
        environment=Environment.STAGING,
        ssh="deploy@staging.example.com",
        ssh_config=tmp_path / "ssh_config",
        project_dir="~/exam-platform-staging",
        compose_project="exam",
        docker=("sudo", "-n", "docker"),
        backend_service="backend_staging",
        redis_db=3,
        redis_username_env="REDIS_USER",
        redis_password_env="STAGING_REDIS_PASSWORD",  # noqa: S106 - the name of a variable
        redis_optional=False,
        readiness_url="https://example.com/api/v1/ready",
        readiness_via="host",
        ca_file=tmp_path / "ca.pem",
        backend_check=("python", "-c", "pass"),
        canary=False,
        role="master",
        policy="allkeys-lru",
        durability="appendfsync everysec",
        image="redis:7",
        patterns=(Pattern(glob="session:*", type="hash", ttl=True, max_ttl_s=86_400, max_count=1000),),
        limits=replace(Limits(), used_memory_ratio=0.5),
        windows=Windows(restart=7.0, hold_s=1.5),
        chaos=inventory.Chaos(allowed=True, engine_id="AAAA:BBBB", faults=("restart",), data_loss="forbidden"),
    )


def test_only_the_environment_is_required(tmp_path: Path) -> None:
    """Everything else has the contract's default; the project's folder is then the inventory's own."""
    expected = Host(name="staging", environment=Environment.STAGING, project_dir=str(tmp_path))
    assert read(tmp_path, MINIMAL) == expected


def test_the_shipped_inventory_is_made_of_the_runbooks_placeholders(request: pytest.FixtureRequest) -> None:
    """With the three variables set, the entry that ships is a host."""
    host = inventory.load(request.config.rootpath / "hosts.toml", "staging", ENVIRON)
    assert (host.ssh, host.readiness_url) == ("deploy@staging.example.com", "https://example.com/api/v1/ready")


def test_other_hosts_are_not_looked_into(tmp_path: Path) -> None:
    """Neither their mistakes nor their variables concern this run."""
    text = f'{MINIMAL}[hosts.other]\nssh = "${{NOT_SET}}"\nnope = 1\n'
    assert read(tmp_path, text).name == "staging"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${STAGING_USER}", "deploy"),
        ("a${STAGING_USER}${STAGING_USER}b", "adeploydeployb"),
        ("$${STAGING_USER}", "${STAGING_USER}"),
        ("$$${STAGING_USER}", "$${STAGING_USER}"),
        ("$STAGING_USER {x} $", "$STAGING_USER {x} $"),
        ("${NESTED}", "${STAGING_USER}"),
    ],
)
def test_variables_are_expanded_once(tmp_path: Path, written: str, meant: str) -> None:
    """``$${`` is a literal ``${``; a variable's value is never expanded again."""
    environ = {**ENVIRON, "NESTED": "${STAGING_USER}"}
    assert read(tmp_path, f"{MINIMAL}image = {toml_string(written)}\n", environ).image == meant


def test_a_variable_cannot_bring_syntax_with_it(tmp_path: Path) -> None:
    """Variables are expanded in what was parsed, never in the file."""
    host = read(tmp_path, f'{MINIMAL}image = "${{X}}"\n', {"X": '"\nenvironment = "production'})
    assert (host.environment, host.image) == (Environment.STAGING, '"\nenvironment = "production')


@pytest.mark.parametrize("destination", ["staging", "deploy@10.0.0.1", "ssh://deploy@[::1]:2222", "a@b@c"])
def test_what_openssh_takes_is_left_alone(tmp_path: Path, destination: str) -> None:
    """Aliases, addresses and URLs alike."""
    assert read(tmp_path, f'{MINIMAL}ssh = "{destination}"\n').ssh == destination


@pytest.mark.parametrize("service", ["-x", "a b", "a'b", "*", "a\nb", "$(id)", "<b>"])
def test_a_service_may_be_called_anything(tmp_path: Path, service: str) -> None:
    """It travels as one word, so nothing needs to be forbidden but NUL."""
    assert read(tmp_path, f"{MINIMAL}redis_service = {toml_string(service)}\n").redis_service == service


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """Editors on Windows leave one."""
    assert read(tmp_path, "\ufeff" + MINIMAL).name == "staging"


def test_files_are_relative_to_the_inventory(tmp_path: Path) -> None:
    """Wherever pytest was started."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ca.pem").touch()
    assert read(tmp_path, f'{MINIMAL}ca_file = "keys/ca.pem"\n').ca_file == tmp_path / "keys" / "ca.pem"


def test_a_tilde_of_a_local_path_is_the_home_folder(tmp_path: Path) -> None:
    """As the caller's environment says."""
    (tmp_path / "ca.pem").touch()
    host = read(tmp_path, f'{MINIMAL}ca_file = "~/ca.pem"\nproject_dir = "~"\n', {"HOME": str(tmp_path)})
    assert (host.ca_file, host.project_dir) == (tmp_path / "ca.pem", str(tmp_path))


def test_a_tilde_of_a_remote_path_is_left_to_the_host(tmp_path: Path) -> None:
    """Its home folder is not ours."""
    host = read(tmp_path, f'{MINIMAL}ssh = "x"\nproject_dir = "~/p"\n', {"HOME": str(tmp_path)})
    assert host.project_dir == "~/p"


def test_a_host_hands_out_its_password_and_does_not_keep_it(tmp_path: Path) -> None:
    """Only the variable's name is in the host."""
    environ = {"PW": "hunter2", "WHO": "app"}
    host = read(tmp_path, f'{MINIMAL}redis_password_env = "PW"\nredis_username_env = "WHO"\n', environ)
    assert (host.username(environ), host.password(environ)) == ("app", "hunter2")
    assert "hunter2" not in repr(host)


def test_a_host_without_secrets_hands_out_none(tmp_path: Path) -> None:
    """Nothing is declared, nothing is read."""
    host = read(tmp_path, MINIMAL)
    assert (host.username({}), host.password({})) == (None, None)


@dataclass(frozen=True, kw_only=True)
class _Later:
    """A table as somebody may extend it."""

    new_ratio: float = field(default=0.5, metadata=doc("a threshold"))
    new_count: int = 3


def test_a_new_field_is_a_new_key() -> None:
    """Checked like the others, without a line of code."""
    place = Place(("limits",), Path(), {})
    assert Table(_Later).read({"new_ratio": 1}, place) == _Later(new_ratio=1.0)
    with pytest.raises(Problems, match=r"limits\.new_count: 1\.5 is a number; legal: a whole number, 0 or more"):
        Table(_Later).read({"new_count": 1.5}, place)


def test_every_limit_is_a_figure() -> None:
    """What the README's table, the checks and this reader all rely on."""
    assert {type(getattr(Limits(), limit.name)) for limit in fields(Limits)} <= {int, float}


def test_every_key_is_documented() -> None:
    """The README's table is made of this."""
    undocumented = [key.key for key in inventory.describe_keys() if not key.doc]
    assert undocumented == []


def test_the_documentation_names_keys_at_every_level() -> None:
    """With what is legal and the default."""
    described = {key.key: key for key in inventory.describe_keys()}
    assert described["environment"].default == "required"
    assert described["windows.hold_s"].default == "2.0"
    assert described["patterns.GLOB.type"].legal.startswith('"string" or "list"')
    assert len(described) == len(keys_of(Host)) - 4 + sum(
        len(keys_of(table)) for table in (Pattern, Limits, Windows, inventory.Chaos)
    )


def test_a_pattern_may_be_named_by_a_variable(tmp_path: Path) -> None:
    """The name of its table is a string as any other; one that is not set is told."""
    text = f'{MINIMAL}[hosts.staging.patterns."${{APP}}:*"]\nttl = true\n'
    assert read(tmp_path, text, {"APP": "exams"}).patterns[0].glob == "exams:*"
    with pytest.raises(inventory.InventoryError, match=r"APP is not set"):
        read(tmp_path, text, {})


@hostile
@given(service=some_text, image=some_text, glob=any_text)
def test_strings_arrive_as_they_were_written(tmp_path: Path, service: str, image: str, glob: str) -> None:
    """Quotes, blanks, newlines and all, through the file and through a variable."""
    literal, name = (toml_string(text.replace("${", "$${")) for text in (service, glob))
    text = f'{MINIMAL}redis_service = {literal}\nimage = "${{X}}"\n[hosts.staging.patterns.{name}]\n'
    host = read(tmp_path, text, {"X": image})
    assert (host.redis_service, host.image, host.patterns[0].glob) == (service, image, glob)
