"""What became of the keys that were there before, the suite's own left out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from plugins.checker import Finding, Verdict
from plugins.facts.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.saving import Restored

#: Commands by which others may have taken keys away on purpose, or let them expire: a collection goes with its last
#: element, and the place where an empty result is stored. A stream stays. Source: COMMAND's key specifications, which
#: have a test.
REMOVING = frozenset(
    (
        *("del", "unlink", "getdel", "rename", "renamenx", "move", "migrate", "flushdb", "flushall"),
        *("swapdb", "expire", "pexpire", "expireat", "pexpireat", "getex"),
        *("eval", "evalsha", "fcall", "exec"),
        *("lpop", "rpop", "lmpop", "blpop", "brpop", "blmpop", "lrem", "ltrim"),
        *("lmove", "blmove", "rpoplpush", "brpoplpush"),
        *("spop", "srem", "smove", "hdel", "hgetdel"),
        *("zpopmin", "zpopmax", "zmpop", "bzpopmin", "bzpopmax", "bzmpop"),
        *("zrem", "zremrangebylex", "zremrangebyrank", "zremrangebyscore"),
        *("sdiffstore", "sinterstore", "sunionstore", "zdiffstore", "zinterstore", "zunionstore"),
        *("zrangestore", "geosearchstore", "sort", "bitop"),
    )
)


@dataclass(frozen=True)
class Count:
    """The keys at one moment, the suite's own left out, and what this server process counted since it began."""

    run_id: str
    keys: int
    evicted: int
    expired: int  # while it loaded its data as well
    removals: int  # calls of commands by which clients take keys away, or let them expire
    mortal: int = 0  # of the keys, those that will expire

    @property
    def eternal(self) -> int:
        """Keys that will not expire; the suite's own all do."""
        return self.keys - self.mortal


@dataclass(frozen=True)
class Sought:
    """Keys that were drawn before the fault, and looked for after it: those whose time was not over by then."""

    eternal: int = 0
    mortal: int = 0
    missing: int = 0  # of both
    why_not: str = ""  # why none could be drawn, or looked for

    @property
    def drawn(self) -> int:
        """How many should be there."""
        return self.eternal + self.mortal


@dataclass(frozen=True)
class Meanwhile:
    """What others may have done while keys were saved, lost and put back.

    ``gap``: why they could write between the saving and the loss; ``wrote_before``: so many writing commands they sent
    by then, None where that cannot be told; ``lost``: whether what they wrote is gone, as far as is known.
    ``set_back``: whether keys may be there as they were before they were saved; ``wrote_since``: how many writing
    commands the process got that loaded them.
    """

    gap: str = ""
    wrote_before: int | None = None
    lost: bool = False
    set_back: bool = False
    wrote_since: int | None = None


def saved_at_stop(unsaved: int, *, killed: bool, went_back: bool | None) -> Finding:
    """A Redis that is stopped saves a snapshot before it ends, where that is all that it keeps.

    ``unsaved``: the changes since the last one, before the experiment. ``killed``: it ended by SIGKILL. ``went_back``:
    whether acknowledged writes of the suite's own are gone; None: nobody can tell.
    """
    name = saved_at_stop.__name__
    evidence = {"unsaved_before": unsaved, "killed": int(killed)}
    if not killed:
        return Finding(name, Verdict.VALID, "nothing says that the stop was cut short", evidence)
    cut = "the stop was cut short by SIGKILL (exit code 137)"
    if went_back is False:
        return Finding(name, Verdict.VALID, f"{cut}, but by then all was saved", evidence)
    said = (
        f"{cut}, and no snapshot was saved: that failed, took longer than the stop's grace, or Redis never heard of the"
        f" stop. What was written since the last one is gone ({plural(unsaved, 'change')} and the suite's own writes)."
        " Its log says why; stop_grace_period gives it more time, appendonly yes needs none"
    )
    return Finding(name, Verdict.INVALID, said, evidence)


def keys_put_back(restored: Restored, meanwhile: Meanwhile) -> Finding:
    """Every key that was saved before the fault is there again, and holds the same.

    What others did meanwhile may be lost for good. Where they wrote, nobody can tell what of it.
    """
    name = keys_put_back.__name__
    evidence = {
        "saved": restored.saved,
        "put_back": restored.put_back,
        "present_already": restored.present_already,
        "otherwise": restored.otherwise,
    }
    said = restored.describe()
    if restored.wrong:
        return Finding(name, Verdict.INVALID, restored.wrong, evidence)
    if meanwhile.set_back and restored.otherwise:
        verdict, why = _set_back(restored.otherwise, meanwhile.wrote_since)
        return Finding(name, verdict, f"{said}; {why}", evidence)
    if restored.doubtful:
        return Finding(name, Verdict.UNKNOWN, restored.doubtful, evidence)
    if not meanwhile.gap or not meanwhile.lost:
        return Finding(name, Verdict.VALID, said, evidence)
    if meanwhile.wrote_before == 0:
        return Finding(name, Verdict.VALID, f"{said}; {meanwhile.gap}, but nobody else was seen to write", evidence)
    gone = f"{_calls(meanwhile.wrote_before)}, and what they wrote after it was saved and before it was lost is gone"
    return Finding(name, Verdict.UNKNOWN, f"{said}; {gone}: {meanwhile.gap}. {_WHAT_TO_DO}", evidence)


_WHAT_TO_DO = 'A quieter moment, fewer keys, or data_loss = "allowed" where they may go'


def _set_back(keys: int, wrote_since: int | None) -> tuple[Verdict, str]:
    """What to make of keys that are there with other values than were saved, where Redis has lost writes."""
    have = f"{plural(keys, 'key')} that nothing was put back over"
    if wrote_since == 0:
        return Verdict.INVALID, f"{have} went back to older values: nobody has written since Redis loaded its data"
    return Verdict.UNKNOWN, f"{have}: {_calls(wrote_since)} since, and nobody can tell which are older. {_WHAT_TO_DO}"


def _calls(wrote: int | None) -> str:
    return "others may have written" if wrote is None else f"others wrote ({plural(wrote, 'command')})"


def no_key_missing(counts: Sequence[Count], sought: Sought, *, kept: bool = False) -> Finding:
    """There are no fewer keys than before, but for those that Redis let go and that others took away.

    ``counts`` are looks before the fault, just before it and after it, none of them after the suite removed its own.
    They cannot tell lost keys from new ones, which is what the keys that were drawn are ``sought`` for. ``kept``: Redis
    is known to have all that was written until the fault, so that a key is gone by whatever may have taken it away.
    """
    name = no_key_missing.__name__
    if len(counts) < len(("before", "after")):
        return Finding(name, Verdict.UNKNOWN, "the keys were not counted before and after")
    before, after = counts[0], counts[-1]
    evicted, expired, removals = (_since(counts, what) for what in ("evicted", "expired", "removals"))
    said = f"{plural(before.keys, 'key')} before, {after.keys} after, {evicted + expired} evicted or expired meanwhile"
    figures = {"before": before.keys, "after": after.keys, "let_go": evicted + expired, "removals": removals}
    evidence = {**figures, "drawn": sought.drawn, "drawn_missing": sought.missing}
    gone = _gone(counts, sought, evicted, expired)
    there = f"{sought.missing} are not there" if sought.missing else "all are there"
    said = said if sought.why_not else f"{said}; of {plural(sought.drawn, 'key')} drawn before {there}"
    if not gone and (not sought.missing or (kept and sought.missing <= evicted + removals)):
        if sought.why_not:
            return Finding(name, Verdict.UNKNOWN, f"{said}, and new ones could hide a loss: {sought.why_not}", evidence)
        told = f"; clients took keys away meanwhile ({plural(removals, 'call')})" if sought.missing else ""
        return Finding(name, Verdict.VALID, f"{said}{told}", evidence)
    if doubt := _doubt(counts, sought, gone=gone):
        return Finding(name, Verdict.UNKNOWN, f"{said}; {doubt}", evidence)
    return Finding(name, Verdict.INVALID, f"{said}, and nobody took any away", evidence)


def _doubt(counts: Sequence[Count], sought: Sought, *, gone: bool) -> str:
    """What else than a loss may explain keys that are missing; empty where nothing does."""
    if removals := _since(counts, "removals"):
        return f"clients took keys away meanwhile ({plural(removals, 'call')}), nobody knows how many"
    evicted, before, after = _since(counts, "evicted"), counts[0], counts[-1]
    if evicted and not gone:
        return "they may have been evicted"
    if not sought.missing and before.keys <= after.keys:
        return f"of those without a time to live {before.eternal} before, {after.eternal} after: lost, or given one"
    return ""


def _gone(counts: Sequence[Count], sought: Sought, evicted: int, expired: int) -> bool:
    """Whether there are fewer keys than Redis let go.

    A process that counted all the while is taken at its word. Nobody counts what the old one of two did last, so there
    it goes by the keys that do not expire; unless each of them was drawn.
    """
    before, after = counts[0], counts[-1]
    if all(early.run_id == late.run_id for early, late in pairwise(counts)):
        return before.keys - after.keys > evicted + expired
    return before.eternal - after.eternal > evicted and sought.eternal < before.eternal


def _since(counts: Sequence[Count], what: str) -> int:
    """How far a counter came over all looks. A new process counts from 0, and so does one that was reset."""
    grown = 0
    for early, late in pairwise(counts):
        start, end = getattr(early, what), getattr(late, what)
        grown += end - start if early.run_id == late.run_id and end >= start else end
    return grown
