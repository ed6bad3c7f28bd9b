"""The plan names everything that a run may ask of a host, and connects to nothing."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.inventory import Environment, Host
from plugins.plan import parts, plan
from tests_plugins.gate import ROOT, run_gate
from tests_plugins.inventories import CONTRACT, ENVIRON, read
from tests_plugins.recording import Recorder, heard_by_redis, recorder
from tests_plugins.staging import (
    REDIS,
    SshdOptions,
    Stack,
    StagingHost,
    StagingOptions,
    need_staging_host,
    staging_host,
)
from tests_plugins.staging.requirements import path_of
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORD = "pl@nted/Se cret&7"
#: Redis's slow log holds every command then, with who sent it.
RECORDING = ("--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000")
PATTERNS = {"session:*": {"type": "string", "ttl": True}}


class Planned:
    """The plan as it was printed."""

    def __init__(self, staging: StagingHost, reports: Path) -> None:
        inventory = str(staging.inventory_file)
        gate = run_gate(
            "--host", "staging", "--inventory", inventory, "--plan", reports=reports, environ=staging.environ
        )
        assert gate.exit_code == 0, gate.output
        self.text = gate.output
        self.lines = {line.strip() for line in self.text.splitlines()}

    def unnamed(self, recorded: list[str]) -> set[str]:
        """Those of the recorded lines that are no line of the plan."""
        return set(recorded) - self.lines

    def unnamed_texts(self, recorded: list[str]) -> set[str]:
        """The same for texts of several lines, wherever these are broken."""
        flat = _flat(self.text)
        return {text for text in recorded if f" {_flat(text)} " not in f" {flat} "}


def _flat(text: str) -> str:
    return " ".join(text.split())


def in_general(recorded: str) -> str:
    """A recorded line with the plan's words for what only the run knows."""
    for known, word in (
        (r"\b[0-9a-f]{64}(?=/(?:json|exec|logs))(?<!exec/.{64})", "ID"),
        (r"(?<=/exec/)[0-9a-f]{64}", "EXEC"),
        (r"since=[\d.]+&tail=\d+", "since=SINCE&tail=LINES"),
        (r"canary:[0-9a-f]{16}", "canary:TOKEN"),
        (r"\b[0-9a-f]{16}$", "TOKEN"),
        (r"(?<=SCAN )\d+(?= MATCH)", "CURSOR"),
        (r"\bsession:\d+\b", "KEY"),
        (r"(?<=--max-time )[\d.]+", "SECONDS"),
        (r"(?<= sh )/\S+(?: /\S+)*(?='$)", "PATH..."),
        (r"(?<=cat -- )/dev/null", "FILE"),
        (r"\(redacted\)", "$STAGING_REDIS_PASSWORD"),
    ):
        recorded = re.sub(known, word, recorded)
    return recorded


def generally(recorded: list[str]) -> list[str]:
    assert recorded, "nothing was recorded: the recorder is deaf"
    return [in_general(one) for one in recorded]


def judge(staging: StagingHost, reports: Path) -> None:
    """A green run: everything was asked."""
    inventory = str(staging.inventory_file)
    gate = run_gate("--host", "staging", "--inventory", inventory, reports=reports, environ=staging.environ)
    assert gate.exit_code == 0, gate.output


# --- a usual host ---------------------------------------------------------------------------------------------------


@contextmanager
def usual(record: Recorder) -> Iterator[StagingHost]:
    """A host as most are: forwarding, a password, some keys. What it is asked by SSH is recorded."""
    unwatched = {"services": {"redis_staging": {"healthcheck": None}}}
    options = StagingOptions(
        stack=Stack(twin=Options(password=WORD, redis_args=RECORDING), changes=unwatched),
        sshd=SshdOptions(extra=(f"ForceCommand {record.session}",)),
        inventory={"patterns": PATTERNS, "limits": {"sampled_keys": 5}},
    )
    with staging_host(options) as staging:
        staging.redis_cli("EVAL", "for n = 1, 100 do redis.call('SET', 'session:' .. n, 'v', 'EX', 600) end", "0")
        yield staging


@pytest.fixture(scope="module")
def asked_usually(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Planned, Recorder, list[str]]]:
    """The plan for a usual host; what its sshd and its Redis were then asked."""
    need_staging_host()
    with recorder() as record, usual(record) as staging:
        planned = Planned(staging, tmp_path_factory.mktemp("plan"))
        backend = staging.container("backend_staging")
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = staging.account.run(path_of("docker"), "inspect", "-f", template, backend).stdout.strip()
        staging.redis_cli("SLOWLOG", "RESET")
        judge(staging, tmp_path_factory.mktemp("run"))
        yield planned, record, heard_by_redis(staging, but_from=address)


def test_every_command_that_reaches_redis_is_in_the_plan(
    asked_usually: tuple[Planned, Recorder, list[str]],
) -> None:
    """What Redis itself recorded, from the wire and from inside the container, is named line by line."""
    planned, _, heard = asked_usually
    assert {"PING", "RANDOMKEY", "CLIENT LIST", "CONFIG GET '*'"} <= set(heard)
    assert planned.unnamed(generally(heard)) == set()


def test_every_ssh_session_is_in_the_plan(asked_usually: tuple[Planned, Recorder, list[str]]) -> None:
    """What sshd was asked to run, out of its wrapping, is named word by word."""
    planned, record, _ = asked_usually
    assert any("currentContext" in one for one in record.sessions())
    assert planned.unnamed_texts(generally(record.sessions())) == set()


def test_the_plan_holds_variables_and_no_secret(asked_usually: tuple[Planned, Recorder, list[str]]) -> None:
    """The password's variable is named, so that one sees where it comes from; what it holds is not."""
    planned, _, _ = asked_usually
    assert "AUTH '$STAGING_REDIS_PASSWORD'" in planned.lines
    assert WORD not in planned.text


# --- a host where hardly any way is open ----------------------------------------------------------------------------


@contextmanager
def awkward(record: Recorder) -> Iterator[StagingHost]:
    """No forwarding, a `docker` of its own, one network for both, a configuration file, a second such project."""
    mark = secrets.token_hex(3)  # services of its own: nobody else's test may find two projects
    names = Options(redis_service=f"redis_{mark}", backend_service=f"backend_{mark}")
    command = ["redis-server", "/dev/null", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]
    services = {
        names.redis_service: {"command": command, "ports": ["127.0.0.1::6379", "127.0.0.1:${TWIN_BACKEND_PORT}:8000"]},
        names.backend_service: {"network_mode": f"service:{names.redis_service}", "networks": None, "ports": None},
    }
    options = StagingOptions(
        stack=Stack(twin=names, changes={"services": services}),
        sshd=SshdOptions(tcp_forwarding="no", stream_local_forwarding="no", extra=(f"ForceCommand {record.session}",)),
        inventory={"docker": [str(record.docker)], "readiness_via": "host", "patterns": PATTERNS},
        named_by="folder",
    )
    labels = [f"com.docker.compose.project=other-{mark}", f"com.docker.compose.service={names.redis_service}"]
    with staging_host(options) as staging:
        labelled = [word for label in labels for word in ("--label", label)]
        other = staging.account.run(path_of("docker"), "create", *labelled, REDIS).stdout.strip()
        try:
            staging.redis_cli("SET", "session:0", "value", "EX", "600")
            yield staging
        finally:
            staging.account.run(path_of("docker"), "rm", other)


@pytest.fixture(scope="module")
def asked_awkwardly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Planned, Recorder]]:
    """The plan for an awkward host; what its sshd and its engine were then asked."""
    need_staging_host("curl")
    with recorder() as record, awkward(record) as staging:
        planned = Planned(staging, tmp_path_factory.mktemp("plan"))
        judge(staging, tmp_path_factory.mktemp("run"))
        yield planned, record


def test_the_ways_around_a_closed_door_are_in_the_plan(asked_awkwardly: tuple[Planned, Recorder]) -> None:
    """The docker command, the look at the project's folder and curl are sessions too."""
    planned, record = asked_awkwardly
    for sign in ("system dial-stdio", "COMPOSE_PROJECT_NAME", "curl -q", "overcommit_memory"):
        assert any(sign in one for one in record.sessions()), sign
    assert planned.unnamed_texts(generally(record.sessions())) == set()


def test_every_request_to_the_engine_is_in_the_plan(asked_awkwardly: tuple[Planned, Recorder]) -> None:
    """Methods, paths and queries, as they were sent."""
    planned, record = asked_awkwardly
    assert planned.unnamed(generally([line for line, _ in record.requests()])) == set()


def test_every_command_in_a_container_is_in_the_plan(asked_awkwardly: tuple[Planned, Recorder]) -> None:
    """What was started in Redis's container and in the backend's, whatever it was fed."""
    planned, record = asked_awkwardly
    assert "cat -- /dev/null" in record.executed()
    assert any("/proc/net/tcp" in one for one in record.executed())
    named = {line.partition(" < ")[0] for line in planned.lines}
    assert set(generally(record.executed())) - named == set()


def test_what_redis_is_asked_inside_its_container_is_in_the_plan(asked_awkwardly: tuple[Planned, Recorder]) -> None:
    """Where the wire is closed its own client is fed the same questions."""
    planned, record = asked_awkwardly
    assert "CONFIG GET '*'" in record.fed()
    assert planned.unnamed(generally(record.fed())) == set()


# --- what depends on the inventory ----------------------------------------------------------------------------------

HOST = Host(name="staging", environment=Environment.STAGING, ssh="deploy@staging")


def planned(host: Host) -> dict[str, str]:
    """What is planned, and when."""
    return {question.text: question.when for part in parts(host) for question in part.questions}


def test_production_is_not_written_to() -> None:
    """Neither is a host that has its canary turned off."""
    for host in (replace(HOST, environment=Environment.PRODUCTION), replace(HOST, canary=False)):
        assert "PSETEX" not in plan(host)
    assert "PSETEX" in plan(HOST)


def test_a_docker_command_of_its_own_is_always_the_way() -> None:
    """Nobody asks what redirects it; a plain one may be redirected, which only the host knows."""
    assert planned(HOST)["docker system dial-stdio"].startswith("only where ")
    through_sudo = replace(HOST, docker=("sudo", "-n", "docker"))
    assert planned(through_sudo)["sudo -n docker system dial-stdio"] == "always"
    assert "DOCKER_HOST" not in plan(through_sudo)


def test_a_named_project_is_not_looked_for_in_its_folder() -> None:
    """Without a name, several projects may have the services."""
    assert "only where several Compose projects" in plan(HOST)
    assert "only where several Compose projects" not in plan(replace(HOST, compose_project="exam"))


def test_a_handshake_is_planned_beside_the_commands() -> None:
    """It is none of them, and yet sent."""
    assert planned(HOST)["a TLS handshake's first message"].startswith("only where Redis hangs up")


def test_without_a_backend_nothing_is_asked_of_one() -> None:
    """Neither its check nor its log nor its connections."""
    text = plan(replace(HOST, backend_service=None))
    assert [word for word in ("/logs", "/proc/net", "is_redis_available") if word in text] == []


def test_every_question_says_when_it_is_asked(tmp_path: Path) -> None:
    """Always, or in words only where or when."""
    entry = CONTRACT.replace('compose_project = "exam"\n', "").replace("canary = false\n", "")
    (tmp_path / "ca.pem").touch()
    (tmp_path / "ssh_config").touch()
    host = read(tmp_path, entry, ENVIRON | {"REDIS_USER": "ops", "STAGING_REDIS_PASSWORD": WORD})
    whens = {question.when for part in parts(host) for question in part.questions}
    assert {when for when in whens if not when.startswith(("always", "only ", "each of them "))} == set()


def test_a_run_does_not_pay_for_the_plan() -> None:
    """Only ``--plan`` imports it."""
    code = (
        "import sys, plugins.session, plugins.course, plugins.facts.gather, plugins.target.open, plugins.facts.look\n"
    )
    code += "print('plugins.plan' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
