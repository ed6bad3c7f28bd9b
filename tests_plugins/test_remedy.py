"""Remedies: what a person is told to paste must run as it stands, on hosts of any name."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from plugins.inventory import Environment, Host
from plugins.remedy import FIELDS, render, unknown_fields
from plugins.report.readme import Documented, documented_checks
from tests_plugins.hostile import NASTY, hostile, some_text

HOST = Host(
    name="staging",
    environment=Environment.STAGING,
    ssh="deploy@staging",
    project_dir="~/exam-platform-staging",
    backend_service="backend_staging",
    readiness_url="https://example.com/api/v1/ready",
    policy="allkeys-lru",
)
COMPOSE = "docker compose -f docker-compose.staging.yml"
IN_PROJECT = "cd ~/exam-platform-staging\n"
REDIS_CLI = f"{IN_PROJECT}{COMPOSE} exec -T redis_staging redis-cli -e"
WITH_PASSWORD = replace(HOST, redis_password_env="STAGING_REDIS_PASSWORD")  # noqa: S106 - the name of a variable


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{redis_cli} INFO memory", f"{REDIS_CLI} INFO memory"),
        ("{backend_exec} python -V", f"{IN_PROJECT}{COMPOSE} exec -T backend_staging python -V"),
        ("{redis_cli} CONFIG SET maxmemory-policy {policy}", f"{REDIS_CLI} CONFIG SET maxmemory-policy allkeys-lru"),
        ("{compose} restart {redis_service}", f"{IN_PROJECT}{COMPOSE} restart redis_staging"),
        ("{docker} info -f '{{.ID}}'", "docker info -f '{{.ID}}'"),
        ("{ssh}", "ssh deploy@staging"),
        (
            "{readiness}",
            r"curl -sS --max-time 5 -w '\n%{http_code}\n' https://example.com/api/v1/ready",
        ),
        ("Tell {backend_service} about ${HOME} and {}", "Tell backend_staging about ${HOME} and {}"),
    ],
)
def test_a_template_becomes_the_hosts_own_command(template: str, text: str) -> None:
    """In the project's folder where Compose is needed; other braces are left alone."""
    assert render(template, HOST) == text


def test_a_declared_password_travels_by_its_variable() -> None:
    """Exported for the client, passed through by name, and a complaint of the shell where it is not set."""
    assert render("{redis_cli} PING", WITH_PASSWORD) == (
        f'{IN_PROJECT}export REDISCLI_AUTH="${{STAGING_REDIS_PASSWORD:?is not set}}"\n'
        f"{COMPOSE} exec -T -e REDISCLI_AUTH redis_staging redis-cli -e PING"
    )


def test_sudo_is_asked_to_keep_the_password() -> None:
    """It would drop the variable, and Redis would say NOAUTH."""
    host = replace(WITH_PASSWORD, docker=("/usr/bin/sudo", "-n", "docker"))
    assert "\n/usr/bin/sudo --preserve-env=REDISCLI_AUTH -n docker compose" in render("{redis_cli} PING", host)
    assert "preserve-env" not in render("{compose} ps", host)


def test_what_is_declared_about_redis_is_passed_on() -> None:
    """Project, user, port and database."""
    host = replace(HOST, compose_project="exam", redis_port=6380, redis_db=3, redis_username_env="REDIS_USER")
    assert render("{redis_cli} PING", host).endswith(
        f'{COMPOSE} -p exam exec -T redis_staging redis-cli -e --user "${{REDIS_USER:?is not set}}" -p 6380 -n 3 PING'
    )


def test_a_private_readiness_address_is_asked_from_the_host() -> None:
    """The command is one word for ssh; the CA's file goes along as standard input."""
    host = replace(HOST, readiness_via="host", ca_file=Path("/etc/ca files/ca.pem"))
    command = render("{readiness}", host)
    ssh, destination, remote, redirection, file = shlex.split(command)
    assert (ssh, destination, redirection, file) == ("ssh", "deploy@staging", "<", "/etc/ca files/ca.pem")
    assert shlex.split(remote)[-3:] == ["--cacert", "/dev/stdin", "https://example.com/api/v1/ready"]


def test_the_users_own_ssh_config_is_named() -> None:
    """The destination may be an alias of it."""
    assert render("{ssh}", replace(HOST, ssh_config=Path("/a b/config"))) == "ssh -F '/a b/config' deploy@staging"


def test_this_machine_needs_no_ssh() -> None:
    """The line is left out."""
    assert render("{ssh}\n{docker} ps", replace(HOST, ssh=None)) == "docker ps"


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("~/a b", "cd ~/'a b'"),
        ("~", "cd ~"),
        ("~deploy/x", "cd ~deploy/x"),
        ("~$(id)/x", "cd '~$(id)/x'"),
        ("/srv/it's", "cd '/srv/it'\"'\"'s'"),
        ("-x", "cd ./-x"),
    ],
)
def test_the_folder_is_quoted_but_for_its_tilde(folder: str, line: str) -> None:
    """A quoted tilde is a folder of that name."""
    assert render("{compose} ps", replace(HOST, project_dir=folder)).split("\n")[0] == line


def test_no_cd_where_the_folder_is_where_one_is() -> None:
    """It would only be noise."""
    assert render("{compose} ps", replace(HOST, project_dir=".")) == f"{COMPOSE} ps"


def test_an_unknown_field_is_an_error_that_names_the_known_ones() -> None:
    """Found by the tests of the checks, not in an emergency."""
    assert unknown_fields("{redis_cli} {nope} {{end}} %{http_code} ${x}") == ["nope"]
    with pytest.raises(ValueError, match=r"no field nope in .*; there are compose, redis_cli"):
        render("{nope}", HOST)


def test_every_field_is_documented() -> None:
    """The README's table is made of this."""
    assert all(field.meaning for field in FIELDS.values())


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_valid_shell(name: str) -> None:
    """With everything declared that can be."""
    host = replace(WITH_PASSWORD, readiness_via="host", ca_file=Path("/a b"), redis_username_env="U")
    subprocess.run(["/bin/sh", "-n", "-c", render(f"{{{name}}} x", host)], check=True)


@pytest.mark.parametrize("check", documented_checks(), ids=lambda check: check.id)
def test_the_remedy_of_every_check_can_be_pasted(check: Documented) -> None:
    """It knows its fields, and a real shell can parse what they become."""
    subprocess.run(["/bin/sh", "-n", "-c", render(check.remedy, WITH_PASSWORD)], check=True)


def arguments(text: str, folder: Path) -> list[str]:
    """What a shell that runs ``text`` hands to ``docker``."""
    stub = folder / "docker"
    stub.write_text('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done\n')
    stub.chmod(0o755)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "STAGING_REDIS_PASSWORD": "hunter2"}
    ran = subprocess.run(["/bin/sh", "-c", text], env=environ, capture_output=True, check=True)
    assert ran.stderr == b""
    return ran.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_service_reaches_docker_as_one_word(tmp_path: Path, name: str) -> None:
    """Through a real shell, and never as an option."""
    host = replace(WITH_PASSWORD, project_dir=".", redis_service=name)
    words = arguments(render("{redis_cli} PING", host), tmp_path)
    expected = ["compose", "-f", "docker-compose.staging.yml", "exec", "-T", "-e", "REDISCLI_AUTH"]
    assert words == [*expected, *(["--"] if name.startswith("-") else []), name, "redis-cli", "-e", "PING"]


@hostile
@given(file=some_text, service=some_text, check=some_text)
def test_any_name_survives_a_real_shell(tmp_path: Path, file: str, service: str, check: str) -> None:
    """Compose file, service and the backend's own check."""
    host = replace(HOST, project_dir=".", compose_file=file, backend_service=service, backend_check=("python", check))
    words = arguments(render("{backend_check}", host), tmp_path)
    assert [word for word in words if word != "--"] == [
        word for word in ("compose", "-f", file, "exec", "-T", service, "python", check) if word != "--"
    ]


@pytest.mark.parametrize("name", ["a b", "$(touch owned)", "'; touch owned; '", "-x", "a\nb", "~x"])
def test_a_hostile_folder_is_entered_by_a_real_shell(tmp_path: Path, name: str) -> None:
    """It exists, so ``cd`` must find it, and run nothing."""
    (tmp_path / name).mkdir()
    text = render("{compose} ps", replace(HOST, project_dir=name, docker=("true",))) + "\npwd"
    ran = subprocess.run(["/bin/sh", "-c", text], cwd=tmp_path, capture_output=True, check=True)
    assert ran.stdout.decode() == f"{tmp_path / name}\n"
    assert not (tmp_path / "owned").exists()


def test_the_password_is_never_in_a_remedy() -> None:
    """Nothing that renders one ever reads the environment."""
    assert all("hunter2" not in render(f"{{{name}}}", WITH_PASSWORD) for name in FIELDS)
