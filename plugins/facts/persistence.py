"""Whether Redis writes down what it holds, and whose data it holds: RDB, AOF, role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.durability import Durability
from plugins.facts.finding import Finding, declared
from plugins.facts.units import clock, instant, plural, shown
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.facts.config import Config
    from plugins.facts.info import Info

_WORDS = {"primary": "master", "slave": "replica"}


def role_word(role: str) -> str:
    """A role in the words of CONFIG and the inventory: ``master`` or ``replica``."""
    return _WORDS.get(role.lower(), role.lower())


@dataclass(frozen=True)
class Persistence:
    """INFO persistence and replication, with the live CONFIG (a function, for it may be refused)."""

    info: Info
    config: Callable[[], Config]

    @property
    def loading(self) -> bool:
        """Redis is still reading its data from disk."""
        return self.info.number("loading") != 0

    def describe_loading(self) -> str:
        """How far it got."""
        if not self.loading:
            return "not loading"
        return f"loading, {shown(self.info.get('loading_loaded_perc', '?'))} % read"

    @property
    def snapshot(self) -> str:
        """How the last RDB write ended: ``ok`` or ``err``. Before the first one it is ``ok``."""
        return self.info.text("rdb_last_bgsave_status")

    def describe_snapshot(self) -> str:
        """Status, when the last good one was, and what a crash would lose of it."""
        saved = clock(instant(self.info.number("rdb_last_save_time"), "INFO rdb_last_save_time"))
        changes = plural(self.info.number("rdb_changes_since_last_save"), "change")
        return f"last RDB write {shown(self.snapshot)}, last good one (or start) {saved}, {changes} since"

    @property
    def appends(self) -> bool:
        """Redis writes an append-only file."""
        return self.info.number("aof_enabled") != 0

    @property
    def append_only_file(self) -> Finding:
        """What failed of the last AOF write and rewrite. ``NotApplicable`` when Redis writes none."""
        if not self.appends:
            reason = "Redis writes no append-only file (appendonly no)"
            return Finding(reason, unjudged=NotApplicable(reason))
        states = {
            "write": self.info.text("aof_last_write_status"),
            "rewrite": self.info.text("aof_last_bgrewrite_status"),
        }
        seen = ", ".join(f"last {what} {shown(state)}" for what, state in states.items())
        return Finding(
            seen, tuple(f"last AOF {what} {shown(state)}" for what, state in states.items() if state != "ok")
        )

    @property
    def role(self) -> str:
        """``master`` or ``replica``."""
        return role_word(self.info.text("role"))

    @property
    def link(self) -> Finding:
        """A replica's link to its master. ``NotApplicable`` for a master."""
        if self.role == "master":
            return Finding("it is a master", unjudged=NotApplicable("Redis is a master: it follows nobody"))
        state = self.info.text("master_link_status")
        master = f"{self.info.get('master_host', '?')}:{self.info.get('master_port', '?')}"
        return Finding(f"it follows {shown(master)}", () if state == "up" else (f"the link is {shown(state)}",))

    def durability(self, declaration: str | None) -> Finding:
        """How live settings differ from the inventory's ``durability``.

        ``NotApplicable`` where nothing is declared, ``Unjudged`` where the declaration is not in its grammar or
        CONFIG GET is refused.
        """
        try:
            wanted = Durability.parse(declared(declaration, "durability"))
        except NotApplicable as absent:  # CONFIG need not be asked, so it does not matter whether it may be
            return Finding(f"append-only file {'on' if self.appends else 'off'}", unjudged=absent)
        except ValueError as wrong:
            raise Unjudged(str(wrong)) from None
        config = self.config()
        live = {name: config.get(name) for name in ("appendonly", "appendfsync", "save")}
        seen = ", ".join(f"{name} {shown(value)}" for name, value in live.items())
        return Finding(seen, wanted.unlike(**live))

    @property
    def forks(self) -> str:
        """Why Redis forks a child that may copy memory, in words; empty when it never does."""
        config = self.config()
        reasons = {
            "snapshots": config.set("save"),
            "rewriting the append-only file": self.appends,
            "replicas": self.info.number("connected_slaves") > 0,
        }
        return ", ".join(reason for reason, true in reasons.items() if true)
