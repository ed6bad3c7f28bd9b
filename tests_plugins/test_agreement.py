"""Whose story is the odd one, what is whose consequence, and whether the backend talks to this Redis."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts import causes
from plugins.facts.agreement import compare
from plugins.facts.bond import Around, Bond, Place, Times, by_address, by_owner, by_trace, together
from plugins.facts.causes import Chain
from plugins.facts.clients import Client
from plugins.facts.container import Opinion, Standing, missing, stand_alone, stand_together
from plugins.facts.readiness import Kind, Readiness
from plugins.facts.sockets import plain, read_sockets
from plugins.facts.tracing import Seen, trace
from plugins.inventory import Environment, Host
from plugins.probe import CREDENTIALS, DETOUR, FORBIDDEN, REFUSED, TIMEOUT, TLS, Answer, Vantage
from plugins.target.model import Completed, Container
from plugins.verdict import Blocked, NotApplicable, Unjudged
from tests_plugins.hostile import hostile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugins.facts.server import RedisFacts
    from plugins.target.open import Target

UP = stand_alone([Container(id="r", name="redis-1", service="redis")], None)
PAUSED = stand_alone([Container(id="r", name="redis-1", service="redis", state="paused")], None)
BACKEND_UP = stand_together([Container(id="b", name="backend-1", service="backend")], None)
BACKEND_DOWN = stand_together([Container(id="b", name="backend-1", service="backend", state="exited")], None)


def answer(vantage: Vantage, ok: bool | None = True, code: str = "", run_id: str = "one") -> Answer:  # noqa: FBT002 - brevity
    return Answer(ok, f"{vantage} {ok}", 0.0, vantage, code, run_id)


def chain(inside: bool | None = True, outside: bool | None = True, redis: Standing = UP, code: str = "") -> Chain:  # noqa: FBT002 - brevity
    if not redis.runs:
        return Chain(redis)
    return Chain(
        redis,
        answer(Vantage.EXEC_PING, inside, "" if inside else code),
        answer(Vantage.PING, outside, "" if outside else code),
    )


def says(kind: Kind) -> Readiness:
    return Readiness(kind, f"readiness: {kind}", 200)


# --- the cause -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "by"),
    [
        (chain(), None),
        (Chain(missing("no container")), causes.REDIS_RUNS),
        (chain(redis=PAUSED), causes.REDIS_RUNS),
        (chain(inside=False, outside=False), causes.EXEC_PING),
        (chain(inside=True, outside=False), causes.PING),
        (chain(inside=None, outside=False), causes.PING),
        (chain(inside=False, outside=True), None),
        (chain(inside=False, outside=None), causes.EXEC_PING),
        (chain(inside=None, outside=None), None),
        (chain(inside=False, outside=False, code=CREDENTIALS), causes.EXEC_PING),
    ],
)
def test_the_first_broken_link_is_the_cause(known: Chain, by: str | None) -> None:
    """Not running, then silent inside, then silent outside; an in-container client alone breaks nothing."""
    assert (known.cause.by if known.cause else None) == by


def test_one_broken_redis_is_one_red() -> None:
    """Where the container does not run, everything that hangs on it is blocked by that one check."""
    known = chain(redis=PAUSED)
    judges: list[Callable[[], object]] = [
        known.judge_exec_ping,
        known.judge_ping,
        lambda: known.judge_write(None),
        known.judge_redis,
        lambda: causes.judge_backend(known, BACKEND_UP, answer(Vantage.BACKEND, ok=False)),
        lambda: causes.judge_readiness(known, BACKEND_UP, says(Kind.DOWN), optional=False),
        lambda: causes.judge_agreement(known, BACKEND_UP, says(Kind.DEGRADED)),
    ]
    for judge in judges:
        with pytest.raises(Blocked) as blocked:
            judge()
        assert blocked.value.by == causes.REDIS_RUNS


def test_a_wrong_password_is_one_red() -> None:
    """Refused in the container and on the wire: the in-container PING is red, and the wire hangs on it."""
    known = chain(inside=False, outside=False, code=CREDENTIALS)
    assert known.judge_exec_ping().ok is False
    for judge in (known.judge_ping, known.judge_redis, lambda: known.judge_write(answer(Vantage.WRITE, ok=False))):
        with pytest.raises(Blocked) as blocked:
            judge()
        assert blocked.value.by == causes.EXEC_PING


@pytest.mark.parametrize("code", [CREDENTIALS, "ERR", "LOADING"])
def test_a_backend_that_is_let_in_does_not_lie(code: str) -> None:
    """Redis refuses the suite in words (a password, too many clients): readiness may say ok all the same."""
    known = chain(inside=False, outside=False, code=code)
    report = says(Kind.OK)
    assert causes.doubt(known, report, report.answer(redis_optional=True)).ok


def test_readiness_does_not_lie_about_a_service_that_nobody_knows() -> None:
    """No container of that name: the inventory may be wrong, and "ok" right."""
    known = Chain(missing("the project has no service 'cache'"))
    report = says(Kind.OK)
    assert causes.doubt(known, report, report.answer(redis_optional=True)).ok


def test_refused_credentials_excuse_nobody_else() -> None:
    """The backend has its own: if it fails too, that is its own red."""
    known = chain(inside=False, outside=False, code=CREDENTIALS)
    assert causes.judge_backend(known, BACKEND_UP, answer(Vantage.BACKEND, ok=False)).ok is False


def test_a_redis_that_refuses_writes_still_talks_about_itself() -> None:
    """MISCONF refuses PING too, but INFO says why: those facts are not hidden."""
    chain(inside=False, outside=False, code="MISCONF").judge_redis()


def test_an_unhealthy_container_is_no_second_red() -> None:
    """The engine's health check fails soon after Redis stops answering: a consequence, unless it stands alone."""
    sick = Opinion(well=False, detail="redis-1 is unhealthy")
    assert causes.judge_health(chain(), sick) is sick
    assert causes.judge_health(chain(inside=False, outside=False, code=CREDENTIALS), sick) is sick
    with pytest.raises(Blocked) as blocked:
        causes.judge_health(chain(inside=False, outside=False, code="BUSY"), sick)
    assert blocked.value.by == causes.EXEC_PING


def test_a_redis_that_is_loading_talks_about_itself_and_not_about_its_keys() -> None:
    """INFO says how far it is, which is what a person wants to know; SCAN would only be refused."""
    known = chain(inside=False, outside=False, code="LOADING")
    known.judge_redis()
    with pytest.raises(Blocked) as blocked:
        known.judge_redis(keys=True)
    assert blocked.value.by == causes.EXEC_PING


def test_facts_of_another_server_are_not_shown() -> None:
    """What another Redis says of itself is nobody's answer."""
    known = Chain(UP, answer(Vantage.EXEC_PING), answer(Vantage.PING, run_id="two"))
    with pytest.raises(Blocked) as blocked:
        known.judge_redis()
    assert blocked.value.by == causes.AGREEMENT


def test_a_detour_is_no_wire_ping() -> None:
    """A PING that had to be asked inside the container says nothing of the network: skipped, and the rest goes on."""
    known = Chain(UP, answer(Vantage.EXEC_PING), answer(Vantage.PING, code=DETOUR))
    known.judge_redis()
    with pytest.raises(NotApplicable):
        known.judge_ping()


@pytest.mark.parametrize("judge", [Chain.judge_exec_ping, Chain.judge_ping])
def test_what_could_not_be_asked_is_unjudged(judge: object) -> None:
    """No answer is no verdict."""
    with pytest.raises(Unjudged):
        judge(chain(inside=None, outside=None))  # type: ignore[operator] # either of the two


@pytest.mark.parametrize(
    ("redis_away", "kind", "optional", "outcome"),
    [
        (False, Kind.OK, True, "passes"),
        (False, Kind.DEGRADED, True, "passes"),
        (False, Kind.DEGRADED, False, "red"),
        (False, Kind.DOWN, True, "red"),
        (True, Kind.DEGRADED, True, "passes"),
        (True, Kind.DEGRADED, False, "blocked"),
        (True, Kind.DOWN, False, "blocked"),
        (True, Kind.DOWN, True, "red"),
        (True, Kind.OK, True, "red"),
        (True, Kind.OK, False, "red"),
        (True, Kind.HTTP_ERROR, True, "red"),
        (True, Kind.TIMED_OUT, True, "red"),
        (True, Kind.HTML, False, "red"),
    ],
)
def test_readiness_beside_a_redis_that_is_there_or_away(
    redis_away: bool,
    kind: Kind,
    optional: bool,
    outcome: str,
) -> None:
    """A mere consequence is blocked; a lie, a "down" where Redis is optional, and an error are red by themselves."""
    known = chain(redis=PAUSED) if redis_away else chain()
    try:
        report = causes.judge_readiness(known, BACKEND_UP, says(kind), optional=optional)
        heard = causes.doubt(known, report, report.answer(redis_optional=optional))
        seen = "passes" if heard.ok else "red"
    except Blocked as blocked:
        seen = f"blocked by {blocked.by}"
    assert seen == (f"blocked by {causes.REDIS_RUNS}" if outcome == "blocked" else outcome)


@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.spoken and kind is not Kind.RATE_LIMITED])
def test_a_silent_readiness_without_a_backend_is_its_consequence(kind: Kind) -> None:
    """A proxy's page, a refusal or a time-out while no backend runs: that container is the red one."""
    with pytest.raises(Blocked) as blocked:
        causes.judge_readiness(chain(), BACKEND_DOWN, says(kind), optional=True)
    assert blocked.value.by == causes.BACKEND_RUNS


def test_the_backend_check_hangs_on_a_running_backend() -> None:
    """Nothing to ask in: blocked by the container."""
    with pytest.raises(Blocked) as blocked:
        causes.judge_backend(chain(), BACKEND_DOWN, None)
    assert blocked.value.by == causes.BACKEND_RUNS


def test_a_backend_that_fails_beside_a_well_redis_is_red() -> None:
    """That is the backend's own."""
    assert causes.judge_backend(chain(), BACKEND_UP, answer(Vantage.BACKEND, ok=False)).ok is False


# --- agreement -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unwell", "kind", "odd"),
    [
        ((), Kind.OK, ()),
        ((), None, ()),
        ((), Kind.DEGRADED, ("readiness",)),
        ((), Kind.DOWN, ("readiness",)),
        ((), Kind.HTML, ()),
        ((), Kind.RATE_LIMITED, ()),
        ((Vantage.BACKEND,), Kind.OK, ("backend",)),
        ((Vantage.BACKEND,), Kind.DEGRADED, ("backend", "readiness")),
        ((Vantage.EXEC_PING,), Kind.OK, ("in-container PING",)),
        ((Vantage.PING,), Kind.OK, ("wire PING",)),
        ((Vantage.EXEC_PING, Vantage.PING, Vantage.WRITE, Vantage.BACKEND), Kind.DEGRADED, ()),
        ((Vantage.EXEC_PING, Vantage.PING, Vantage.WRITE, Vantage.BACKEND), Kind.OK, ("readiness",)),
    ],
)
def test_the_odd_one_out_is_named(unwell: tuple[Vantage, ...], kind: Kind | None, odd: tuple[str, ...]) -> None:
    """Redis's own word is the measure, and whoever tells another story is named."""
    vantages = (Vantage.EXEC_PING, Vantage.PING, Vantage.WRITE, Vantage.BACKEND)
    answers = {one: answer(one, one not in unwell, TIMEOUT if one in unwell else "") for one in vantages}
    assert compare(answers, says(kind) if kind else None).odd == odd


def test_a_write_refused_in_words_is_no_contradiction() -> None:
    """OOM is Redis's own word: PING and write tell one story, and the write check is the red one."""
    answers = {
        Vantage.PING: answer(Vantage.PING),
        Vantage.WRITE: answer(Vantage.WRITE, ok=False, code="OOM"),
        Vantage.BACKEND: answer(Vantage.BACKEND),
    }
    assert compare(answers, says(Kind.OK)).odd == ()


def test_another_server_on_the_wire_is_the_wires_oddity() -> None:
    """The container is the one that Compose runs."""
    known = Chain(UP, answer(Vantage.EXEC_PING), answer(Vantage.PING, run_id="two"))
    answers = {Vantage.EXEC_PING: answer(Vantage.EXEC_PING), Vantage.PING: answer(Vantage.PING, run_id="two")}
    agreement = compare(answers, says(Kind.OK), other_server=known.other_server())
    assert agreement.odd == ("wire PING",)
    assert "the wire reaches Redis two" in agreement.describe()


@hostile
@given(
    st.dictionaries(st.sampled_from([v for v in Vantage if v != "readiness"]), st.sampled_from([True, False, None])),
    st.sampled_from([None, *Kind]),
)
def test_whoever_agrees_is_never_odd(heard: dict[Vantage, bool | None], kind: Kind | None) -> None:
    """Only those that could be asked are named, and never all of them."""
    answers = {one: answer(one, ok) for one, ok in heard.items()}
    agreement = compare(answers, says(kind) if kind else None)
    asked = {one.words for one, ok in heard.items() if ok is not None} | {"readiness"}
    assert set(agreement.odd) <= asked
    assert len(agreement.odd) < max(2, len(asked))


# --- what the application vouches for ---------------------------------------------------------------------------------

HOST = Host(name="staging", environment=Environment.STAGING, redis_port=6380)


def test_refused_credentials_are_no_red_redis_while_the_application_is_let_in() -> None:
    """A pipeline's secret that is out of date must roll nothing back."""
    refused = replace(answer(Vantage.EXEC_PING, ok=False, code=CREDENTIALS), detail="WRONGPASS")
    declared = replace(HOST, redis_password_env="VARIABLE")  # noqa: S106 - the name of a variable
    for host in (replace(HOST, backend_service="backend"), replace(HOST, readiness_url="http://localhost/ready")):
        assert causes.weigh(refused, host, vouched=False).ok is False
    with pytest.raises(Unjudged, match=r"WRONGPASS - but the application is let in: .*: VARIABLE$"):
        causes.weigh(refused, declared, vouched=True)
    with pytest.raises(Unjudged, match="add redis_password_env to the inventory"):
        causes.weigh(refused, HOST, vouched=True)


def test_refused_credentials_without_anybody_to_vouch_are_no_verdict() -> None:
    """Redis answered, in words that only tell what the suite lacks."""
    refused = replace(answer(Vantage.EXEC_PING, ok=False, code=CREDENTIALS), detail="NOAUTH")
    with pytest.raises(Unjudged, match=r"NOAUTH - and nobody else can say .*: add redis_password_env"):
        causes.weigh(refused, HOST, vouched=False)


@pytest.mark.parametrize("code", [TLS, FORBIDDEN])
def test_what_the_suite_cannot_do_is_no_verdict_on_redis(code: str) -> None:
    """Nor does it excuse the backend, or make a readiness that says ok a liar."""
    known = chain(inside=False, outside=False, code=code)
    assert known.exec_ping is not None
    with pytest.raises(Unjudged):
        causes.weigh(known.exec_ping, replace(HOST, backend_service="backend"), vouched=False)
    known.excuse()
    report = says(Kind.OK)
    assert causes.doubt(known, report, report.answer(redis_optional=True)).ok


def test_a_port_where_nothing_listens_is_doubted_while_the_application_is_well() -> None:
    """Red, once; but it may be the inventory that is wrong, and readiness does not lie then."""
    known = chain(inside=False, outside=False, code=REFUSED)
    assert known.shut_out
    assert known.exec_ping is not None
    doubted = causes.weigh(known.exec_ping, HOST, vouched=True)
    assert (doubted.ok, doubted.code) == (False, causes.MISPLACED)
    assert "is redis_port 6380 the right one?" in doubted.detail
    report = says(Kind.OK)
    said = report.answer(redis_optional=True)
    assert causes.doubt(known, report, said, misplaced=True).ok
    assert causes.doubt(known, report, said, misplaced=False).ok is False


@pytest.mark.parametrize(
    ("backend", "kind", "well"),
    [(True, None, True), (False, Kind.OK, False), (None, Kind.OK, True), (None, Kind.DEGRADED, False)],
)
def test_the_backends_own_check_vouches_before_readiness(backend: bool | None, kind: Kind | None, well: bool) -> None:
    """Readiness only where there is no such check."""
    own = None if backend is None else answer(Vantage.BACKEND, backend)
    assert causes.vouched(own, says(kind) if kind else None) is well


# --- the bond --------------------------------------------------------------------------------------------------------

REDIS = Place.of(["172.18.0.2", "fd00::2"], 6379, [16379])
BACKEND = Place.of(["172.18.0.3", "fd00::3"])


def row(local: str, remote: str, *, state: str = "01", inode: int = 7, left_s: float | None = None) -> str:
    """A line as the kernel writes it."""
    timer = f"03:{round(left_s * 100):08X}" if left_s is not None else "00:00000000"
    return f"   0: {_hex(local)} {_hex(remote)} {state} 00000000:00000000 {timer} 00000000     0        0 {inode} 1"


def _hex(endpoint: str) -> str:
    ip, _, port = endpoint.rpartition(":")
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    raw = socket.inet_pton(family, ip)
    groups = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return f"{groups.hex().upper()}:{int(port):04X}"


@pytest.mark.parametrize("peer", ["172.18.0.3", "fd00::3", "[fd00::3]", "::ffff:172.18.0.3"])
def test_the_backends_address_in_client_list_is_proof(peer: str) -> None:
    """IPv4, IPv6, and one inside the other."""
    assert by_address(["172.18.0.9", peer], BACKEND, REDIS) is not None


def test_an_address_shared_with_redis_proves_nothing() -> None:
    """On one loopback everybody has the same address."""
    shared = Place.of(["127.0.0.1"])
    assert by_address(["127.0.0.1"], shared, Place.of(["127.0.0.1"], 6379)) is None


#: The suite's check began a second before the connections were read; readiness was asked 3 s before, for half a second.
TIMES = Times(1.0, (3.0, 2.5))
NOTHING = Around()
OTHER = "172.18.0.4:6379"
CHECKED = row("172.18.0.3:40000", "172.18.0.2:6379", state="06", inode=0, left_s=59.5)


def closed(remote: str, ago_s: float) -> str:
    """A connection of the backend's that was closed so long ago."""
    return row("172.18.0.3:40000", remote, state="06", inode=0, left_s=60 - ago_s)


@pytest.mark.parametrize(
    ("table", "connected"),
    [
        (row("172.18.0.3:40000", "172.18.0.2:6379"), True),
        (row("fd00::3:40000", "fd00::2:6379"), True),
        (row("::ffff:172.18.0.3:40000", "::ffff:172.18.0.2:6379"), True),
        (closed("172.18.0.2:6379", 2.7), True),
        (CHECKED, None),
        (closed("172.18.0.2:6379", 20), False),
        (row("172.18.0.3:40000", OTHER), False),
        (CHECKED + "\n" + row("172.18.0.3:40001", OTHER), False),
        (CHECKED + "\n" + closed(OTHER, 2.7), False),
        (CHECKED + "\n" + closed(OTHER, 0.5), None),
        (row("172.18.0.3:40000", OTHER) + "\n" + row("172.18.0.3:40001", "172.18.0.2:6379"), True),
        (row("172.18.0.7:40000", "172.18.0.2:6379"), False),
        (row("172.18.0.3:40000", "172.18.0.2:6379", state="0A"), False),
        (row("172.18.0.3:40000", "10.0.0.1:16379"), None),
        (row("172.18.0.3:40000", "172.18.0.2:6380"), None),
        (row("172.18.0.3:40000", "172.18.0.2:6380") + "\n" + row("172.18.0.3:40001", OTHER), False),
        ("", False),
    ],
    ids=[
        "open",
        "IPv6",
        "mapped",
        "closed as readiness was asked",
        "closed by the check",
        "closed before",
        "elsewhere",
        "open elsewhere, closed here by the check",
        "readiness elsewhere, closed here by the check",
        "the check was in both places",
        "open here and elsewhere",
        "not its own",
        "listening",
        "host",
        "another port of Redis's",
        "another port of Redis's, and elsewhere",
        "none",
    ],
)
def test_the_backends_own_connections_tell(table: str, connected: bool | None) -> None:
    """Of the application: to this Redis and no other. What the suite's check leaves behind proves nothing."""
    assert by_trace(table, BACKEND, REDIS, TIMES, NOTHING).connected is connected


def test_a_check_and_a_readiness_at_the_same_time_are_not_told_apart() -> None:
    """A connection that either may have closed proves nothing."""
    assert by_trace(CHECKED, BACKEND, REDIS, Times(1.0, (1.0, 0.2)), NOTHING).connected is None
    assert (
        by_trace(closed("172.18.0.2:6379", 2.7), BACKEND, REDIS, replace(TIMES, error_s=2), NOTHING).connected is None
    )


@pytest.mark.parametrize(
    ("table", "connected"),
    [
        ("", None),
        (row("172.18.0.3:40000", "172.18.0.9:5432"), None),
        (row("172.18.0.3:40000", "172.18.0.4:6379"), False),
        (row("172.18.0.3:40000", "172.18.0.2:6379"), True),
    ],
    ids=["none", "a database", "another Redis", "this Redis"],
)
@pytest.mark.parametrize("around", [Around(asked=False), Around(by_file=True)], ids=["own check", "unix socket"])
def test_what_need_not_connect_by_tcp_proves_nothing_by_silence(
    table: str, connected: bool | None, around: Around
) -> None:
    """With a check of the inventory's own, or a shared unix socket, only a connection to another Redis is red."""
    assert by_trace(table, BACKEND, REDIS, TIMES, around).connected is connected


def test_another_port_on_loopback_is_another_redis() -> None:
    """There an address is the whole machine's."""
    here = Place.of(["127.0.0.1"], 6379)
    assert by_trace(row("172.18.0.3:40000", "127.0.0.1:6380"), BACKEND, here, TIMES, NOTHING).connected is False


@pytest.mark.parametrize(
    ("clients", "connected"), [({"172.18.0.4"}, None), ({"172.18.0.3", "172.18.0.9"}, False)], ids=["proxy", "others"]
)
def test_a_proxy_is_known_by_its_own_connection(clients: set[str], connected: bool | None) -> None:
    """Whoever the backend is connected to, and is connected to this Redis: where that leads is not for us to see."""
    around = Around(clients=frozenset(clients))
    assert by_trace(row("172.18.0.3:40000", OTHER), BACKEND, REDIS, TIMES, around).connected is connected


def test_another_redis_of_the_project_is_not_behind_the_published_port() -> None:
    """The port may be the same; the host is none of the project's containers."""
    same, project = replace(REDIS, published=frozenset({6379})), frozenset({"172.18.0.4"})
    assert by_trace(row("172.18.0.3:40000", OTHER), BACKEND, same, TIMES, Around(project=project)).connected is False


def test_where_it_is_connected_instead_is_told() -> None:
    """The other Redis's address is what the person on call needs."""
    assert "172.18.0.4:6379" in by_trace(row("172.18.0.3:40000", OTHER), BACKEND, REDIS, TIMES, NOTHING).detail


def test_on_a_shared_network_only_an_owned_socket_counts() -> None:
    """A CLIENT LIST entry is the backend's where one of its processes holds that socket."""
    table = row("127.0.0.1:40000", "127.0.0.1:6379", inode=7) + "\n" + row("127.0.0.1:40001", "127.0.0.1:6379", inode=8)
    peers = [("127.0.0.1", 40000), ("127.0.0.1", 40001)]
    assert by_owner(peers, table, [8]) is not None
    assert by_owner(peers, table, [9]) is None


def replicas_bond(*, peers: Mapping[str, int], tables: dict[str, str]) -> Bond:
    """The bond of one replica a table, at 172.18.0.3 and on: addresses and ages in CLIENT LIST, what each sees."""
    backends = [
        Container(id=name, name=name, service="backend", addresses=(f"172.18.0.{number}",))
        for number, name in enumerate(tables, start=3)
    ]
    redis = Container(id="r", name="redis-1", service="redis", addresses=("172.18.0.2",))
    stack = SimpleNamespace(execute=lambda one, argv: Completed(tuple(argv), 0, tables[one.name].encode()))
    target = SimpleNamespace(stack=stack, host=Host(name="staging", environment=Environment.STAGING))
    listed = [Client({"addr": f"{ip}:40000", "age": str(age)}) for ip, age in peers.items()]
    server = SimpleNamespace(clients=SimpleNamespace(listed=listed))
    check = replace(answer(Vantage.BACKEND), at=time.monotonic(), took_s=0.5)
    seen = Seen(cast("RedisFacts", server), check, None, frozenset())
    return trace(cast("Target", target), redis, backends, seen)


@pytest.mark.parametrize(
    ("peers", "second", "connected"),
    [
        ({"172.18.0.3": 60, "172.18.0.4": 60}, "", True),
        ({"172.18.0.3": 60}, "172.18.0.2:6379", True),
        ({"172.18.0.3": 60}, "172.18.0.9:6379", False),
        ({"172.18.0.4": 1}, "172.18.0.9:6379", False),
        ({}, "172.18.0.9:6379", False),
    ],
    ids=["both listed", "one traced", "one elsewhere", "one listed since the check", "one traced, one elsewhere"],
)
def test_every_replica_has_a_bond_of_its_own(peers: dict[str, int], second: str, connected: bool) -> None:
    """One replica's connection proves nothing of the other, which is named where it leads elsewhere."""
    head = "  sl  local_address rem_address\n"
    other = head + (row("172.18.0.4:40000", second) if second else "")
    bond = replicas_bond(peers=peers, tables={"one": head + row("172.18.0.3:40000", "172.18.0.2:6379"), "two": other})
    assert bond.connected is connected
    assert connected or bond.detail.startswith("two: no connection from 172.18.0.4")


def test_a_replica_that_cannot_be_told_leaves_the_bond_open_unless_another_is_lost() -> None:
    """Not connected outweighs unknown, unknown outweighs connected."""
    yes, no, unknown = Bond(connected=True, detail="y"), Bond(connected=False, detail="n"), Bond(None, "u")
    assert together({"a": yes, "b": unknown}) == Bond(None, "b: u")
    assert together({"a": yes, "b": unknown, "c": no}) == Bond(connected=False, detail="c: n")
    assert together({"a": yes}) == yes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/net/tcp")
def test_the_kernel_remembers_a_closed_connection_and_when_it_was() -> None:
    """A connection that lived for an instant is found afterwards, as old as it is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))) as client:
            client.shutdown(socket.SHUT_WR)
            accepted, _ = server.accept()
            accepted.close()
    began = time.monotonic()
    found = [one for one in read_sockets(Path("/proc/net/tcp").read_text()) if one.remote == ("127.0.0.1", port)]
    assert [one.local[0] for one in found] == ["127.0.0.2"]
    assert found[0].closed_s is not None
    assert found[0].closed_s <= time.monotonic() - began + 1


@hostile
@given(st.text())
def test_any_table_is_read(text: str) -> None:
    """Whatever stands in for /proc/net/tcp is passed over."""
    assert read_sockets(text) == ()


@hostile
@given(st.ip_addresses())
def test_an_address_has_one_plain_form(address: object) -> None:
    """However it is written, and twice is once."""
    assert plain(plain(str(address))) == plain(str(address))
