"""Which acknowledged writes must survive a fault, going by what was observed of Redis's persistence before it. Pure.

No more is promised than Redis documents; where its source says more, the words do, for the reader.

- A stop (SIGTERM) flushes and syncs the append-only file, whatever ``appendfsync`` says, and saves a snapshot where
  save points are configured or ``shutdown-on-sigterm`` (7.0) asks for one. Source: Redis, "Redis signal handling".
- ``appendfsync always``: the command's reply leaves after the fsync. Source: redis.conf, and beforeSleep in server.c.
- ``appendfsync everysec``: the reply leaves after the write, which outlives a killed process, but while an fsync is
  still running the write may be put off, for 2 s at most. Source: flushAppendOnlyFile in aof.c.
- ``appendfsync no``: the documentation leaves it to the operating system. The source writes before it replies, so
  that a kill of the process (not of the machine) is not expected to lose anything; nothing is promised.
- Save points: what the last good snapshot holds. It shows the moment of its *beginning*, and INFO's
  ``rdb_last_save_time`` is its end (source: backgroundSaveDoneHandlerDisk in rdb.c).
- Only what the *next* start reads counts: an append-only file switched on by CONFIG SET is not read after a restart
  that starts without one, and a snapshot is not read where the start has one (source: loadDataFromDisk in server.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from plugins.facts.units import plural, shown
from plugins.fault import Loss
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.facts.config import Config
    from plugins.facts.drift import Loss as Changed
    from plugins.facts.info import Info
    from plugins.facts.server import RedisFacts
    from plugins.history import Operation
    from plugins.recovery import Moments

#: How long Redis may put off writing the append-only file under ``appendfsync everysec``, in seconds.
EVERYSEC_S = 2.0
#: Directives that say which files a start reads.
_FILES = frozenset({"dbfilename", "appendfilename", "appenddirname"})


class Kept(StrEnum):
    """Which acknowledged writes must survive."""

    ALL = "all"
    OLDER = "all but those of the last moments"
    SAVED = "those of the last snapshot"
    NONE = "none"
    FLUSHED = "none, they were deleted on purpose"


@dataclass(frozen=True)
class Observed:
    """What this Redis writes down, and whether its next start reads that. ``snapshot_at`` is monotonic."""

    appends: str  # appendfsync of the append-only file that is written; empty: none is
    reads_appended: bool  # the next start reads an append-only file, and no snapshot
    save: str  # the save points; empty: none
    saves_at_stop: bool
    snapshot_at: float  # what was acknowledged before is in the last good snapshot
    unsaved: int  # changes since then
    append_trouble: str = ""  # why the append-only file is not to be relied on
    snapshot_trouble: str = ""
    elsewhere: str = ""  # why the next start does not find the files at all
    unheard: str = ""  # why a stop may not reach Redis, so that it ends by SIGKILL after all


@dataclass(frozen=True)
class Promise:
    """Which writes must survive, and why, in words.

    ``window_ms``: OLDER, how long before the fault an acknowledged write must have been. ``until``: SAVED, the
    instant (monotonic) up to which acknowledged writes were saved.
    """

    kept: Kept
    said: str
    window_ms: float = 0.0
    until: float = -inf

    def covers(self, write: Operation, moments: Moments) -> bool:
        """Whether this acknowledged write must be there afterwards: it was kept, or it came after the fault."""
        if self.kept is Kept.ALL or write.start >= moments.recovering:
            return True
        window = self.loss_window_ms(moments)
        return window is not None and write.end <= moments.injected - window / 1000

    def loss_window_ms(self, moments: Moments) -> float | None:
        """How long before the fault a write may have been acknowledged and yet be lost; None: no bound."""
        match self.kept:
            case Kept.SAVED:
                return max(0.0, moments.injected - self.until) * 1000
            case Kept.NONE | Kept.FLUSHED:
                return None
        return self.window_ms


def observe(
    redis: RedisFacts,
    *,
    asked: float,
    mounts: Mapping[str, str] | None = None,
    changed: Sequence[Changed] = (),
    unheard: str = "",
) -> Observed:
    """Read the facts, asked for at the monotonic instant ``asked`` (before the question left).

    ``mounts`` are the container's (``Container.mounts``); ``changed`` what the next start changes (``drift.losses``);
    ``unheard``: see ``Observed``. Raises ``NotApplicable`` or ``Unjudged`` where a directive or a field was refused, is
    missing or no figure.
    """
    config, info = redis.config, redis.info
    saved = info.number("rdb_last_save_time") - max(0, info.number("rdb_last_bgsave_time_sec"))
    appends = config.get("appendfsync") if info.number("aof_enabled") else ""
    following = next((one.next for one in changed if one.name == "appendonly"), "yes" if appends else "no")
    save, at_term = config.get("save"), _on_sigterm(config)
    return Observed(
        appends=appends,
        reads_appended=following == "yes",
        save=save,
        saves_at_stop="nosave" not in at_term and ("save" in at_term or bool(save)),
        snapshot_at=asked - redis.server.now.timestamp() + saved,
        unsaved=info.number("rdb_changes_since_last_save"),
        append_trouble=_append_trouble(info) if appends else "",
        snapshot_trouble="" if info.text("rdb_last_bgsave_status") == "ok" else "the last snapshot failed",
        elsewhere=_elsewhere(config.get("dir"), mounts or {}, changed),
        unheard=unheard,
    )


def _on_sigterm(config: Config) -> list[str]:
    try:
        return config.get("shutdown-on-sigterm").lower().split()
    except NotApplicable:  # before 7.0 there was nothing to choose
        return []


def _append_trouble(info: Info) -> str:
    if info.text("aof_last_write_status") != "ok":
        return "the last write of the append-only file failed"
    rewriting = info.number("aof_rewrite_in_progress") or info.number("aof_rewrite_scheduled")
    if rewriting and not info.number("aof_base_size"):
        return "the append-only file is not whole before its first rewrite is done"
    return ""


def _elsewhere(folder: str, mounts: Mapping[str, str], changed: Sequence[Changed]) -> str:
    moved = [one.describe() for one in changed if one.name in _FILES]
    if moved:
        return f"the next start reads other files: {'; '.join(moved)}"
    above = [at for at in mounts if f"{folder.rstrip('/')}/".startswith(f"{at.rstrip('/')}/")]
    nearest = max(above, key=len, default="")
    if nearest and mounts[nearest].startswith("tmpfs:"):
        return f"{shown(folder)} is in memory only (tmpfs) and ends with the container"
    return ""


def promised(observed: Observed | None, loss: Loss) -> Promise:
    """What must survive a fault that may lose this much. None: the persistence could not be observed.

    A stop that outlasted its time-out was ended by SIGKILL: that is ``Loss.UNSAVED_AT_KILL``, whatever was meant.
    """
    if loss is Loss.NOTHING:
        return Promise(Kept.ALL, "the server process lives on with all its data")
    if loss is Loss.FLUSHED:
        return Promise(Kept.FLUSHED, "the flush deletes what was written before it")
    if observed is None:
        return _none("the persistence settings could not be observed")
    if observed.elsewhere:
        return _none(observed.elsewhere)
    if observed.reads_appended:
        return _by_append_only_file(observed, loss)
    return _by_snapshot(observed, loss)


def _none(why: str) -> Promise:
    return Promise(Kept.NONE, f"{why}: nothing is promised")


def _by_append_only_file(observed: Observed, loss: Loss) -> Promise:
    if not observed.appends:
        return _none("the next start reads an append-only file, but none is written now")
    if observed.append_trouble:
        return _none(observed.append_trouble)
    if loss is Loss.UNSAVED_AT_STOP:
        return Promise(Kept.ALL, "the append-only file is synced at a stop: every acknowledged write survives")
    match observed.appends:
        case "always":
            return Promise(Kept.ALL, "appendfsync always: every acknowledged write survives")
        case "everysec":
            window = EVERYSEC_S * 1000
            said = f"appendfsync everysec: what was acknowledged more than {window:.0f} ms before the kill survives"
            return Promise(Kept.OLDER, said, window_ms=window)
    fsync = f"appendfsync {shown(observed.appends)}"
    return _none(f"{fsync}: what was written outlives a killed process, but Redis leaves it to the operating system")


def _by_snapshot(observed: Observed, loss: Loss) -> Promise:
    unread = "the next start does not read the append-only file; " if observed.appends else ""
    if observed.snapshot_trouble:
        return _none(f"{unread}{observed.snapshot_trouble}")
    if loss is Loss.UNSAVED_AT_STOP and observed.saves_at_stop:
        return Promise(Kept.ALL, f"{unread}a snapshot is saved at a stop: every acknowledged write survives")
    if loss is Loss.UNSAVED_AT_STOP and observed.save:
        return _none(f"{unread}shutdown-on-sigterm keeps Redis from saving at a stop")
    if not observed.save:
        return _none(f"{unread}neither append-only file nor save points")
    said = f"{unread}save {observed.save}: what was acknowledged before the last good snapshot began survives"
    return Promise(Kept.SAVED, said, until=observed.snapshot_at)


def may_lose_keys(observed: Observed | None, loss: Loss) -> str:
    """Why this fault may lose keys, so that they have to be saved first; empty where none can be lost.

    What a stop promises to save is not saved yet: a disk may be full, and Docker waits for ten seconds, then kills.
    """
    if observed is not None and observed.unheard and loss is Loss.UNSAVED_AT_STOP:
        risk = may_lose_keys(observed, Loss.UNSAVED_AT_KILL)
        return f"{observed.unheard}; {risk}" if risk else ""
    promise = promised(observed, loss)
    since = f"since then {plural(observed.unsaved, 'change')}" if observed is not None else ""
    if observed is not None and relies_on_stop(observed, loss):
        return f"what the last snapshot lacks is lost where that of the stop fails or takes too long; {since}"
    if promise.kept is Kept.ALL:
        return ""
    return f"{promise.said}; {since}" if promise.kept is Kept.SAVED else promise.said


def relies_on_stop(observed: Observed, loss: Loss) -> bool:
    """Whether nothing but the snapshot of the stop keeps what was written since the last one."""
    stops = loss is Loss.UNSAVED_AT_STOP and not observed.reads_appended
    return stops and promised(observed, loss).kept is Kept.ALL
