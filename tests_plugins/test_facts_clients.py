"""CLIENT LIST, read and judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.clients import Client, Clients, parse_clients
from plugins.facts.info import parse_info
from plugins.facts.replies import QUESTIONS, Replies
from plugins.facts.units import text_of
from plugins.verdict import NotApplicable, Unjudged
from tests_plugins.hostile import hostile

INFO = parse_info(b"# Server\r\nredis_version:7.0.15\r\n# Clients\r\nconnected_clients:80\r\nmaxclients:100\r\n")
BACKEND = frozenset({"172.18.0.3"})


def clients(*lines: str) -> Clients:
    """What CLIENT LIST would make of these lines; our own connection has the id 1."""
    listed = "".join(f"{line}\n" for line in lines).encode()
    return Clients(INFO, Replies({**dict.fromkeys(QUESTIONS), "clients": listed, "client_id": 1}))


@pytest.mark.parametrize(
    ("address", "ip", "port"),
    [
        ("172.18.0.3:51200", "172.18.0.3", 51200),
        ("[fd00::2]:51200", "fd00::2", 51200),
        ("/run/redis.sock:0", "/run/redis.sock", 0),
        ("[/run/redis.sock:0]:0", "/run/redis.sock:0", 0),
        ("?:?", "?", 0),
    ],
)
def test_an_address_is_taken_apart(address: str, ip: str, port: int) -> None:
    """IPv6 stands in brackets, and a unix socket has no port."""
    client = Client({"addr": address})
    assert (client.ip, client.port) == (ip, port)


@pytest.mark.parametrize(
    ("fields", "local"),
    [
        ({"addr": "127.0.0.9:5"}, True),
        ({"addr": "[::1]:5"}, True),
        ({"addr": "[::ffff:127.0.0.1]:5"}, True),
        ({"addr": "/s:0", "flags": "U"}, True),
        ({"addr": "172.18.0.1:5"}, False),
        ({"addr": "localhost:5"}, False),
    ],
)
def test_what_comes_from_inside_the_container_is_local(fields: dict[str, str], local: bool) -> None:
    """Loopback and unix sockets are the container's own."""
    assert Client(fields).local is local


def test_a_connection_from_nowhere_has_no_owner() -> None:
    """An address that is neither a container's nor ours is named, with the id that kills it."""
    found = clients("id=7 addr=172.18.0.9:5 flags=N", "id=8 addr=172.18.0.3:5 flags=N").ownerless(BACKEND)
    assert [offender.split(" ")[:2] for offender in found.offenders] == [["id", "7"]]


@pytest.mark.parametrize(
    "line",
    [
        "id=1 addr=172.18.0.1:5 flags=N",
        "id=5 addr=172.18.0.1:5 flags=N name=runbook-suite:write",
        "id=5 addr=172.18.0.1:5 age=0 flags=N cmd=NULL",
        "id=5 addr=172.18.0.8:5 flags=S",
        "id=5 addr=172.18.0.8:5 flags=M",
        "id=5 addr=127.0.0.1:5 flags=N",
    ],
)
def test_a_connection_that_somebody_owns_is_not_blamed(line: str) -> None:
    """Our own connections, replicas, masters and the container itself are known."""
    assert clients(line).ownerless(BACKEND).offenders == ()


def test_a_connection_that_never_says_anything_has_no_owner() -> None:
    """Only one that is just being made is given the benefit of the doubt."""
    assert clients("id=5 addr=172.18.0.1:5 age=60 flags=N cmd=NULL").ownerless(BACKEND).offenders


def test_without_any_address_nobody_can_be_told_apart() -> None:
    """On the host's network no container has an address of its own."""
    with pytest.raises(NotApplicable):
        clients("id=7 addr=172.18.0.9:5").ownerless(frozenset())


def test_monitors_are_found_by_their_flag() -> None:
    """O stands for MONITOR, alone or among other flags."""
    assert len(clients("id=7 addr=a:1 flags=ON cmd=monitor", "id=8 addr=a:2 flags=N").monitoring.offenders) == 1


def test_blocked_clients_are_found_by_their_flag() -> None:
    """The flag of a client that waits is b."""
    assert len(clients("id=7 addr=a:1 flags=b cmd=blpop").blocked.offenders) == 1


def test_an_output_buffer_is_judged_in_bytes() -> None:
    """Whoever does not read its replies is named with how much."""
    found = clients("id=7 addr=a:1 omem=2097152", "id=8 addr=a:2 omem=10").backlogged(1 << 20)
    assert found.offenders[0].startswith("2.0 MiB unread by id 7")


def test_the_ratio_is_of_maxclients() -> None:
    """Eighty of a hundred are four fifths."""
    assert clients().used_ratio == 0.8


def test_a_name_cannot_pretend_to_be_another_field() -> None:
    """A name holds no spaces, and what follows its first equals sign is its value."""
    (client,) = parse_clients(b"id=7 addr=a:1 name=id=9,flags=O flags=N\n")
    assert (client.id, client.name, client.flags) == (7, "id=9,flags=O", "N")


@pytest.mark.parametrize("raw", [b"nonsense=1\n", b"id=x addr=a\n", b"ERR=id\n"])
def test_what_is_no_client_list_is_unjudged(raw: bytes) -> None:
    """Another form is never counted as nobody."""
    with pytest.raises(Unjudged):
        parse_clients(raw)


@hostile
@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Whatever comes is read, or says that it could not be."""
    try:
        parse_clients(raw)
    except Unjudged:
        return


@hostile
@given(st.binary(max_size=40).filter(lambda raw: not set(raw) & set(b" \n") and not raw.endswith(b"\r")))
def test_every_name_comes_through(name: bytes) -> None:
    """Whatever CLIENT SETNAME allows is shown, and hides no other field."""
    (client,) = parse_clients(b"id=3 addr=1.2.3.4:5 name=" + name + b" flags=O\n")
    assert (client.name, client.flags) == (text_of(name), "O")
    assert client.describe().isprintable()
