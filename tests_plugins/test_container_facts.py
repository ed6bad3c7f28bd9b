"""What the engine says of the containers, in words and verdicts."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugins.facts.container import (
    RESTARTS,
    Opinion,
    health,
    look,
    look_at_all,
    missing,
    oom,
    ports,
    returns,
    same_image,
    stand_alone,
    stand_together,
)
from plugins.facts.counters import Counters, compare
from plugins.facts.engine import Introduction, same_engine
from plugins.facts.mends import after_answer, after_role, after_standing, since
from plugins.inventory import Environment, Host
from plugins.probe import CREDENTIALS, Answer, Vantage
from plugins.remedy import unknown_fields
from plugins.target.model import Container, Engine, PortBinding
from plugins.verdict import NotApplicable, Unjudged

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ONE = Container(id="c1", name="redis-1", service="redis", started_at=NOW - timedelta(minutes=3))
HOST = Host(name="staging", environment=Environment.STAGING)
ENGINE = Engine(id="E", version="20.10", name="host", kind="docker", storage_dir="/var/lib/docker", clock=NOW)


@pytest.mark.parametrize(
    ("container", "runs", "words"),
    [
        (ONE, True, "redis-1 is running, since 3 min"),
        (replace(ONE, state="paused"), False, "redis-1 is paused, started 3 min ago"),
        (replace(ONE, state="restarting", exit_code=1, restart_count=9), False, "exit code 1, restarted 9 times"),
        (replace(ONE, state="exited", exit_code=137, finished_at=NOW), False, "exit code 137, since 0 s"),
        (replace(ONE, state="exited", oom_killed=True), False, "killed for want of memory (OOM)"),
        (replace(ONE, state="created", started_at=None), False, "redis-1 is created"),
        (replace(ONE, state="dead"), False, "redis-1 is dead"),
    ],
)
def test_the_state_is_told_with_its_cause(container: Container, runs: bool, words: str) -> None:
    """Only running is running; every other state says what it is and why."""
    standing = stand_alone([container], NOW)
    assert (standing.runs, words in standing.detail) == (runs, True)


def test_the_running_one_of_several_is_meant() -> None:
    """A container of an earlier deploy that lies about does not count."""
    old = replace(ONE, id="c0", name="redis-0", state="exited")
    assert stand_alone([old, ONE], NOW).containers == (ONE,)


def test_two_running_ones_are_not_guessed_between() -> None:
    """Which one is meant is not for the suite to say."""
    standing = stand_alone([ONE, replace(ONE, id="c2", name="redis-2")], NOW)
    assert (standing.runs, standing.unclear, standing.containers) == (False, True, ())
    assert "redis-1, redis-2" in standing.detail


def test_a_fallen_replica_is_named() -> None:
    """All replicas of the backend must run; the others can still be asked."""
    standing = stand_together([ONE, replace(ONE, name="redis-2", state="exited")], NOW)
    assert (standing.runs, standing.running) == (False, (ONE,))
    assert standing.detail.startswith("redis-2 is exited")


@pytest.mark.parametrize(("word", "well"), [("healthy", True), ("unhealthy", False)])
def test_the_engines_health_check(word: str, well: bool) -> None:
    """Its verdict is the engine's own."""
    assert health(replace(ONE, health=word)).well is well


def test_of_several_the_unhealthy_one_is_named() -> None:
    """One sick replica outweighs one that has not come to a verdict; without a sick one, that is awaited."""
    well, sick = replace(ONE, health="healthy"), replace(ONE, name="redis-2", health="unhealthy")
    starting = replace(ONE, health="starting")
    assert health(well, sick, starting) == Opinion(well=False, detail="redis-2 is unhealthy")
    assert health(well, replace(ONE, health=None)).well
    with pytest.raises(NotApplicable, match="--wait"):
        health(well, starting)


@pytest.mark.parametrize("word", [None, "starting"])
def test_no_verdict_of_the_engine_is_none_of_ours(word: str | None) -> None:
    """No health check, or none that has come to an end: skipped."""
    with pytest.raises(NotApplicable):
        health(replace(ONE, health=word))


@pytest.mark.parametrize(
    ("policy", "well"),
    [
        ("always", True),
        ("unless-stopped", True),
        ("no", False),
        ("", False),
        ("on-failure", False),
        ("on-failure:5", False),
    ],
)
def test_which_restart_policies_bring_it_back(policy: str, well: bool) -> None:
    """After a crash and after a reboot: on-failure does not survive the second."""
    assert returns(replace(ONE, restart_policy=policy)).well is well


@pytest.mark.parametrize(
    ("declared", "image", "well"),
    [
        ("redis:7", "redis:7", True),
        ("redis:7", "docker.io/library/redis:7", True),
        ("redis", "redis:latest", True),
        ("registry.example:5000/redis", "registry.example:5000/redis:latest", True),
        ("redis:7", "redis:7-alpine", False),
        ("redis:7", "redis", False),
        ("redis@sha256:00", "redis@sha256:00", True),
        ("sha256:ff", "redis:7", True),
        ("redis:7", "redis:7@sha256:00", True),
        ("redis:7", "docker.io/library/redis:7@sha256:00", True),
        ("redis:7", "redis:6@sha256:00", False),
        ("redis:7@sha256:00", "redis:7@sha256:00", True),
        ("redis:7@sha256:00", "redis:7@sha256:11", False),
        ("redis:7@sha256:00", "redis:7", False),
    ],
)
def test_images_are_compared_by_their_whole_name(declared: str, image: str, well: bool) -> None:
    """The default registry and the default tag are filled in; the image's own id will do as well."""
    assert same_image(replace(ONE, image=image, image_id="sha256:ff"), declared).well is well


def test_no_declared_image_is_no_question() -> None:
    """Skipped."""
    with pytest.raises(NotApplicable):
        same_image(ONE, None)


@pytest.mark.parametrize(
    ("state", "words"),
    [("paused", "{compose} unpause {redis_service}"), ("exited", "start {redis_service}"), ("dead", "up -d")],
)
def test_the_mend_fits_the_state(state: str, words: str) -> None:
    """A paused container wants to be unpaused, a stopped one started, anything else put up anew."""
    mend = after_standing(stand_alone([replace(ONE, state=state)], NOW), "redis_service")
    assert words in mend
    assert unknown_fields(mend) == []


@pytest.mark.parametrize(("code", "words"), [("OOM", "--memkeys"), ("", "as it was")])
def test_the_mend_fits_the_answer(code: str, words: str) -> None:
    """Redis's own words narrow it; without any it stays as the check has it."""
    mend = after_answer(Answer(ok=False, detail="", took_s=0.0, vantage=Vantage.PING, code=code), "as it was", HOST)
    assert words in mend
    assert unknown_fields(mend) == []


def test_a_project_that_is_not_the_one_is_not_started_a_second_time() -> None:
    """The mend for a slip in the inventory is in the inventory."""
    mend = after_standing(missing("project 'exma' has none", ("exam", "exam2")), "redis_service")
    assert mend == '# write into the inventory: compose_project = "exam" or compose_project = "exam2"'


@pytest.mark.parametrize(("declared", "wiped"), [("master", True), ("replica", False)])
def test_no_mend_of_the_role_throws_data_away(declared: str, wiped: bool) -> None:
    """A master that should be a replica is not told to be a master, nor a command that replaces all that it holds."""
    mend = after_role(declared)
    assert ("{redis_cli} REPLICAOF NO ONE" in mend) is wiped
    assert "{redis_cli} REPLICAOF HOST" not in mend
    assert unknown_fields(mend) == []


def test_a_password_that_nobody_declared_is_to_be_declared() -> None:
    """The password of a variable that the inventory does not name cannot be the mend."""
    refused = Answer(ok=False, detail="NOAUTH", took_s=0.0, vantage=Vantage.PING, code=CREDENTIALS)
    assert "add redis_password_env to the inventory" in after_answer(refused, "as it was", HOST)
    named = replace(HOST, redis_password_env="VARIABLE")  # noqa: S106 - the name of a variable
    assert "{redis_cli} PING" in after_answer(refused, "as it was", named)


def test_the_log_is_read_from_the_runs_own_instant() -> None:
    """Five minutes before somebody pastes it is another window than the one that was judged."""
    assert since("{compose} logs --since=SINCE", NOW) == "{compose} logs --since=2026-01-02T03:04:05Z"


def test_a_port_that_leads_elsewhere_is_red() -> None:
    """A published port must lead to Redis's own; another one beside it is nobody's harm."""
    there = replace(ONE, ports=(PortBinding("127.0.0.1", 6379, 6379),))
    beside = replace(ONE, ports=(*there.ports, PortBinding("127.0.0.1", 8001, 8001)))
    astray = replace(ONE, ports=(PortBinding("127.0.0.1", 6379, 6380),))
    assert [ports(one, 6379).well for one in (there, beside, astray)] == [True, True, False]
    assert ports(astray, 6379).detail == "127.0.0.1:6379 -> 6380"


def test_ports_published_for_whoever_shares_the_network_are_no_harm() -> None:
    """A backend in Redis's own network namespace can publish its port there only."""
    redis = replace(ONE, ports=(PortBinding("127.0.0.1", 8000, 8000),))
    backend = Container(id="b1", name="backend-1", service="backend", network_mode="container:c1")
    assert ports(redis, 6379, [replace(backend, network_mode="container:c2")]).well is False
    with pytest.raises(NotApplicable, match=r"127\.0\.0\.1:8000 -> 8000: for backend-1, which shares its network"):
        ports(redis, 6379, [backend])
    assert ports(replace(redis, ports=(*redis.ports, PortBinding("127.0.0.1", 1, 6379))), 6379, [backend]).well


def test_ports_of_the_container_whose_network_is_shared_are_no_harm() -> None:
    """A proxy's own ports say nothing of Redis; one that leads to it does."""
    redis = replace(ONE, network_mode="container:p1", ports=(PortBinding("", 443, 443),))
    with pytest.raises(NotApplicable, match="whose network redis-1 shares"):
        ports(redis, 6379)
    assert ports(replace(redis, ports=(*redis.ports, PortBinding("127.0.0.1", 1, 6379))), 6379).well


def test_an_oom_kill_is_red() -> None:
    """The kernel's verdict stands while the container runs on."""
    assert (oom(ONE).well, oom(replace(ONE, oom_killed=True)).well) == (True, False)


def test_of_several_the_one_that_was_killed_is_named() -> None:
    """A replica's trouble is not lost among the others."""
    killed = replace(ONE, name="redis-2", oom_killed=True)
    assert oom(ONE, killed) == Opinion(well=False, detail="the kernel killed a process for want of memory in redis-2")


def test_the_restarts_of_replicas_are_counted_by_name() -> None:
    """The one that crashes is named; another set of containers is a new baseline."""
    other = replace(ONE, id="c2", name="redis-2", restart_count=4)
    earlier, later = look_at_all([ONE, other], NOW), look_at_all([replace(other, restart_count=6), ONE], NOW)
    assert compare(later, earlier).by_name("restarts", RESTARTS).offenders == ('"redis-2" 2',)
    assert look_at_all([ONE], NOW).redis_run_id != later.redis_run_id


@pytest.mark.parametrize(("before", "now", "growth"), [(0, 0, 0), (1, 3, 2)])
def test_restarts_are_counted_by_container(before: int, now: int, growth: int) -> None:
    """Against the last look at the same container."""
    earlier = look(replace(ONE, restart_count=before), NOW)
    later = look(replace(ONE, restart_count=now), NOW + timedelta(hours=1))
    assert compare(later, earlier).growth("restarts", "restart_count").judged == growth


@pytest.mark.parametrize("earlier", [None, look(replace(ONE, restart_count=5), NOW)], ids=["first look", "by hand"])
def test_without_a_baseline_restarts_are_only_told(earlier: Counters | None) -> None:
    """The first look, and a count that a restart by hand set back, judge nothing."""
    with pytest.raises(NotApplicable):
        _ = compare(look(ONE, NOW), earlier).growth("restarts", "restart_count").judged


def test_the_declared_engine_is_the_one_that_answers() -> None:
    """The same name on another machine is another engine."""
    assert (same_engine(ENGINE, "E").well, same_engine(ENGINE, "F").well) == (True, False)


def test_the_hosts_clock_goes_on() -> None:
    """What the engine said once is told from then on."""
    assert Introduction(ENGINE, 0.1, at=-10.0).now() > NOW


def test_a_runner_is_ahead_of_an_engine_whose_clock_is_behind() -> None:
    """By the difference of the two clocks at the same moment."""
    behind = replace(ENGINE, clock=datetime.now(UTC) - timedelta(seconds=30))
    assert Introduction(behind, 0.0, time.monotonic()).runner_ahead_s() == pytest.approx(30, abs=1)


def test_an_engine_without_a_clock_judges_no_time() -> None:
    """Better no instant than a wrong one."""
    with pytest.raises(Unjudged):
        Introduction(replace(ENGINE, clock=None), 0.1, 0.0).now()
