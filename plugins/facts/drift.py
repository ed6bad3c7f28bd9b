"""What the next restart will lose: the live configuration against what Redis would start with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.durability import save_points
from plugins.facts.config import SECRETS, digest
from plugins.facts.finding import Finding
from plugins.facts.units import parse_size, shown
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.facts.config import Config
    from plugins.facts.startup import Directive, Startup

_SAVE = "3600 1 300 100 60 10000"
_BUFFERS = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
#: Built-in values that are the same in Redis 6.2, 7 and 8 and in Valkey, of directives that people set live.
#: Left out: what images change (protected-mode) and what the process's limits lower (maxclients).
DEFAULTS: Mapping[str, str] = {
    "active-expire-effort": "1",
    "activedefrag": "no",
    "appendfsync": "everysec",
    "appendonly": "no",
    "client-output-buffer-limit": _BUFFERS,
    "hz": "10",
    "latency-monitor-threshold": "0",
    "lfu-decay-time": "1",
    "lfu-log-factor": "10",
    "loglevel": "notice",
    "masterauth": "",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "maxmemory-samples": "5",
    "min-replicas-to-write": "0",
    "no-appendfsync-on-rewrite": "no",
    "notify-keyspace-events": "",
    "replica-read-only": "yes",
    "replicaof": "",
    "requirepass": "",
    "save": _SAVE,
    "slowlog-log-slower-than": "10000",
    "slowlog-max-len": "128",
    "stop-writes-on-bgsave-error": "yes",
    "tcp-keepalive": "300",
    "timeout": "0",
}
#: Several names for one thing; the left one may be all that an older or newer server answers to.
_ALIASES = {
    "slaveof": "replicaof",
    "slave-read-only": "replica-read-only",
    "min-slaves-to-write": "min-replicas-to-write",
    "lua-time-limit": "busy-reply-threshold",
    # Valkey's own, since 8.0 and 8.1; it answers to both.
    "primaryauth": "masterauth",
    "commandlog-execution-slower-than": "slowlog-log-slower-than",
    "commandlog-slow-execution-max-len": "slowlog-max-len",
}
#: Not comparable: no directive of CONFIG GET, read anew under another form, or lowered by the process's limits.
_INCOMPARABLE = frozenset(
    {
        *("include", "loadmodule", "user", "rename-command", "sentinel", "dir", "pidfile", "logfile", "bind"),
        *("daemonize", "supervised", "maxclients", "oom-score-adj-values", "ignore-warnings", "unixsocketperm"),
    }
)
_EVENT_CLASSES = "g$lshzxetd"  # what the class A stands for
_WORDS_A_BUFFER = 4  # class, hard limit, soft limit, seconds


@dataclass(frozen=True)
class Loss:
    """One directive that a restart will change."""

    name: str
    live: str
    next: str
    why: str

    def describe(self) -> str:
        """Both values; neither of a secret."""
        if self.name in SECRETS:
            return f"{self.name} is not what the next start gives ({self.why}; values hidden)"
        return f"{self.name} is {shown(self.live)}, the next start gives {shown(self.next)} ({self.why})"


def drift(startup: Startup, config: Config, compatibility: tuple[int, ...] = (7,)) -> Finding:
    """Every directive that is live with one value and would start with another; see ``losses``.

    Where the configuration file includes others, none found proves nothing: ``Unjudged``.
    """
    expected = _expected(startup, compatibility)
    hidden = sorted(name for name, (value, _) in expected.items() if value is None)
    aside = f"; only the container's shell knows {', '.join(map(shown, hidden))}" if hidden else ""
    seen = f"{len(expected) - len(hidden)} directives compared with {startup.source} and Redis's defaults{aside}"
    unseen = Unjudged("the configuration file includes others, which were not read") if startup.includes else None
    found = losses(startup, config, compatibility)
    return Finding(seen, tuple(loss.describe() for loss in found), unseen)


def losses(startup: Startup, config: Config, compatibility: tuple[int, ...] = (7,)) -> tuple[Loss, ...]:
    """The directives that the next start will change, as far as is known.

    ``compatibility`` is the server's Redis version: before 7, ``--save "60 1"`` in one word meant no snapshots.
    """
    found = []
    for name, (value, why) in sorted(_expected(startup, compatibility).items()):
        live = _live(config, name)
        if value is not None and live is not None and not _same(name, live, value, config):
            found.append(Loss(name, live, value, why))
    return tuple(found)


def _expected(startup: Startup, compatibility: tuple[int, ...]) -> dict[str, tuple[str | None, str]]:
    """What each directive starts with, and why; None: only the container's shell knows it."""
    expected: dict[str, tuple[str | None, str]] = {
        name: (value, "Redis's default") for name, value in DEFAULTS.items() if not startup.includes
    }
    return expected | {name: (value, startup.source) for name, value in _declared(startup, compatibility).items()}


def _declared(startup: Startup, compatibility: tuple[int, ...]) -> dict[str, str | None]:
    """The value that each directive starts with: the last one counts, but for those that add up."""
    found: dict[str, str | None] = {}
    for directive in startup.directives:
        name = _ALIASES.get(directive.name, directive.name)
        if name not in _INCOMPARABLE:
            found[name] = _added(name, found.get(name, ""), directive, compatibility)
    return found


def _added(name: str, before: str | None, directive: Directive, compatibility: tuple[int, ...]) -> str | None:
    if directive.args is None or before is None:
        return None
    if name == "client-output-buffer-limit":
        return f"{before or _BUFFERS} {directive.value}".lower()
    if name != "save":
        return directive.value
    empty = directive.value == "" or (directive.one_word and compatibility < (7,))
    return "" if empty else f"{before} {directive.value}".strip()


def _live(config: Config, name: str) -> str | None:
    """The live value under any of a directive's names; None: this server does not know it."""
    names = [name, *(alias for alias, real in _ALIASES.items() if real == name)]
    return next((config.values[known] for known in names if known in config.values), None)


def _same(name: str, live: str, value: str, config: Config) -> bool:
    if name in SECRETS:
        return config.digests.get(name) == (digest(value) if value else None)
    return live == value or _normal(name, live) == _normal(name, value)


def _normal(name: str, value: str) -> object:
    """A value in the one form that two spellings of it share."""
    if name == "notify-keyspace-events":
        return frozenset(value.replace("A", _EVENT_CLASSES))
    if name == "client-output-buffer-limit":
        return _buffers(value)
    if name == "save":
        try:
            return save_points(value)
        except ValueError:
            return value
    sizes = [parse_size(word) for word in value.split()]
    return [word.lower() if size is None else size for word, size in zip(value.split(), sizes, strict=True)]


def _buffers(value: str) -> dict[str, list[int | None]]:
    """The limits by class; a later word on a class replaces an earlier one."""
    words = value.lower().replace("replica", "slave").split()
    groups = [words[at : at + _WORDS_A_BUFFER] for at in range(0, len(words), _WORDS_A_BUFFER)]
    return {group[0]: [parse_size(word) for word in group[1:]] for group in groups}
