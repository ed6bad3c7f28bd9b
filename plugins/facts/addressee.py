"""What a log may call a Redis. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.inventory import Host
    from plugins.target.model import Container

#: A record without any of these, and without a name of Redis's, needs no closer look; most of a log is such records.
_WORTH_A_LOOK = (
    *("redis", "valkey", "cache", "connect", "misconf", "oom command", "readonly you", "noauth", "wrongpass"),
    *("loading redis", "masterdown", "clusterdown", "noreplicas", "clients reached", "econn", "timeout"),
    *("no route", "ehostunreach", "noperm", "maxretries"),
)
_ADDRESS = re.compile(r"[\d.]+|[0-9a-f]*:[0-9a-f:]+", re.IGNORECASE)


@dataclass(frozen=True)
class Addressee:
    """What a log may call this Redis beside its kind: its port, and the names and addresses that lead to it."""

    port: int = 6379
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, host: Host, containers: Sequence[Container]) -> Addressee:
        """By all that the inventory and the engine call it."""
        own = {name for one in containers for name in (one.name, *one.addresses)}
        return cls(host.redis_port, frozenset({host.redis_service, *own}))

    def named_in(self, text: str) -> bool:
        """Whether a record is about Redis: by its kind, as an address with its port, or by its own address."""
        return bool(self._named.search(text))

    def called_in(self, text: str) -> bool:
        """The same, or by a name, which may also be a common word: for what only connections tell."""
        return self.named_in(text) or bool(self.names and self._called.search(text))

    def worth_a_look(self, lowered: str) -> bool:
        """A quick look before a close one."""
        return any(word in lowered for word in self._words)

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return (*_WORTH_A_LOOK, str(self.port), *(name.lower() for name in self.names))

    @cached_property
    def _named(self) -> re.Pattern[str]:
        endpoint = rf"[\w\])][:#]{self.port}\b|['\"], {self.port}[,)]|\bport\W{{1,4}}{self.port}\b"
        addresses = [name for name in self.names if _ADDRESS.fullmatch(name)]
        return re.compile("|".join(("redis|valkey", endpoint, *map(_alone, addresses))), re.IGNORECASE)

    @cached_property
    def _called(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_alone, sorted(self.names))), re.IGNORECASE)


def _alone(name: str) -> str:
    return rf"(?<![\w.:-]){re.escape(name)}(?![\w-])"


#: A Redis of which nothing is known.
SOME_REDIS = Addressee()
