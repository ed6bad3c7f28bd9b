"""Whether strangers get in without a password."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins.facts.config import Config
from plugins.facts.exposure import Access, User, beyond_loopback, exposure, parse_users
from plugins.target.model import Container, PortBinding
from plugins.verdict import Unjudged

REDIS = Container("i", "redis-1", "redis_staging", ports=(PortBinding("0.0.0.0", 6379, 6379),))  # noqa: S104 - what is looked for
OPEN = (User("default", enabled=True, passwordless=True),)
CLOSED = (User("default", enabled=True, passwordless=False),)


def refused() -> tuple[User, ...]:
    """An ACL that may not be read."""
    raise Unjudged("NOPERM")


def refused_config() -> Config:
    """A CONFIG GET that may not be run."""
    raise Unjudged("NOPERM")


def access(users: tuple[User, ...] = OPEN, version: tuple[int, ...] = (7,), **config: str) -> Access:
    """A Redis with these users; underscores in directives stand for dashes."""
    values = {"protected-mode": "no", "bind": "* -::*", "requirepass": ""}
    values |= {name.replace("_", "-"): value for name, value in config.items()}
    return Access(lambda: users, lambda: Config(values), lambda: version)


@pytest.mark.parametrize(
    ("address", "beyond"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("[::1]", False),
        ("localhost", False),
        ("0.0.0.0", True),  # noqa: S104 - what is looked for
        ("::", True),
        ("", True),
        ("192.168.1.5", True),
        ("staging.example.com", True),
        ("'; rm -rf /", True),
    ],
)
def test_only_loopback_is_no_exposure(address: str, beyond: bool) -> None:
    """Docker's empty address means everywhere; what cannot be read counts as reachable."""
    assert beyond_loopback(address) is beyond


def test_an_open_redis_on_an_open_port_is_an_offence() -> None:
    """The address and the user that needs no password are named."""
    found = exposure(REDIS, 6379, access())
    assert found.offenders == ('anybody can be user "default" without a password',)
    assert "0.0.0.0" in found.describe()  # noqa: S104 - what is looked for


@pytest.mark.parametrize(
    "container",
    [
        replace(REDIS, ports=()),
        replace(REDIS, ports=(PortBinding("127.0.0.1", 6379, 6379),)),
        replace(REDIS, ports=(PortBinding("::1", 6379, 6379),)),
        replace(REDIS, ports=(PortBinding("", 8080, 80),)),
    ],
)
def test_what_nobody_reaches_needs_no_password(container: Container) -> None:
    """The ACL is not even asked for, so one that may not be read does no harm."""
    closed = Access(refused, refused_config, lambda: (7,))
    assert exposure(container, 6379, closed).offenders == ()


@pytest.mark.parametrize(
    "guarded",
    [
        access(CLOSED),
        access((User("default", enabled=False, passwordless=True),)),
        access(protected_mode="yes"),
        access(version=(6, 2), protected_mode="yes", bind=""),
    ],
)
def test_a_password_or_protected_mode_keeps_strangers_out(guarded: Access) -> None:
    """Every user has a password or is off, or Redis itself turns strangers away."""
    assert exposure(REDIS, 6379, guarded).offenders == ()


@pytest.mark.parametrize(
    "unguarded",
    [
        access((*CLOSED, User("guest", enabled=True, passwordless=True)), protected_mode="yes"),
        access(version=(6, 2), protected_mode="yes", bind="0.0.0.0"),  # noqa: S104 - what is looked for
        Access(refused, lambda: Config({"requirepass": "", "protected-mode": "no", "bind": ""}), lambda: (7,)),
        Access(lambda: OPEN, refused_config, lambda: (7,)),
    ],
)
def test_protected_mode_does_not_guard_everything(unguarded: Access) -> None:
    """It looks at the default user only; before Redis 7 an explicit bind switched it off; it may not be readable."""
    assert exposure(REDIS, 6379, unguarded).offenders


def test_what_may_not_be_read_is_unjudged() -> None:
    """On an open port, neither the ACL nor requirepass may be unknown."""
    with pytest.raises(Unjudged):
        exposure(REDIS, 6379, Access(refused, refused_config, lambda: (7,)))


def test_requirepass_stands_in_for_the_acl() -> None:
    """A user that may not read the ACL may still read the configuration."""
    known = Access(refused, lambda: Config({"requirepass": "(hidden)"}), lambda: (7,))
    assert exposure(REDIS, 6379, known).offenders == ()


@pytest.mark.parametrize(
    ("config", "offenders"),
    [
        ({"port": "6380"}, 1),
        ({"port": "6379", "tls-port": "6380", "tls-auth-clients": "no"}, 1),
        ({"port": "6379", "tls-port": "6380", "tls-auth-clients": "yes"}, 0),
        ({"port": "6379", "tls-port": "0"}, 0),
        ({}, 0),
    ],
)
def test_another_port_that_redis_listens_on_counts_too(config: dict[str, str], offenders: int) -> None:
    """What is published is not always what the inventory names; strangers have no certificate of the host's."""
    container = replace(REDIS, ports=(PortBinding("127.0.0.1", 6379, 6379), PortBinding("", 7000, 6380)))
    known = Access(lambda: OPEN, lambda: Config({"protected-mode": "no", "bind": "", **config}), lambda: (7,))
    assert len(exposure(container, 6379, known).offenders) == offenders


def test_a_shared_network_is_judged_by_its_owners_ports() -> None:
    """What the other container publishes leads to Redis; of one that is not known, nothing can be said."""
    sharing = replace(REDIS, network_mode="container:other")
    assert exposure(sharing, 6379, access()).offenders
    with pytest.raises(Unjudged, match="shares another container's network"):
        exposure(replace(sharing, ports=()), 6379, access())
    assert not exposure(replace(sharing, ports=(), addresses=("172.18.0.2",)), 6379, access()).offenders


@pytest.mark.parametrize(
    ("bind", "offenders"), [("127.0.0.1 -::1", 0), ("* -::*", 1), ("", 1), ("127.0.0.1 10.0.0.5", 1)]
)
def test_on_the_hosts_own_network_bind_decides(bind: str, offenders: int) -> None:
    """Without a network of its own nothing is published, and everything listens."""
    container = replace(REDIS, ports=(), network_mode="host")
    assert len(exposure(container, 6379, access(bind=bind)).offenders) == offenders


def test_users_are_read_without_their_passwords() -> None:
    """ACL LIST gives a digest for each password, which is not kept."""
    lines = [
        b"user default on nopass ~* &* +@all",
        b"user nopass off #5e884898da28 ~* +@all",
        b"user a\xff on #ab -@all",
    ]
    assert parse_users(lines) == (
        User("default", enabled=True, passwordless=True),
        User("nopass", enabled=False, passwordless=False),
        User("a\\xff", enabled=True, passwordless=False, harmless=True),
    )


@pytest.mark.parametrize("items", [[1], [b"nonsense"], [b"user x"], [None]])
def test_what_is_no_acl_is_unjudged(items: list[bytes | int | None]) -> None:
    """Another form is never taken for an ACL without users."""
    with pytest.raises(Unjudged):
        parse_users(list(items))


@pytest.mark.parametrize(
    ("rules", "harmless"),
    [
        ("on nopass sanitize-payload resetchannels -@all +ping +client", False),
        ("on nopass -@all +client|kill", False),
        ("on nopass -@all +ping (+client|pause)", False),
        ("on nopass -@all +client|setname +client|setinfo +client|id +client|getname", True),
        ("on nopass ~* &* -@all +ping +client|setname +HELLO", True),
        ("on nopass -@all", True),
        ("on nopass ~* &* +@all", False),
        ("on nopass ~* +@all -@dangerous", False),
        ("on nopass -@all +ping +get", False),
        ("on nopass -@all +config|get", False),
        ("on nopass -@all +@read", False),
        ("on nopass -@all +ping (~app:* -@all +get)", False),
        ("on nopass -@all +ping (~app:* +@all)", False),
    ],
)
def test_who_may_only_say_hello_needs_no_password(rules: str, harmless: bool) -> None:
    """A balancer's PING is let in on purpose; whoever may do anything else is an offence."""
    (user,) = parse_users([f"user default {rules}".encode()])
    assert user.harmless is harmless
    assert (exposure(REDIS, 6379, access((user,))).offenders == ()) is harmless


def test_protected_mode_guards_beside_a_harmless_default_user() -> None:
    """It turns strangers away for as long as the default user needs no password, whatever that one may do."""
    users = (replace(OPEN[0], harmless=True), User("app", enabled=True, passwordless=True))
    assert exposure(REDIS, 6379, access(users)).offenders == ('anybody can be user "app" without a password',)
    assert exposure(REDIS, 6379, access(users, protected_mode="yes")).offenders == ()
