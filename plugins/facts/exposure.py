"""Whether anybody beyond the host can reach Redis without a password."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from plugins.facts.finding import Finding
from plugins.facts.units import shown, text_of
from plugins.verdict import NotJudged, Unjudged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plugins.facts.config import Config
    from plugins.target.model import Container, Reply

#: Since then protected mode guards whatever ``bind`` says; before, an explicit ``bind`` switched it off.
_PROTECTS_ALWAYS = (7,)
#: What a stranger may well do: ask whether Redis is there, as health checks and balancers do, and name a connection.
_GREETINGS = frozenset({"ping", "echo", "auth", "hello", "quit", "reset", "select", "command", "time"})
#: Of CLIENT, what concerns one's own connection: KILL and PAUSE are everybody's harm, LIST tells of others.
_OF_ONESELF = frozenset({"client|setname", "client|setinfo", "client|id", "client|getname"})


@dataclass(frozen=True)
class User:
    """One ACL user, as far as this question needs it. Password digests are not kept."""

    name: str
    enabled: bool
    passwordless: bool
    harmless: bool = False  # may say hello, and neither touch a key nor change the server


def parse_users(items: Sequence[Reply]) -> tuple[User, ...]:
    """Read ACL LIST's ``user NAME on nopass …`` lines. Raises ``Unjudged`` for anything else."""
    users = []
    for item in items:
        words = text_of(item).split(" ") if isinstance(item, bytes) else []
        if words[:1] != ["user"] or len(words) < len(("user", "name", "on")):
            raise Unjudged("ACL LIST answered something else than users")
        users.append(User(words[1], "on" in words[2:], "nopass" in words[2:], _harmless(words[2:])))
    return tuple(users)


def _harmless(rules: Sequence[str]) -> bool:
    """Whether the rules of a user, selectors included, allow nothing but greetings: they are added to none."""
    allowed = [rule.lstrip("(").rstrip(")") for rule in rules]
    given = {rule[1:].lower() for rule in allowed if rule.startswith("+")} - _OF_ONESELF
    return "-@all" in rules and {one.partition("|")[0] for one in given} <= _GREETINGS and "allcommands" not in rules


def beyond_loopback(address: str) -> bool:
    """Whether a published address is reachable from elsewhere; one that is no address counts as such."""
    try:
        return not ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address != "localhost"


@dataclass(frozen=True)
class Access:
    """Who may come in, asked only when it matters: each part raises ``Unjudged`` where it may not be read."""

    users: Callable[[], tuple[User, ...]]
    config: Callable[[], Config]
    compatibility: Callable[[], tuple[int, ...]]

    @property
    def open_users(self) -> tuple[User, ...]:
        """Users that need no password.

        Where ACL LIST is refused, an empty ``requirepass`` tells as much of the default user.
        """
        try:
            return tuple(user for user in self.users() if user.enabled and user.passwordless)
        except NotJudged as refused:
            try:
                return () if self.config().set("requirepass") else (User("default", enabled=True, passwordless=True),)
            except NotJudged:
                raise refused from None

    @property
    def protected(self) -> bool:
        """Protected mode turns away whoever comes from elsewhere to a default user without a password."""
        config = self.config()
        if config.get("protected-mode") != "yes":
            return False
        return self.compatibility() >= _PROTECTS_ALWAYS or not config.set("bind")

    def listening(self) -> frozenset[int]:
        """The ports that Redis listens on itself, but for one that wants a certificate; none where it may not say."""
        found = set()
        for directive in ("port", "tls-port"):
            with suppress(NotJudged):
                certified = directive == "tls-port" and self.config().get("tls-auth-clients") == "yes"
                found |= set() if certified else {self.config().number(directive)}
        return frozenset(found - {0})

    def from_elsewhere(self) -> tuple[str, ...]:
        """Users that anybody from elsewhere can be without a password, and who may do more than say hello."""
        users = self.open_users
        if all(user.harmless for user in users):
            return ()
        # Protected mode looks at the default user only, and then turns everybody away.
        if any(user.name == "default" for user in users) and self._guarded():
            return ()
        return tuple(user.name for user in users if not user.harmless)

    def _guarded(self) -> bool:
        try:
            return self.protected
        except NotJudged:  # CONFIG may not be read: nothing is known to protect it
            return False


def exposure(container: Container, port: int, access: Access) -> Finding:
    """Addresses beyond loopback on which Redis answers without a password.

    ``port`` is Redis's port inside the container. Nothing published beyond loopback: none, whatever the ACL.
    Raises ``Unjudged`` where the container shares the network of another one of which nothing is known.
    """
    if container.network_mode.startswith("container:") and not container.addresses and not container.ports:
        raise Unjudged(f"{container.name} shares another container's network, and what that publishes is not known")
    where = _bound(access, port) if container.network_mode == "host" else _published(container, port, access)
    if not where:
        return Finding("published to nobody beyond this host's loopback")
    users = access.from_elsewhere()
    seen = f"published on {', '.join(where)}"
    if not users:
        who = "every user that may do more than say hello needs a password"
        return Finding(f"{seen}; {who}, or protected mode turns strangers away")
    return Finding(seen, (f"anybody can be user {', '.join(map(shown, users))} without a password",))


def _published(container: Container, port: int, access: Access) -> list[str]:
    """The addresses beyond loopback that lead to Redis: to ``port``, or to another one that it listens on."""
    beyond = [one for one in container.ports if beyond_loopback(one.host_ip)]
    ports = {port} if all(one.container_port == port for one in beyond) else {port, *access.listening()}
    leading = [one for one in beyond if one.container_port in ports]
    return [f"{shown(one.host_ip or '0.0.0.0')}:{one.host_port}" for one in leading]  # noqa: S104 - Docker's word for everywhere


def _bound(access: Access, port: int) -> list[str]:
    """The addresses beyond loopback that a Redis on the host's own network listens on."""
    addresses = access.config().get("bind").replace("-", "").split() or ["*"]
    return [f"{shown(address)}:{port}" for address in addresses if beyond_loopback(address)]
