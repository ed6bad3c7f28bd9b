"""The contract of faults: each of them, really done on every kind of host, takes hold, is mended and leaves nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

import pytest

from plugins.fault import Verb, fault_name, register, registered
from plugins.faults.client_kill_backend import ClientKillBackend
from plugins.faults.client_kill_one import ClientKillOne
from plugins.faults.crash import Crash
from plugins.faults.flush_all import FlushAll
from plugins.faults.flush_db import FlushDb
from plugins.faults.flush_pattern import FlushPattern
from plugins.faults.kill import Kill
from plugins.faults.pause import Pause
from plugins.faults.restart import Restart
from plugins.faults.stop_start import StopStart
from plugins.inventory import Chaos, Environment, Host, Windows
from plugins.target.model import Container
from plugins.verdict import NotApplicable
from tests_plugins.arena import Arena, arena, await_well, well
from tests_plugins.staging import BACKEND as BACKEND_IMAGE
from tests_plugins.staging import REDIS as REDIS_IMAGE
from tests_plugins.staging import need_staging_host, staging_host
from twin import up
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.fault import Fault, Scene
    from plugins.hands import LiveHands
    from plugins.target.model import Command, Reply

IMAGES = {"TWIN_REDIS_IMAGE": REDIS_IMAGE, "TWIN_BACKEND_IMAGE": BACKEND_IMAGE}
HOST = Host(name="staging", environment=Environment.STAGING, project_dir="~/exam-platform-staging")
#: What a shell, xargs or a pipe would trip over.
ODD = (b"", b" ", b"a b", b"a'b\"c", b"a\nb", b"\x00\xff\xfe", b"*", b"?[a-z]", b"\\", b"$(id)", b"-x", "é".encode())
#: Nearly a match of ``session:*`` or ``cache:*``.
BYSTANDERS = (b"session", b"xsession:1", b"Session:1", b" cache:1", b"cache", b"other:a b")


@contextmanager
def opened(kind: Literal["compose", "processes"], options: Options | None = None) -> Iterator[Arena]:
    with pytest.MonkeyPatch.context() as patch:
        for name, image in IMAGES.items():
            patch.setenv(name, image)
        with up(kind=kind, options=options) as twin, arena(twin.host, twin.environ, twin.supervisor) as made:
            yield made


@pytest.fixture(scope="module")
def docker() -> Iterator[Arena]:
    """A twin under Docker Compose."""
    need_staging_host()
    with opened("compose") as made:
        yield made


@pytest.fixture(scope="module")
def here() -> Iterator[Arena]:
    """A twin of processes, with a password; by itself for what is the same everywhere."""
    with opened("processes", Options(password="a pass'word")) as made:  # noqa: S106 - of a twin
        yield made


@pytest.fixture(scope="module", params=["docker", "here"])
def anywhere(request: pytest.FixtureRequest) -> Arena:
    """Each kind of twin."""
    made: Arena = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def ground(anywhere: Arena) -> Arena:
    """The same with keys: some to be flushed by pattern, some that only look like them, one in another database."""
    flushed = [prefix + odd for prefix in (b"session:", b"cache:") for odd in ODD]
    commands = [("SET", key, b"value") for key in (*flushed, *BYSTANDERS)]
    await_well(anywhere)
    anywhere.ask(("FLUSHALL",), *commands, ("SELECT", 1), ("SET", "elsewhere", "1"))
    anywhere.deeds.clear()
    return anywhere


def undo(arena: Arena, fault: Fault, scene: Scene) -> None:
    """Every command of the undo, whatever the one before it said."""
    for command in fault.undo(scene, arena.means):
        arena.run(command)


def inject(arena: Arena, fault: Fault) -> None:
    """The fault, with everything well before it."""
    scene = arena.scene()
    hands = arena.hands(scene)
    try:
        fault.inject(scene, hands)
    finally:
        hands.close()


class Restoring:
    """Hands beside which somebody puts a key back each time that a batch was flushed."""

    def __init__(self, hands: LiveHands, arena: Arena) -> None:
        self._hands = hands
        self._arena = arena
        self.seen, self.fence = hands.seen, hands.fence
        self.compose, self.crash, self.look = hands.compose, hands.crash, hands.look
        self.run, self.inside = hands.run, hands.inside

    def redis(self, *commands: Command) -> list[Reply]:
        """As the hands do."""
        replies = self._hands.redis(*commands)
        if any(command[0] == "EVAL" for command in commands):
            self._arena.ask(("SET", "session:again", "1"))
        return replies


def undergo(arena: Arena, fault: Fault) -> None:
    """The whole contract, once."""
    scene = arena.scene()
    hands = arena.hands(scene)
    assert fault.unavailable(scene) == ""
    fault.inject(scene, hands)
    evidence = fault.in_effect(scene, hands)
    assert evidence.took_hold, evidence.shown
    assert evidence.shown
    fault.recover(scene, hands)
    undo(arena, fault, scene)
    await_well(arena)
    gone = hands.look()
    undo(arena, fault, scene)
    again = hands.look()
    hands.close()
    assert arena.proven(scene)
    assert (again.redis.id, again.redis.state, again.run_id) == (scene.redis.id, "running", gone.run_id)
    assert all(deed.end >= deed.start > 0 and deed.exit_code == 0 for deed in arena.deeds), arena.deeds


@pytest.mark.parametrize("fault", registered(), ids=fault_name)
def test_every_fault_takes_hold_and_is_gone_afterwards(ground: Arena, fault: Fault) -> None:
    """Inject, in effect, recover, undo, gone, and the undo once more: harmless. What was done has been noted."""
    undergo(ground, fault)
    assert ground.deeds


@pytest.mark.parametrize("fault", [StopStart(), Kill(), Crash(), Pause()], ids=fault_name)
def test_the_undo_alone_mends_what_nobody_recovered(ground: Arena, fault: Fault) -> None:
    """As the host itself runs it, when the runner died right after the injection."""
    scene = ground.scene()
    hands = ground.hands(scene)
    fault.inject(scene, hands)
    hands.close()
    undo(ground, fault, scene)
    await_well(ground)
    assert ground.proven(scene)


@pytest.mark.parametrize("fault", registered(), ids=fault_name)
def test_what_was_not_done_has_not_taken_hold(here: Arena, fault: Fault) -> None:
    """Without the injection there is no evidence of it."""
    scene = here.scene()
    hands = here.hands(scene)
    evidence = fault.in_effect(scene, hands)
    hands.close()
    assert not evidence.took_hold, evidence.shown


@pytest.mark.parametrize("pattern", ["session:*", "cache:*"])
def test_a_pattern_flush_takes_the_matching_keys_and_no_other(ground: Arena, pattern: str) -> None:
    """Keys with blanks, quotes, line ends and any byte are gone; what only looks alike stays, with its value."""
    other = b"cache:" if pattern == "session:*" else b"session:"
    expected = {*BYSTANDERS, *(other + odd for odd in ODD)}
    inject(ground, FlushPattern(pattern))
    (keys,) = ground.ask(("KEYS", "*"))
    assert isinstance(keys, list)
    assert {key for key in keys if isinstance(key, bytes)} == expected
    assert ground.ask(("MGET", *expected)) == [[b"value"] * len(expected)]


@pytest.mark.parametrize(("fault", "left"), [(FlushAll(), 0), (FlushDb(), 1)], ids=["all", "db"])
def test_a_flush_takes_every_database_or_one(ground: Arena, fault: Fault, left: int) -> None:
    """FLUSHALL empties the others too, FLUSHDB the inventory's only."""
    inject(ground, fault)
    assert ground.ask(("DBSIZE",), ("SELECT", 1), ("DBSIZE",))[::2] == [0, left]


def test_a_flush_lets_writers_go_that_were_paused(ground: Arena) -> None:
    """Whoever saves the keys first holds the writers back: the flush neither waits for that nor leaves it behind."""
    ground.ask(("CLIENT", "PAUSE", 60_000, "WRITE"))
    inject(ground, FlushAll())
    assert well(ground)


def test_a_pattern_that_no_key_matches_is_no_fault(ground: Arena) -> None:
    """Nothing to flush: the experiment does not apply, and nothing was done."""
    (before,) = ground.ask(("DBSIZE",))
    with pytest.raises(NotApplicable, match=r"no key matches nobody:\*"):
        inject(ground, FlushPattern("nobody:*"))
    assert ground.ask(("DBSIZE",)) == [before]


def test_a_flush_is_no_success_while_somebody_puts_keys_back(ground: Arena) -> None:
    """Keys that match and stay are no flush, however many were unlinked."""
    scene = ground.scene()
    hands = Restoring(ground.hands(scene), ground)
    fault = FlushPattern("session:*")
    fault.inject(scene, hands)
    evidence = fault.in_effect(scene, hands)
    assert (evidence.took_hold, evidence.shown["matching keys left"]) == (True, "1")
    assert evidence.amiss.startswith("1 key found by the last of 4 walks for session:*: not all are deleted, or ")


@pytest.mark.parametrize("fault", [ClientKillOne(), ClientKillBackend()], ids=fault_name)
def test_only_the_backends_connections_are_killed(ground: Arena, fault: Fault) -> None:
    """The suite's own and a stranger's outlive it."""
    suite, stranger = ground.target.wire(ground.redis()), ground.target.wire(ground.redis())
    before = [*suite.ask([("CLIENT", "ID")]), *stranger.ask([("CLIENT", "SETNAME", "stranger"), ("CLIENT", "ID")])]
    inject(ground, fault)
    after = [*suite.ask([("CLIENT", "ID")]), *stranger.ask([("CLIENT", "SETNAME", "stranger"), ("CLIENT", "ID")])]
    suite.close()
    stranger.close()
    assert after == before


@pytest.mark.parametrize("fault", [ClientKillOne(), ClientKillBackend()], ids=fault_name)
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"backends": ()}, "names no backend"),
        ({"clients": ()}, "holds no connection"),
        ({"backends": (Container("id", "name", "service", network_mode="host"),)}, "no address of its own"),
    ],
    ids=["no backend", "no connection", "no address"],
)
def test_without_a_backends_connection_there_is_nothing_to_kill(
    here: Arena, fault: Fault, changes: Mapping[str, Any], why: str
) -> None:
    """The reason says which of them is missing."""
    assert why in fault.unavailable(replace(here.scene(), **changes))


@pytest.mark.parametrize("fault", registered(), ids=fault_name)
def test_every_fault_says_what_it_is(fault: Fault) -> None:
    """Family and window are the inventory's words, sections the runbook's; the plan has its commands and its outage."""
    families = get_args(get_args(get_type_hints(Chaos)["faults"])[0])
    assert fault.family in families
    assert fault.window in {field.name for field in fields(Windows)}
    assert fault.sections
    assert fault.outage
    assert all(line.strip() for line in fault.commands(HOST))
    assert fault.commands(HOST)


def test_a_fault_has_a_name_of_its_own() -> None:
    """A second one of the same name is refused."""
    with pytest.raises(ValueError, match="registered twice"):
        register(Restart())


@pytest.fixture
def never_restarted(docker: Arena) -> Iterator[Arena]:
    """A Redis that nobody starts again: restart policy ``no``."""
    update = ("docker", "update", "--restart")
    container = docker.redis()
    assert docker.run((*update, "no", container.id)).exit_code == 0
    yield docker
    assert docker.run((*update, container.restart_policy, container.id)).exit_code == 0


def test_a_crash_without_a_restart_policy_takes_hold_and_lasts(never_restarted: Arena) -> None:
    """That is what the experiment is to show: the container stays down until the undo starts it."""
    scene = never_restarted.scene()
    hands = never_restarted.hands(scene)
    assert Crash().unavailable(scene) == ""
    Crash().inject(scene, hands)
    evidence = Crash().in_effect(scene, hands)
    hands.close()
    assert (evidence.took_hold, evidence.shown["exit code"]) == (True, "137")
    assert not never_restarted.proven(scene)
    undo(never_restarted, Crash(), scene)
    await_well(never_restarted)


def test_a_restart_over_ssh() -> None:
    """On a real staging host, from the project's folder in the user's home, the same contract holds."""
    need_staging_host()
    with staging_host() as staging, arena(staging.host, staging.environ) as there:
        undergo(there, Restart())
        assert there.deeds[0].argv == there.means.intervention(Verb.RESTART)
        assert "cd -- ~/exam-platform-staging" in there.deeds[0].argv[2]
