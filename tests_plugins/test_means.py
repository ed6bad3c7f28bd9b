"""The commands of interventions: what they are, and that the host takes them as they are meant."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.fault import Verb
from plugins.inventory import Environment, Host
from plugins.target.local import LocalShell
from plugins.target.means import KILL, ComposeMeans, ProcessMeans, look, means_of, planned
from plugins.target.model import Container
from plugins.target.open import open_target
from tests_plugins.staging import REDIS, Login, Stack, StagingHost, StagingOptions, need_staging_host, staging_host
from tests_plugins.staging.requirements import path_of
from tests_plugins.test_staging import QUICK
from twin import up
from twin.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Completed
    from plugins.target.open import Target
    from twin.handle import Twin

HOST = Host(name="staging", environment=Environment.STAGING, project_dir="~/exam-platform-staging")
CONTAINER = Container("0123abc", "x-redis-1", "redis", image_id="sha256:4567")
#: Prints its arguments, one a line, instead of being a docker.
ECHO = ("printf", "%s\n")
#: Services and folders that a shell or an option parser would trip over.
ODD = ("-rf", "--help", "a b", "a'b\"c", "$(id)", "`id`", "*", "; true", "a\\b", "{{.ID}}", "é", "a\nb")


def here(*argv: str, home: Path | None = None) -> Completed:
    """Run a command on this machine."""
    environ = {"PATH": "/usr/bin:/bin", **({"HOME": str(home)} if home is not None else {})}
    return LocalShell(environ).run(argv, timeout_s=30)


def test_an_intervention_is_the_runbooks_own_command() -> None:
    """In the project's folder, with its file, by the service's name; the project's name where it is known."""
    assert ComposeMeans(HOST).intervention(Verb.RESTART) == (
        *("sh", "-c", 'cd -- ~/exam-platform-staging && exec "$@"', "sh"),
        *("docker", "compose", "-f", "docker-compose.staging.yml", "restart", "redis_staging"),
    )
    assert ComposeMeans(HOST, "exam").intervention(Verb.KILL)[-6:] == (
        *("-f", "docker-compose.staging.yml", "-p", "exam", "kill", "redis_staging"),
    )


def test_without_the_folder_the_projects_name_is_enough() -> None:
    """No file is named, and none is found by chance: there is none in the root."""
    assert ComposeMeans(HOST, "exam", by_file=False).intervention(Verb.STOP) == (
        *("sh", "-c", 'cd -- / && exec "$@"', "sh", "docker", "compose", "-p", "exam", "stop", "redis_staging"),
    )


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("service", ODD)
def test_a_services_name_arrives_as_it_is(verb: Verb, service: str, tmp_path: Path) -> None:
    """One argument, whatever is in it; one that begins with a dash behind a double dash."""
    host = replace(HOST, docker=ECHO, redis_service=service, project_dir=str(tmp_path))
    said = here(*ComposeMeans(host, "p").intervention(verb)).text
    assert said.endswith(f"\n{verb.value}\n" + ("--\n" if service.startswith("-") else "") + f"{service}\n")


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("where", ["~/{}", "{home}/{}"], ids=["home", "absolute"])
def test_the_projects_folder_may_have_any_name(where: str, name: str, tmp_path: Path) -> None:
    """Its leading tilde is the host's to expand; everything else of it is a name."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "compose.yml").touch()
    host = replace(
        HOST, docker=("sh", "-c", "pwd"), project_dir=where.format(name, home=tmp_path), compose_file="compose.yml"
    )
    assert here(*look(host), home=tmp_path).exit_code == 0
    assert here(*ComposeMeans(host).intervention(Verb.STOP), home=tmp_path).text == f"{folder}\n"


@pytest.mark.parametrize("missing", ["folder", "file"])
def test_a_missing_folder_or_file_is_seen(missing: str, tmp_path: Path) -> None:
    """Then the look fails."""
    folder = tmp_path / "elsewhere" if missing == "folder" else tmp_path
    assert here(*look(replace(HOST, project_dir=str(folder)))).exit_code != 0


#: A docker that lists what is in the file ``there``, each as the state that is in ``state``, and prints all else.
DOCKER = """\
#!/bin/sh
cd "${0%/*}"
case $* in
"ps --all --quiet --no-trunc --filter label=com.docker.compose.project=exam\
 --filter label=com.docker.compose.service=redis --filter label=com.docker.compose.oneoff=False") cat there ;;
"inspect --type container -f {{.State.Status}} {{.Id}} {{.State.StartedAt}} "*) echo "$(cat state) $6 now" ;;
*) echo "$*" ;;
esac
"""


def dockered(folder: Path, *there: str, state: str = "running") -> ComposeMeans:
    """The means of a host where these containers are Redis's."""
    docker = folder / "docker"
    docker.write_text(DOCKER, encoding="utf-8")
    docker.chmod(0o755)
    (folder / "there").write_text("".join(f"{one}\n" for one in there), encoding="utf-8")
    (folder / "state").write_text(state, encoding="utf-8")
    return ComposeMeans(replace(HOST, docker=("env", str(docker))), "exam")


@pytest.mark.parametrize("verb", [Verb.START, Verb.UNPAUSE])
@pytest.mark.parametrize("there", [("0123abc",), (), ("4567def",), ("0123abc", "4567def")], ids=len)
def test_only_the_container_that_is_meant_is_undone(verb: Verb, there: tuple[str, ...], tmp_path: Path) -> None:
    """Neither folder nor file is needed; one that is gone, or about to be replaced, is left alone."""
    done = here(*dockered(tmp_path, *there).undoing(verb, CONTAINER))
    assert done.text == (f"{verb.value} 0123abc\n" if there == ("0123abc",) else "")
    assert (done.exit_code == 0) is (there == ("0123abc",)), done.errors


@pytest.mark.parametrize("means", [ComposeMeans(HOST), ProcessMeans(Path("s"), "redis")], ids=["compose", "processes"])
def test_what_breaks_is_no_undoing(means: ComposeMeans | ProcessMeans) -> None:
    """An undo that stops a container is refused when it is made."""
    with pytest.raises(ValueError, match="kill undoes nothing"):
        means.undoing(Verb.KILL, CONTAINER)


@pytest.mark.parametrize(("state", "code"), [("running", 0), ("paused", 1), ("exited", 1), ("restarting", 1), ("", 1)])
def test_only_a_running_container_is_proven(state: str, code: int, tmp_path: Path) -> None:
    """The engine's word decides; no word is no proof."""
    done = here(*dockered(tmp_path, "0123abc", state=state).proof(CONTAINER))
    assert (done.exit_code, done.text) == (code, "" if code else "0123abc now\n")


@pytest.mark.parametrize(
    ("there", "said"), [((), ""), (("4567def",), "4567def now\n"), (("0123abc", "4567def"), "")], ids=["0", "1", "2"]
)
def test_the_proof_is_of_the_one_container_that_the_service_has(
    there: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Whoever deploys makes another; while there are two, or none, nothing is proven."""
    done = here(*dockered(tmp_path, *there).proof(CONTAINER))
    assert (done.text, done.exit_code == 0) == (said, bool(said)), done.errors


def test_no_container_is_found_without_the_projects_name(tmp_path: Path) -> None:
    """Another project's may be called the same."""
    means = replace(dockered(tmp_path, "0123abc"), project=None)
    assert here(*means.undoing(Verb.START, CONTAINER)).exit_code != 0


def test_a_plan_is_lines_to_read() -> None:
    """Each line is the command itself, quoted once."""
    (line,) = planned(replace(HOST, compose_project="exam"), Verb.RESTART)
    assert shlex.split(line) == list(ComposeMeans(HOST, "exam").intervention(Verb.RESTART))


# --- the process twin ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with up(kind="processes") as made:
        yield made


@pytest.fixture
def processes(twin: Twin) -> Iterator[ProcessMeans]:
    """The twin's means; Redis runs afterwards."""
    assert twin.supervisor is not None
    means = ProcessMeans(twin.supervisor, twin.host.redis_service)
    yield means
    for verb in (Verb.UNPAUSE, Verb.START):
        here(*means.undoing(verb, redis_of(twin)))
    assert here(*means.proof(redis_of(twin))).exit_code == 0


def redis_of(twin: Twin) -> Container:
    return Container("id", "name", twin.host.redis_service)


def started(twin: Twin) -> str:
    """When Redis was started, as the supervisor says."""
    assert twin.supervisor is not None
    found = client.call(twin.supervisor, "containers")
    return str(next(one["started_at"] for one in found if one["name"] == twin.host.redis_service))


def test_the_process_twins_commands_need_no_folder_and_no_environment(twin: Twin, processes: ProcessMeans) -> None:
    """A lease of the host's can run them."""
    argv = ("env", "-i", "sh", "-c", 'cd / && exec "$@"', "sh", *processes.intervention(Verb.RESTART))
    before = started(twin)
    assert here(*argv).exit_code == 0
    assert started(twin) != before


@pytest.mark.parametrize(
    ("verbs", "proven"),
    [((Verb.STOP,), 1), ((Verb.KILL,), 1), ((Verb.PAUSE,), 1), ((Verb.PAUSE, Verb.UNPAUSE), 0), ((Verb.RESTART,), 0)],
    ids=str,
)
def test_the_process_twin_proves_what_runs(
    twin: Twin, processes: ProcessMeans, verbs: tuple[Verb, ...], proven: int
) -> None:
    """Stopped, killed or paused is not running."""
    for verb in verbs:
        assert here(*processes.intervention(verb)).exit_code == 0
    assert here(*processes.proof(redis_of(twin))).exit_code == proven


@pytest.mark.parametrize("service", ODD)
def test_the_process_twin_refuses_in_words(processes: ProcessMeans, service: str) -> None:
    """A service that it does not have is named, however it is called."""
    done = here(*ProcessMeans(processes.supervisor, service).intervention(Verb.STOP))
    assert (done.exit_code, f"no such service: {service!r}" in done.errors) == (1, True)


def test_a_twin_that_is_gone_is_an_error_in_words(tmp_path: Path) -> None:
    """No traceback."""
    done = here(*ProcessMeans(tmp_path / "s", "redis").intervention(Verb.STOP))
    assert (done.exit_code, done.errors) == (1, "stop redis: [Errno 2] No such file or directory\n")


# --- a real staging host ------------------------------------------------------------------------------------------


def opened(staging: StagingHost, host: Host | None = None) -> Target:
    target = open_target(host or staging.host, environ=staging.environ)
    target.shell.open()
    target.stack.containers(staging.host.redis_service)
    return target


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[StagingHost]:
    """Started from a CI job's checkout, a service that begins with a dash, and a user who needs sudo."""
    need_staging_host("sudo")
    text = QUICK.text or ""
    stack = Stack(
        twin=replace(QUICK.twin, redis_service="-only"),
        redis_image=REDIS,
        backend=False,
        text=text.replace('"only"', '"-only"'),
    )
    options = StagingOptions(stack=stack, started_elsewhere=True, login=Login(docker="sudo"))
    with staging_host(options) as staging:
        yield staging


@pytest.mark.parametrize("folder", [None, "~/gone", "/root/forbidden"], ids=["folder", "no folder", "forbidden"])
def test_a_real_host_takes_the_commands(elsewhere: StagingHost, folder: str | None) -> None:
    """With its folder or without it: sudo, Compose, and a service whose name looks like an option."""
    host = elsewhere.host if folder is None else replace(elsewhere.host, project_dir=folder)
    target = opened(elsewhere, host)
    try:
        means = means_of(target)
        assert isinstance(means, ComposeMeans)
        assert means.by_file is (folder is None)
        (redis,) = target.stack.containers("-only")
        codes = [target.shell.run(argv, timeout_s=30).exit_code for argv in interventions(means, redis)]
    finally:
        target.close()
    assert codes == [0, 1, 0, 0, 0, 1, 0, 0]


def interventions(means: ComposeMeans, redis: Container) -> tuple[tuple[str, ...], ...]:
    """Stop, no proof, start by id, proof; pause, no proof, unpause by id, proof."""
    return (
        means.intervention(Verb.STOP),
        means.proof(redis),
        means.undoing(Verb.START, redis),
        means.proof(redis),
        means.intervention(Verb.PAUSE),
        means.proof(redis),
        means.undoing(Verb.UNPAUSE, redis),
        means.proof(redis),
    )


def test_another_containers_process_is_not_killed(elsewhere: StagingHost) -> None:
    """The guard looks for the container's id in the process's own cgroup; without it nothing is killed."""
    target = opened(elsewhere)
    try:
        (redis,) = target.stack.containers("-only")
        docker = elsewhere.host.docker
        run = (*docker, "run", "--rm", "--pull", "never", "--pid", "host", "--network", "none", "--entrypoint", "sh")
        with subprocess.Popen([path_of("sleep"), "60"]) as bystander:
            command = (*run, redis.image_id, "-c", KILL, "sh", redis.id, str(bystander.pid))
            refused = target.shell.run(command, timeout_s=30)
            alive = bystander.poll() is None
            bystander.kill()
    finally:
        target.close()
    assert (refused.exit_code, alive) == (1, True)
    assert refused.errors.strip() == f"process {bystander.pid} does not belong to the container {redis.id}: not killed"
