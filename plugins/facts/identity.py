"""Which Redis process answered: product, version, run_id, age and clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.units import instant, shown, span, text_of, whole

if TYPE_CHECKING:
    from datetime import datetime

    from plugins.facts.info import Info
    from plugins.facts.replies import Replies


@dataclass(frozen=True)
class Server:
    """INFO's server section, and TIME. Properties raise ``NotApplicable`` for fields that this version lacks."""

    info: Info
    replies: Replies

    @property
    def run_id(self) -> str:
        """What Redis calls this process of itself; a restart changes it."""
        return self.info.text("run_id")

    @property
    def version(self) -> str:
        """``redis_version`` as INFO gives it; for Valkey the Redis version that it is compatible with."""
        return self.info.text("redis_version")

    @property
    def product(self) -> str:
        """Name and own version: ``Redis 7.0.15``, ``Valkey 9.1.2``."""
        return self.info.product

    @property
    def uptime_s(self) -> int:
        """How long the process has run, in seconds."""
        return self.info.number("uptime_in_seconds")

    @property
    def config_file(self) -> str:
        """The configuration file that Redis was started with, as its container sees it; empty: none."""
        return self.info.text("config_file")

    @property
    def now(self) -> datetime:
        """The server's clock when it was asked, by TIME, else by INFO (``server_time_usec``)."""
        match self.replies.by_question["time"]:
            case [bytes(seconds), bytes(micros)]:
                return instant(whole(text_of(seconds), "TIME") + whole(text_of(micros), "TIME") / 1e6, "TIME")
        return instant(self.info.number("server_time_usec") / 1e6, "INFO server_time_usec")

    @property
    def started_at(self) -> datetime:
        """When the process started, by the server's clock, to the second."""
        return instant(self.now.timestamp() - self.uptime_s, "the server's start")

    def describe(self) -> str:
        """Product, age and process."""
        return f"{shown(self.product)}, up {span(self.uptime_s)}, run_id {shown(self.run_id)}"
