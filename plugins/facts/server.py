"""What Redis says of itself, asked in one trip: ``COMMANDS``, and their replies as ``RedisFacts``.

Everything is read when it is asked for. What was refused (an ACL, a renamed command) or what the version lacks
raises ``Unjudged``, ``NotApplicable`` or ``Blocked`` there, and hides nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from plugins.facts.clients import Clients
from plugins.facts.config import Config, parse_config
from plugins.facts.counters import Counters, own_counters
from plugins.facts.databases import Databases, Eternal
from plugins.facts.drift import drift
from plugins.facts.exposure import Access, exposure, parse_users
from plugins.facts.finding import Finding
from plugins.facts.identity import Server
from plugins.facts.info import Info, parse_info
from plugins.facts.memory import Fit, Memory
from plugins.facts.persistence import Persistence
from plugins.facts.replies import QUESTIONS, Replies
from plugins.facts.slowlog import SlowLog, parse_slowlog
from plugins.facts.startup import parse_startup
from plugins.facts.statistics import Statistics
from plugins.facts.units import clock
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.facts.exposure import User
    from plugins.target.model import Command, Container, Reply

#: One trip's questions, in the order in which ``read`` wants the replies.
COMMANDS: tuple[Command, ...] = tuple(QUESTIONS.values())


@dataclass(frozen=True)
class RedisFacts:
    """The answers of one Redis process to ``COMMANDS``."""

    replies: Replies

    @cached_property
    def info(self) -> Info:
        """INFO's fields."""
        return parse_info(self.replies.raw("info"))

    @cached_property
    def config(self) -> Config:
        """The live configuration, passwords left out."""
        return parse_config(self.replies.items("config"))

    @property
    def server(self) -> Server:
        """Which process answered, and its clock."""
        return Server(self.info, self.replies)

    @property
    def memory(self) -> Memory:
        """Memory in use, its limits and its policy."""
        return Memory(self.info)

    @property
    def clients(self) -> Clients:
        """Who is connected."""
        return Clients(self.info, self.replies)

    @property
    def databases(self) -> Databases:
        """How many keys there are, and how many of them expire."""
        return Databases(self.info, self.replies)

    @property
    def persistence(self) -> Persistence:
        """What reaches the disk, and from whom the data comes."""
        return Persistence(self.info, lambda: self.config)

    @property
    def statistics(self) -> Statistics:
        """Cumulative counters."""
        return Statistics(self.info)

    @property
    def slowlog_threshold_us(self) -> int:
        """From which duration on commands are recorded, in µs; negative: never, 0: all."""
        return self.config.number("slowlog-log-slower-than")

    @property
    def slowlog(self) -> SlowLog:
        """The newest slow commands."""
        return SlowLog(parse_slowlog(self.replies.items("slowlog")), self.slowlog_threshold_us)

    @property
    def users(self) -> tuple[User, ...]:
        """The ACL's users, as far as passwords go."""
        return parse_users(self.replies.items("acl"))

    @cached_property
    def counters(self) -> Counters:
        """Every cumulative counter now, for the journal and for the comparison with the last look."""
        own = own_counters({error.code for error in self.replies.errors.values()})
        return Counters(self.server.run_id, clock(self.server.now), self.statistics.values, own)

    def exposure(self, container: Container, port: int) -> Finding:
        """Whether anybody from elsewhere gets in without a password through the container's ports."""
        access = Access(lambda: self.users, lambda: self.config, lambda: self.info.compatibility)
        return exposure(container, port, access)

    def drift(self, container: Container, config_text: bytes | None) -> Finding:
        """What the next restart loses. ``config_text``: the file that the container's command line names."""
        try:
            startup = parse_startup(container.argv, config_text)
        except Unjudged as unknown:
            return Finding(unknown.reason, unjudged=unknown)
        return drift(startup, self.config, self.info.compatibility)

    def fork_room(self, container_limit: int) -> Fit:
        """``maxmemory`` in its container (bytes; 0: no limit), and why Redis forks there."""
        return self.memory.fit(container_limit, self.persistence.forks if container_limit else "")

    @property
    def eternal_keys(self) -> Eternal:
        """Keys without a TTL, and whether the policy may drop them."""
        return Eternal(self.databases.eternal, self.databases.keys, self.memory.policy)

    def slowlog_described(self) -> str:
        """The threshold in words."""
        threshold = self.slowlog_threshold_us
        return f"slowlog-log-slower-than {threshold}" + (" (off)" if threshold < 0 else " µs")


def read(replies: Sequence[Reply]) -> RedisFacts:
    """The replies to ``COMMANDS``. Raises ``ValueError`` for another number of them, else nothing at all."""
    return RedisFacts(Replies.of(replies))
