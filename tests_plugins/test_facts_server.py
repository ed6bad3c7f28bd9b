"""One trip's answers, on real servers and from hostile ones."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.facts.counters import HARMLESS_ERRORS, PROBING, compare
from plugins.facts.server import COMMANDS, RedisFacts, read
from plugins.target.model import ReplyError
from plugins.verdict import Blocked, NotJudged, Unjudged
from tests_plugins.judgements import CONTAINER, JUDGEMENTS
from tests_plugins.servers import Server, SocketWire, running, server_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = server_programs()


def look(server: Server) -> RedisFacts:
    """One trip."""
    return read(server.wire.ask(COMMANDS))


@pytest.fixture(scope="module", params=PROGRAMS)
def shared(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A stock server of every kind that there is."""
    with running(PROGRAMS[request.param]) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """The same, as it was started, and as the user that may do everything."""
    shared.ask("FLUSHALL")
    shared.ask("CONFIG", "RESETSTAT")
    shared.ask("SLOWLOG", "RESET")
    yield shared
    shared.ask("CONFIG", "SET", "slowlog-log-slower-than", 10_000)


@pytest.mark.parametrize("judgement", JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_a_stock_server_answers_everything(server: Server, judgement: Callable[[RedisFacts], object]) -> None:
    """Every question has a verdict, or a reason that is the version's or the declaration's affair."""
    try:
        judgement(look(server))
    except NotJudged as why:
        assert not isinstance(why, Unjudged | Blocked)  # noqa: PT017 - either form is right


def test_the_start_is_by_the_servers_clock(server: Server) -> None:
    """Now less the uptime, to the second."""
    facts = look(server).server
    assert timedelta(0) <= facts.now - facts.started_at < timedelta(minutes=5)


def test_dbsize_and_info_agree(server: Server) -> None:
    """Both count all keys, those with a TTL among them."""
    server.wire.ask([("SET", f"k{n}", "x", "EX", 100) for n in range(20)])
    server.ask("SET", "eternal", "x")
    facts = look(server)
    assert facts.databases.agreement(0).describe() == "DBSIZE 21, INFO keyspace 21, DBSIZE 21"
    assert (facts.databases.eternal, facts.databases.elsewhere(0), facts.databases.elsewhere(3)) == (1, 0, 21)


def test_keys_and_flushes_are_counted(server: Server) -> None:
    """By their calls since the last look."""
    before = look(server).counters
    for command in ("KEYS", "FLUSHDB", "FLUSHALL"):
        server.ask(command, *(["*"] if command == "KEYS" else []))
    comparison = compare(look(server).counters, before)
    assert comparison.growth("KEYS", "calls:keys").judged == 1
    assert comparison.growth("flushes", "calls:flushall", "calls:flushdb").judged == 2


def test_a_refused_write_is_counted_as_oom(server: Server) -> None:
    """By its code in errorstats, and as a rejected call."""
    before = look(server).counters
    server.ask("CONFIG", "SET", "maxmemory", 1)
    refused = server.ask("SET", "k", "v")
    server.ask("CONFIG", "SET", "maxmemory", 0)
    assert isinstance(refused, ReplyError)
    comparison = compare(look(server).counters, before)
    assert comparison.by_name("errors", "errors:", without=HARMLESS_ERRORS).offenders == ('"OOM" 1',)
    assert comparison.by_name("rejected", "rejected_calls:", without=PROBING).offenders == ('"set" 1',)


def test_a_failed_command_is_counted(server: Server) -> None:
    """WRONGTYPE is the application's mistake, found while the command runs."""
    before = look(server).counters
    server.ask("SET", "k", "v")
    server.ask("LPUSH", "k", "v")
    failed = compare(look(server).counters, before).by_name("failed", "failed_calls:", without=PROBING)
    assert failed.offenders == ('"lpush" 1',)


def test_resetstat_is_a_new_baseline(server: Server) -> None:
    """What was counted before is gone, and nobody is blamed."""
    server.wire.ask([("SET", "k", "v")] * 50)
    before = look(server).counters
    server.ask("CONFIG", "RESETSTAT")
    assert "went backwards" in compare(look(server).counters, before).why


def test_slow_commands_are_found_by_the_servers_clock(server: Server) -> None:
    """With their duration and first key, and never a value."""
    server.ask("CONFIG", "SET", "slowlog-log-slower-than", 0)
    server.ask("SET", b"k\xff", "geheim")
    facts = look(server)
    found = facts.slowlog.slower(0, facts.server.now - timedelta(seconds=5))
    assert any('"SET" "k\\xff"' in told for told in found.offenders)
    assert not any("geheim" in told for told in found.offenders)


def test_a_client_in_monitor_is_found(server: Server) -> None:
    """And no other one."""
    monitor = SocketWire(server.path)
    monitor.ask([("CLIENT", "SETNAME", "nosy"), ("MONITOR",)])
    (told,) = look(server).clients.monitoring.offenders
    monitor.close()
    assert '"nosy"' in told


def test_a_blocked_client_is_found(server: Server) -> None:
    """BLPOP on a list that nobody fills."""
    waiting = SocketWire(server.path)
    waiting.ask([("CLIENT", "SETNAME", "waiting")])
    waiting.send(("BLPOP", "nothing", 0))
    server.ask("PING")
    (told,) = look(server).clients.blocked.offenders
    waiting.close()
    assert '"waiting"' in told


def test_a_client_that_reads_nothing_is_found(server: Server) -> None:
    """Its replies pile up in the server, in bytes."""
    server.ask("SET", "big", "x" * 1_000_000)
    with closing(SocketWire(server.path)) as lazy:
        lazy.send(*[("GET", "big")] * 20)
        (told,) = eventually(
            lambda: look(server).clients.backlogged(8 << 20).offenders, what="replies pile up", within_s=10
        )
    assert "unread by id" in told


def test_a_replica_of_nobody_is_found(server: Server) -> None:
    """The role, and the link that is down."""
    server.ask("REPLICAOF", "127.0.0.1", 1)
    persistence = look(server).persistence
    server.ask("REPLICAOF", "NO", "ONE")
    assert (persistence.role, len(persistence.link.offenders)) == ("replica", 1)


@pytest.fixture
def limited(server: Server) -> Iterator[Server]:
    """A user that an application might have: its keys, no administration."""
    server.ask("ACL", "SETUSER", "app", "on", ">p", "~cache:*", "+@read", "+@write", "+ping", "+info", "-@dangerous")
    server.ask("ACL", "SETUSER", "app", "+info")
    restricted = Server(server.path, server.argv)
    restricted.ask("AUTH", "app", "p")
    yield restricted
    restricted.wire.close()
    server.ask("ACL", "DELUSER", "app")


@pytest.mark.parametrize(
    ("judgement", "permission"),
    [
        ("durability", "+config|get"),
        ("drift", "+config|get"),
        ("fork", "+config|get"),
        ("listed", "+client|list"),
        ("slowlog", "+slowlog|get"),
        ("users", "+acl|list"),
    ],
)
def test_a_missing_permission_costs_only_what_needs_it(limited: Server, judgement: str, permission: str) -> None:
    """The reason names the command's permission."""
    with pytest.raises(Unjudged) as missing:
        JUDGEMENTS[judgement](look(limited))
    assert permission in missing.value.reason


@pytest.mark.parametrize(
    "judgement", ["memory", "clients", "counters", "snapshot", "agreement", "run_id", "started_at"]
)
def test_what_needs_no_more_than_info_is_judged(limited: Server, judgement: str) -> None:
    """A user without administration still sees memory, clients and counters."""
    assert JUDGEMENTS[judgement](look(limited)) is not None


def test_our_own_refused_questions_are_no_findings(limited: Server) -> None:
    """Each look of a limited user is rejected a few times, which is nobody's fault."""
    before = look(limited).counters
    comparison = compare(look(limited).counters, before)
    assert comparison.by_name("errors", "errors:", without=HARMLESS_ERRORS).offenders == ()
    assert comparison.by_name("rejected", "rejected_calls:", without=PROBING).offenders == ()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_renamed_command_is_unjudged(program: str) -> None:
    """A hardened host disables CONFIG: what needs it says so."""
    with (
        running(PROGRAMS[program], "--rename-command", "CONFIG", "") as server,
        pytest.raises(Unjudged, match="renamed or disabled"),
    ):
        look(server).config  # noqa: B018 - the property raises


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_that_wants_a_password_blocks_everything(program: str) -> None:
    """One red check, on PING, and everything else names it."""
    with (
        running(PROGRAMS[program], "--requirepass", "geheim") as server,
        pytest.raises(Blocked, match="checklist/redis_responds"),
    ):
        look(server).memory  # noqa: B018 - the property raises


def test_no_secret_stays_in_the_facts(server: Server) -> None:
    """Passwords are in CONFIG GET and ACL LIST; neither the digests nor the words are shown anywhere."""
    server.ask("CONFIG", "SET", "masterauth", "geheim-masterauth")
    facts = look(server)
    server.ask("CONFIG", "SET", "masterauth", "")
    assert "geheim" not in repr(facts.config)
    assert "geheim" not in facts.drift(CONTAINER, None).describe()


def test_the_number_of_replies_must_fit() -> None:
    """Replies of another batch would be taken for each other."""
    with pytest.raises(ValueError, match="zip"):
        read([None])
