"""The real staging host that tests and benchmarks use: what it promises them, and that nothing of it is left."""

from __future__ import annotations

import json
import pwd
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from benchmarks.delay_proxy import delayed
from plugins.eventually import eventually
from plugins.inventory import Environment
from tests_plugins.staging import (
    ALIAS,
    BACKEND,
    NAME,
    REDIS_6_2,
    REQUIRE,
    VALKEY,
    Login,
    SshdOptions,
    Stack,
    StagingHost,
    StagingOptions,
    need_staging_host,
    skip_or_fail,
    staging_host,
)
from tests_plugins.staging.requirements import path_of
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD = "p-a.s_s"  # the password of a Redis that lives for seconds
#: A project that is up in a second.
QUICK = Stack(
    twin=Options(redis_service="only"),
    backend=False,
    text=json.dumps({"services": {"only": {"image": REDIS_6_2, "volumes": ["data:/data"]}}, "volumes": {"data": {}}}),
)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def staging() -> Iterator[StagingHost]:
    """A stock staging host."""
    need_staging_host()
    with staging_host() as made:
        yield made


def images(staging: StagingHost) -> set[str]:
    """The images of the project's running containers."""
    return set(staging.compose("ps", "--format", "{{.Image}}").split())


def docker_ids(*argv: str) -> list[str]:
    """What docker lists, as root."""
    return subprocess.run(
        [path_of("docker"), *argv], capture_output=True, text=True, check=True, timeout=20
    ).stdout.split()


def exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def test_without_a_staging_host_tests_are_skipped_with_the_reason() -> None:
    """On a laptop a test that wants a staging host is skipped, and says why."""
    with pytest.raises(pytest.skip.Exception, match="no docker on this machine"):
        skip_or_fail("no docker on this machine", {})


def test_where_real_hosts_are_required_a_missing_one_fails() -> None:
    """In CI the same test fails instead, so that a green run has really used one."""
    with pytest.raises(pytest.fail.Exception, match="no docker on this machine"):
        skip_or_fail("no docker on this machine", {REQUIRE: "1"})


def test_a_missing_program_is_a_reason_too() -> None:
    """A test may ask for further programs; a missing one is named."""
    need_staging_host()
    with pytest.raises(pytest.skip.Exception, match="no-such-shell"):
        need_staging_host("no-such-shell", environ={})


def test_the_user_is_not_root_and_may_use_the_engine(staging: StagingHost) -> None:
    """Over SSH the unprivileged user runs Compose in the project's folder without a password."""
    asked = staging.ssh.run("docker", "compose", "-f", f"{staging.folder}/{staging.host.compose_file}", "ls", "--quiet")
    assert (staging.ssh.run("id", "-u").stdout.strip() != "0", asked.returncode) == (True, 0)


def test_the_inventory_describes_the_host(staging: StagingHost) -> None:
    """The inventory entry leads to the project: its folder, its file, its services."""
    host = staging.host
    assert (host.name, host.environment, host.ssh) == (NAME, Environment.STAGING, ALIAS)
    listed = staging.ssh.run(
        "sh", "-c", f"cd {host.project_dir} && docker compose -f {host.compose_file} config --services"
    )
    assert set(listed.stdout.split()) == {host.redis_service, host.backend_service}


def test_redis_and_the_backend_are_up(staging: StagingHost) -> None:
    """When the host is handed out, Redis answers and readiness has said 200."""
    assert staging.redis_cli("PING") == "PONG"


def test_a_proxy_can_stand_before_sshd(staging: StagingHost) -> None:
    """The host is the same through another local port, with the same known host key."""
    with delayed(staging.ssh.port, 0.001) as port:
        config = staging.through(port).ssh_config
        command = ["ssh", "-F", str(config), "-o", "BatchMode=yes", ALIAS, "echo through"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "through\n"


def test_connections_can_be_dropped_and_the_server_stays(staging: StagingHost) -> None:
    """Dropping ends a session that is under way with ssh's own 255; the next one is let in."""
    command = ["ssh", "-F", str(staging.ssh.client_config), "-o", "BatchMode=yes", ALIAS, "echo in; cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as session:
        assert session.stdout is not None
        session.stdout.readline()
        staging.ssh.drop_connections()
        assert (session.wait(timeout=10), staging.ssh.run("true").returncode) == (255, 0)


def test_the_server_comes_back_on_its_port(staging: StagingHost) -> None:
    """A stopped sshd refuses; started again it answers on the same port with the same key."""
    staging.ssh.stop()
    refused = staging.ssh.run("true")
    staging.ssh.start()
    assert (refused.returncode, "refused" in refused.stderr, staging.ssh.run("true").returncode) == (255, True, 0)


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_login_shell_may_print_a_banner(shell: Literal["bash", "fish"]) -> None:
    """A chatty start-up file shows in standard output, the server's banner before the login in standard error."""
    need_staging_host(shell)
    login = Login(shell=shell, startup="echo Welcome\n")
    with staging_host(StagingOptions(login=login, sshd=SshdOptions(banner="Keep out\n"), up=False)) as staging:
        done = staging.ssh.run("echo", "$SHELL;")
    assert (done.stdout, done.stderr) == ("Welcome\n$SHELL;\n", "Keep out\n")


@pytest.mark.parametrize("login", [Login(docker="sudo"), Login(docker="off-path"), Login(docker="none")], ids=str)
def test_the_engine_may_be_out_of_the_users_reach(login: Login) -> None:
    """Plain ``docker`` fails; with what the inventory says it works, but where nothing is allowed."""
    need_staging_host("sudo")
    with staging_host(StagingOptions(login=login, up=False)) as staging:
        plain, said = staging.ssh.run("docker", "ps"), staging.ssh.run(*staging.host.docker, "ps")
    assert (plain.returncode == 0, said.returncode == 0) == (False, login.docker != "none")


def test_forwarding_can_be_forbidden() -> None:
    """With forwarding off, sshd's own words arrive at the client."""
    need_staging_host()
    options = SshdOptions(tcp_forwarding="no", stream_local_forwarding="no")
    with staging_host(StagingOptions(sshd=options, up=False)) as staging:
        command = ["ssh", "-F", str(staging.ssh.client_config), "-o", "BatchMode=yes", "-W", "127.0.0.1:1", ALIAS]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, "administratively prohibited" in done.stderr) == (255, True)


def test_the_project_may_be_quite_different() -> None:
    """Other names, a password, another server, two backends, no published port: the same promises hold."""
    need_staging_host()
    stack = Stack(
        twin=Options(redis_service="cache", backend_service="web", password=WORD, publish=None),
        redis_image=VALKEY,
        replicas=2,
        changes={"services": {"cache": {"mem_limit": "64m"}}},
    )
    with staging_host(StagingOptions(stack=stack, started_elsewhere=True, named_by="dotenv")) as staging:
        found = (staging.redis_cli("PING"), images(staging), len(staging.compose("ps", "-q", "web").split()))
    assert found == ("PONG", {VALKEY, BACKEND}, 2)


def test_a_whole_compose_file_may_be_given() -> None:
    """A test may bring a project of its own."""
    need_staging_host()
    with staging_host(StagingOptions(stack=QUICK)) as staging:
        assert (images(staging), staging.host.backend_service) == ({REDIS_6_2}, None)


def test_nothing_is_left() -> None:
    """After the block its containers, network, volumes, user, processes and files are gone."""
    need_staging_host()
    with staging_host(StagingOptions(stack=QUICK)) as staging:
        staging.ssh.run("sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null &")
    assert_gone(staging.project, staging.account.name, staging.inventory_file.parent)


def test_nothing_is_left_when_the_owner_is_killed() -> None:
    """The same when the process that made the host gets SIGKILL."""
    need_staging_host()
    program = (
        "import sys; from tests_plugins import test_staging as here\n"
        "with here.staging_host(here.StagingOptions(stack=here.QUICK)) as made:\n"
        "    print(made.project, made.account.name, made.inventory_file.parent, flush=True)\n"
        "    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        project, user, folder = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
    eventually(lambda: not Path(folder).exists(), what="the janitor finishes", within_s=20)
    assert_gone(project, user, Path(folder))


def assert_gone(project: str, user: str, folder: Path) -> None:
    of_project = ("--filter", f"label=com.docker.compose.project={project}", "--quiet")
    left = [docker_ids(kind, "ls", *of_project, *more) for kind, more in LISTED]
    assert (left, exists(user), folder.exists()) == ([[], [], []], False, False), shlex.join([project, user])


LISTED = (("container", ("--all",)), ("network", ()), ("volume", ()))
