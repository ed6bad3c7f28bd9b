"""Who is connected: CLIENT LIST and INFO clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from plugins.facts.finding import Finding
from plugins.facts.units import plural, shown, size, span, text_of
from plugins.target.model import SUITE_NAME
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from plugins.facts.info import Info
    from plugins.facts.replies import Replies

#: Flags of CLIENT LIST (source: the CLIENT LIST command).
MONITORS, BLOCKED, UNIX_SOCKET, REPLICA, MASTER = "O", "b", "U", "S", "M"
_NEW_S = 5  # longer than anybody's first words take on their way


@dataclass(frozen=True)
class Client:
    """One line of CLIENT LIST; fields that the version lacks read as empty or 0."""

    fields: Mapping[str, str] = field(default_factory=dict)

    def _number(self, name: str) -> int:
        text = self.fields.get(name, "")
        return int(text) if re.fullmatch(r"[0-9]{1,40}", text, re.ASCII) else 0

    @property
    def id(self) -> int:
        """What CLIENT KILL ID takes."""
        return self._number("id")

    @property
    def ip(self) -> str:
        """The address without its port; a unix socket's path for one of those."""
        return self.fields.get("addr", "").rpartition(":")[0].removeprefix("[").removesuffix("]")

    @property
    def port(self) -> int:
        """The port that it came from; 0 for a unix socket."""
        text = self.fields.get("addr", "").rpartition(":")[2]
        return int(text) if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) else 0

    @property
    def age_s(self) -> int:
        """Since when it is connected, in whole seconds."""
        return self._number("age")

    @property
    def idle_s(self) -> int:
        """Since when it has not said anything, in whole seconds."""
        return self._number("idle")

    @property
    def name(self) -> str:
        """What CLIENT SETNAME called it; anything but spaces."""
        return self.fields.get("name", "")

    @property
    def flags(self) -> str:
        """Its flags, a letter each."""
        return self.fields.get("flags", "")

    @property
    def replicates(self) -> bool:
        """It is a replica of this Redis, or its master."""
        return bool({REPLICA, MASTER} & set(self.flags))

    @property
    def output_buffer(self) -> int:
        """Replies that it has not read yet, in bytes (``omem``)."""
        return self._number("omem")

    @property
    def local(self) -> bool:
        """It came over loopback or a unix socket: from inside the container."""
        if UNIX_SOCKET in self.flags:
            return True
        try:
            address = ip_address(self.ip)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return bool((mapped or address).is_loopback)

    @property
    def new(self) -> bool:
        """It has connected just now and asked nothing yet, not even to be called by its name."""
        return self.fields.get("cmd") == "NULL" and self.age_s < _NEW_S

    def describe(self) -> str:
        """Enough to find it, and to kill it by ID."""
        name = f" {shown(self.name)}" if self.name else ""
        idle = span(self.idle_s)
        return f"id {self.id}{name} from {shown(self.fields.get('addr', ''))}, idle {idle}, last {self._last}"

    @property
    def _last(self) -> str:
        return shown(self.fields.get("cmd", "?"), limit=40)


def parse_clients(raw: bytes) -> tuple[Client, ...]:
    """Read CLIENT LIST. Names hold no spaces, so a field ends at one; the first of two like names counts.

    Raises ``Unjudged`` when a line has no ``id``: then this is not CLIENT LIST's form.
    """
    clients = []
    for line in raw.split(b"\n"):
        fields: dict[str, str] = {}
        for part in text_of(line.removesuffix(b"\r")).split(" "):
            name, equals, value = part.partition("=")
            if equals:
                fields.setdefault(name, value)
        if fields and not fields.get("id", "").isdigit():
            raise Unjudged(f"CLIENT LIST answered {shown(line)}, which has no id")
        if fields:
            clients.append(Client(fields))
    return tuple(clients)


@dataclass(frozen=True)
class Clients:
    """The connections and their limit."""

    info: Info
    replies: Replies

    @property
    def listed(self) -> tuple[Client, ...]:
        """Every connection. Raises ``Unjudged`` where the ACL user may not run CLIENT LIST."""
        return parse_clients(self.replies.raw("clients"))

    @property
    def connected(self) -> int:
        """How many connections there are, this one included."""
        return self.info.number("connected_clients")

    @property
    def limit(self) -> int:
        """``maxclients``, as lowered by the file descriptors that the process may open."""
        return self.info.number("maxclients")

    @property
    def used_ratio(self) -> float:
        """Connections as a part of ``maxclients``."""
        if not self.limit:
            raise Unjudged("INFO says that maxclients is 0")
        return self.connected / self.limit

    def describe(self) -> str:
        """``12 of 10000 connections, 0.1%``."""
        return f"{self.connected} of {self.limit} connections, {self.used_ratio:.1%}"

    @property
    def blocked(self) -> Finding:
        """Those that wait in BLPOP, XREAD BLOCK and the like."""
        return self._those(lambda client: BLOCKED in client.flags, "blocked")

    @property
    def monitoring(self) -> Finding:
        """Those in MONITOR, which halves the server's throughput."""
        return self._those(lambda client: MONITORS in client.flags, "in MONITOR")

    def backlogged(self, limit: int) -> Finding:
        """Those with more than ``limit`` bytes of replies that they do not read."""
        slow = [client for client in self.listed if client.output_buffer > limit]
        largest = max((client.output_buffer for client in self.listed), default=0)
        return Finding(
            f"{plural(self.connected, 'connection')}, the largest output buffer {size(largest)}",
            tuple(f"{size(client.output_buffer)} unread by {client.describe()}" for client in slow),
        )

    def ownerless(self, addresses: Collection[str], suite: str = SUITE_NAME) -> Finding:
        """Those that belong to nobody we know.

        Known are the project's containers (``addresses``), the container itself (loopback), a replica or master,
        and this suite, whose connections carry the name ``suite``. Raises ``NotApplicable`` where no container
        has an address: on the host's network, and in the twin without Docker.
        """
        if not addresses:
            raise NotApplicable("no container of the project has an address of its own")
        own = self.replies.by_question["client_id"]

        def without_owner(client: Client) -> bool:
            expected = client.local or client.ip in addresses or client.replicates
            ours = client.id == own or client.name.startswith(suite) or client.new
            return not expected and not ours

        return self._those(without_owner, "without an owner")

    def _those(self, wanted: Callable[[Client], bool], what: str) -> Finding:
        found = tuple(client.describe() for client in self.listed if wanted(client))
        return Finding(f"{len(found)} of {plural(len(self.listed), 'connection')} {what}", found)
