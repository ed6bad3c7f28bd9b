"""How many keys there are, by INFO keyspace and by DBSIZE."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.info import figures
from plugins.facts.units import plural
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.facts.info import Info
    from plugins.facts.replies import Replies


@dataclass(frozen=True)
class Database:
    """One database as INFO keyspace counts it."""

    keys: int
    expires: int  # keys with a TTL

    @property
    def eternal(self) -> int:
        """Keys without a TTL."""
        return max(0, self.keys - self.expires)


@dataclass(frozen=True)
class Agreement:
    """DBSIZE before and after INFO, and what INFO says of the same database."""

    before: int
    info: int
    after: int

    @property
    def gap(self) -> int:
        """How far INFO lies outside what DBSIZE went through meanwhile; keys come and go between the three.

        A step between the two DBSIZEs is what the clients write in that time, so as much again is allowed.
        """
        slack = abs(self.after - self.before)
        low, high = min(self.before, self.after) - slack, max(self.before, self.after) + slack
        return max(0, low - self.info, self.info - high)

    def describe(self) -> str:
        """The three figures in the order they were asked."""
        return f"DBSIZE {self.before}, INFO keyspace {self.info}, DBSIZE {self.after}"


@dataclass(frozen=True)
class Eternal:
    """Keys without a TTL, of all, and the policy that decides what goes when memory is short."""

    count: int
    total: int
    policy: str

    @property
    def judged(self) -> int:
        """The number of keys without a TTL. ``NotApplicable`` under a policy that evicts nothing."""
        if self.policy == "noeviction":
            raise NotApplicable(f"nothing is evicted under noeviction: {self.describe()}")
        return self.count

    def describe(self) -> str:
        """The figures, and what the policy does to such keys."""
        fate = ""
        if self.count and self.policy.startswith("allkeys"):
            fate = ", which drops them like any other key"
        if self.count and self.policy.startswith("volatile"):
            fate = ", which can never make room by dropping them"
        return f"{self.count} of {plural(self.total, 'key')} without a TTL under {self.policy}{fate}"


@dataclass(frozen=True)
class Databases:
    """Every database that holds keys."""

    info: Info
    replies: Replies

    @property
    def all(self) -> Mapping[int, Database]:
        """By number; an empty database is not listed. Raises ``Unjudged`` where INFO's line holds no figures."""
        section = self.info.section("keyspace")
        counted = {
            int(field[2:]): figures(value, f"INFO {field}")
            for field, value in section.items()
            if re.fullmatch(r"db[0-9]{1,9}", field, re.ASCII)
        }
        return {number: Database(found.get("keys", 0), found.get("expires", 0)) for number, found in counted.items()}

    @property
    def keys(self) -> int:
        """Keys in all databases."""
        return sum(database.keys for database in self.all.values())

    @property
    def eternal(self) -> int:
        """Keys that never expire, in all databases."""
        return sum(database.eternal for database in self.all.values())

    def elsewhere(self, number: int) -> int:
        """Keys in other databases while database ``number`` is empty; 0 as soon as it holds one."""
        return 0 if number in self.all else self.keys

    def agreement(self, number: int) -> Agreement:
        """DBSIZE of the connection's database against INFO's figure for database ``number``."""
        listed = self.all.get(number, Database(0, 0)).keys
        return Agreement(self.replies.number("dbsize_before"), listed, self.replies.number("dbsize_after"))

    def describe(self) -> str:
        """``db0: 12 keys, 3 without a TTL``, by database."""
        parts = (
            f"db{number}: {plural(found.keys, 'key')}, {found.eternal} without a TTL"
            for number, found in sorted(self.all.items())
        )
        return "; ".join(parts) or "no keys at all"
