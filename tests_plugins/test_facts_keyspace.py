"""The survey of the keys, on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.facts.keyspace import Keyspace, survey
from plugins.facts.server import COMMANDS, read
from plugins.inventory import Environment, Host, Limits, Pattern
from plugins.target.model import TimedOut
from plugins.verdict import NotApplicable, Unjudged
from tests_plugins.hostile import NASTY
from tests_plugins.judgements import of_keyspace
from tests_plugins.servers import Server, running, server_programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugins.target.model import Command, Reply

PROGRAMS = server_programs()


@pytest.fixture(scope="module", params=PROGRAMS)
def shared(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of every kind that there is."""
    with running(PROGRAMS[request.param]) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """The same, empty."""
    shared.ask("FLUSHALL")
    return shared


def look(server: Server, *patterns: Pattern, limits: Limits | None = None) -> Keyspace:
    """Survey with these declarations."""
    host = Host(name="h", environment=Environment.STAGING, patterns=patterns, limits=limits or Limits())
    return survey(server.wire, host)


def test_keys_of_another_type_are_named(server: Server) -> None:
    """The pattern, how many, and which type they have instead."""
    server.ask("SET", "session:1", "x")
    server.ask("HSET", "session:2", "f", "v")
    found = look(server, Pattern(glob="session:*", type="string")).types
    assert found.offenders == ('"session:*": 1 key not string: "session:2" is "hash"',)


def test_keys_without_a_ttl_are_named(server: Server) -> None:
    """PTTL says -1 of a key that never expires."""
    server.ask("SET", "session:1", "x", "EX", 100)
    server.ask("SET", "session:2", "x")
    found = look(server, Pattern(glob="session:*", ttl=True)).ttls
    assert found.offenders == ('"session:*": 1 key without a TTL: "session:2"',)


def test_keys_that_live_too_long_are_named(server: Server) -> None:
    """A longer TTL than declared, or none at all."""
    server.ask("SET", "session:1", "x", "EX", 100)
    server.ask("SET", "session:2", "x", "EX", 3000)
    server.ask("SET", "session:3", "x")
    (told,) = look(server, Pattern(glob="session:*", max_ttl_s=200)).max_ttls.offenders
    assert "2 keys" in told
    assert '"session:2" expires in 50 min' in told
    assert '"session:3" never expires' in told


def test_too_many_keys_are_told(server: Server) -> None:
    """Both the count and the limit."""
    for number in range(4):
        server.ask("SET", f"session:{number}", "x")
    found = look(server, Pattern(glob="session:*", max_count=3), Pattern(glob="cache:*", max_count=0)).counts
    assert found.offenders == ('"session:*": 4 keys, at most 3',)


def test_too_many_bytes_are_told(server: Server) -> None:
    """MEMORY USAGE of all keys of the pattern together."""
    for number in range(3):
        server.ask("SET", f"session:{number}", "x" * 10_000)
    (told,) = look(server, Pattern(glob="session:*", max_bytes=20_000)).sizes.offenders
    assert "in 3 keys, at most 19.5 KiB" in told


def test_what_holds_all_declarations_offends_nobody(server: Server) -> None:
    """More keys than one trip brings, all as declared."""
    server.wire.ask([("SET", f"session:{n}", "x", "EX", 100) for n in range(3000)])
    declared = Pattern(glob="session:*", type="string", ttl=True, max_ttl_s=200, max_count=10_000, max_bytes=10**7)
    keyspace = look(server, declared, limits=Limits(survey_s=60))
    assert [finding.offenders for finding in of_keyspace(keyspace)] == [()] * 5
    assert '"session:*": 3000 keys' in keyspace.describe()


def test_without_declarations_nothing_is_judged(server: Server) -> None:
    """A host without patterns is skipped, each check with its reason."""
    for finding in of_keyspace(look(server)):
        with pytest.raises(NotApplicable, match="declares no pattern"):
            finding.offenders  # noqa: B018 - the property raises


def test_our_own_keys_are_left_out(server: Server) -> None:
    """The canary may be there at this very moment."""
    server.ask("SET", "runbook-suite:canary", "x")
    keyspace = look(server, Pattern(glob="*", max_count=0))
    assert keyspace.counts.offenders == ()
    assert keyspace.sample.keys == ()


def test_big_keys_are_named_the_biggest_first(server: Server) -> None:
    """By bytes, not by elements."""
    server.ask("SET", "big", "x" * 2_000_000)
    server.ask("SET", "bigger", "x" * 3_000_000)
    server.ask("RPUSH", "many", *map(str, range(500)))
    found = look(server).sample.bigger(1_000_000)
    assert [offender.split(" ")[0] for offender in found.offenders] == ['"bigger"', '"big"']


def test_of_many_keys_a_sample_is_drawn(server: Server) -> None:
    """The sample is bounded, and says that it is one."""
    server.wire.ask([("SET", f"k:{n}", "x") for n in range(3000)])
    sample = look(server, limits=Limits(sampled_keys=100)).sample
    assert 50 < len(sample.keys) <= 100
    assert not sample.whole
    assert "sampled of 3000 keys" in sample.bigger(1).describe()


def test_keys_that_come_and_go_meanwhile_harm_nothing(server: Server) -> None:
    """A key that is gone when it is looked at offends against nothing."""
    declared = Pattern(glob="k:*", type="string", ttl=True, max_ttl_s=200, max_count=100, max_bytes=10**6)
    server.wire.ask([("SET", f"k:{n}", "x", "EX", 100) for n in range(50)])
    host = Host(name="h", environment=Environment.STAGING, patterns=(declared,))
    keyspace = survey(Vanishing(server), host)
    assert [finding.offenders for finding in of_keyspace(keyspace)] == [()] * 5


class Vanishing:
    """A wire whose server loses all keys after the first trip."""

    via = "a test"

    def __init__(self, server: Server) -> None:
        self._server = server

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """Ask, then flush."""
        replies = self._server.wire.ask(commands, timeout_s=timeout_s)
        self._server.ask("FLUSHALL")
        return replies

    def close(self) -> None:
        """Nothing of its own."""


def test_keys_is_never_used(server: Server) -> None:
    """KEYS would hold everybody up; SCAN does not."""
    server.ask("CONFIG", "RESETSTAT")
    look(server, Pattern(glob="*", type="string", ttl=True, max_bytes=1))
    asked = read(server.wire.ask(COMMANDS)).statistics.values
    assert {name for name in asked if name.startswith("calls:") and "scan" in name} == {"calls:scan"}
    assert "calls:keys" not in asked


class Slow:
    """A wire that runs out of time after some trips."""

    via = "a test"

    def __init__(self, server: Server, trips: int) -> None:
        self._server = server
        self._trips = trips

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """Ask, as long as there is time."""
        if self._trips == 0:
            raise TimedOut("no time left")
        self._trips -= 1
        return self._server.wire.ask(commands, timeout_s=timeout_s)

    def close(self) -> None:
        """Nothing of its own."""


@pytest.mark.parametrize("trips", [0, 1])
def test_a_survey_that_was_cut_off_proves_nothing(server: Server, trips: int) -> None:
    """Unjudged rather than green, and it says which limit to raise."""
    server.wire.ask([("SET", f"k:{n}", "x", "EX", 100) for n in range(5000)])
    declared = Pattern(glob="k:*", type="string", ttl=True, max_ttl_s=200, max_count=10_000, max_bytes=10**7)
    keyspace = survey(Slow(server, trips), Host(name="h", environment=Environment.STAGING, patterns=(declared,)))
    for finding in of_keyspace(keyspace):
        with pytest.raises(Unjudged, match="survey_s"):
            finding.offenders  # noqa: B018 - the property raises


def test_a_survey_that_was_cut_off_may_have_seen_enough(server: Server) -> None:
    """More keys than declared in the first trip are too many, whatever follows."""
    server.wire.ask([("SET", f"k:{n}", "x") for n in range(5000)])
    declared = Pattern(glob="k:*", max_count=10)
    keyspace = survey(Slow(server, 1), Host(name="h", environment=Environment.STAGING, patterns=(declared,)))
    (told,) = keyspace.counts.offenders
    assert "at least" in told


def test_no_time_at_all_is_no_verdict(server: Server) -> None:
    """A budget of nothing asks nothing."""
    keyspace = look(server, Pattern(glob="*", max_count=0), limits=Limits(survey_s=0.0))
    with pytest.raises(Unjudged):
        keyspace.counts.offenders  # noqa: B018 - the property raises
    with pytest.raises(Unjudged):
        keyspace.sample.bigger(1).offenders  # noqa: B018 - the property raises


@pytest.fixture
def limited(server: Server) -> Iterator[Server]:
    """A connection as a user that may only use cache:*."""
    server.ask("ACL", "SETUSER", "cache", "on", ">p", "~cache:*", "+@all")
    server.wire.ask([("SET", "cache:1", "x", "EX", 10), ("SET", "session:1", "x", "EX", 10)])
    restricted = Server(server.path, server.argv)
    restricted.ask("AUTH", "cache", "p")
    yield restricted
    restricted.wire.close()
    server.ask("ACL", "DELUSER", "cache")


def test_a_pattern_that_the_user_may_not_use_is_unjudged(limited: Server) -> None:
    """The reason names the key and what to grant; the user's own pattern is judged."""
    keyspace = look(limited, Pattern(glob="session:*", ttl=True))
    with pytest.raises(Unjudged, match="session:1"):
        keyspace.ttls.offenders  # noqa: B018 - the property raises
    assert look(limited, Pattern(glob="cache:*", ttl=True)).ttls.offenders == ()


def test_a_user_without_scan_leaves_everything_unjudged(limited: Server) -> None:
    """The missing permission is named."""
    limited.ask("ACL", "SETUSER", "cache", "-scan")
    with pytest.raises(Unjudged, match=r"\+scan"):
        look(limited, Pattern(glob="cache:*", max_count=1)).counts.offenders  # noqa: B018 - the property raises


@pytest.mark.parametrize("key", [*NASTY, "\x00", b"\xff\xfe", b"k" * 5000])
def test_a_hostile_key_is_counted_and_shown_on_one_line(server: Server, key: str | bytes) -> None:
    """Keys hold any bytes."""
    server.ask("SET", key, "x" * 100)
    keyspace = look(server, Pattern(glob="*", ttl=True))
    (told,) = keyspace.ttls.offenders
    assert told.isprintable()
    assert keyspace.sample.bigger(10).describe().isprintable()


@pytest.mark.parametrize("glob", [*NASTY, "[", "\\", "*" * 100])
def test_a_hostile_pattern_is_only_a_pattern(server: Server, glob: str) -> None:
    """Patterns from the inventory are arguments, whatever they hold."""
    server.ask("SET", "plain", "x")
    keyspace = look(server, Pattern(glob=glob, max_count=0))
    assert keyspace.counts.describe().isprintable()
