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

#: Commands by which others may have taken keys away on purpose: a collection goes with its last element, and the place
#: where an empty result is stored. A stream stays. Source: COMMAND's key specifications, which have a test.
REMOVING = frozenset(
    (
        *("del", "unlink", "getdel", "rename", "renamenx", "move", "migrate", "flushdb", "flushall"),
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
    let_go: int  # evicted and expired, while it loaded its data as well
    removals: int  # calls of commands by which clients take keys away
    mortal: int = 0  # of the keys, those that will expire


def keys_put_back(restored: Restored, *, gap: str = "") -> Finding:
    """Every key that was saved before the fault is there again, and holds the same.

    ``gap``: why others could write between the saving and the loss. That is a fact of a large keyspace or a slow way,
    and no fault of the host's: it is told, and fails nobody.
    """
    name = keys_put_back.__name__
    evidence = {"saved": restored.saved, "put_back": restored.put_back, "present_already": restored.present_already}
    if restored.wrong:
        return Finding(name, Verdict.INVALID, restored.wrong, evidence)
    if restored.doubtful:
        return Finding(name, Verdict.UNKNOWN, restored.doubtful, evidence)
    said = f"; what others wrote after it was saved, and before the flush, is gone: {gap}" if gap else ""
    return Finding(name, Verdict.VALID, f"{restored.describe()}{said}", evidence)


def no_key_missing(counts: Sequence[Count]) -> Finding:
    """There are no fewer keys than before, but for those that Redis let go and that others took away.

    ``counts`` are looks before the fault, just before it and after it, none of them after the suite removed its own.
    """
    name = no_key_missing.__name__
    if len(counts) < len(("before", "after")):
        return Finding(name, Verdict.UNKNOWN, "the keys were not counted before and after")
    before, after = counts[0].keys, counts[-1].keys
    let_go, removals = _since(counts, "let_go"), _since(counts, "removals")
    said = f"{plural(before, 'key')} before, {after} after, {let_go} evicted or expired meanwhile"
    evidence = {"before": before, "after": after, "let_go": let_go, "removals": removals}
    if before - after <= let_go:
        return Finding(name, Verdict.VALID, said, evidence)
    if removals:
        others = f"clients took keys away meanwhile ({plural(removals, 'call')}), nobody knows how many"
        return Finding(name, Verdict.UNKNOWN, f"{said}; {others}", evidence)
    restarted = any(early.run_id != late.run_id for early, late in pairwise(counts))
    mortal = counts[0].mortal  # just before the fault the suite's own are among them
    if restarted and before - after - let_go <= mortal:
        # Redis 6.2 does not count those that it leaves out when it loads, and nobody what the old process did last.
        said = f"{said}; {plural(mortal, 'key')} had a time to live, which may have ended while nobody counted"
        return Finding(name, Verdict.UNKNOWN, said, evidence)
    return Finding(name, Verdict.INVALID, f"{said}, and nobody took any away", evidence)


def _since(counts: Sequence[Count], what: str) -> int:
    """How far a counter came over all looks. A new process counts from 0, and so does one that was reset."""
    grown = 0
    for early, late in pairwise(counts):
        start, end = getattr(early, what), getattr(late, what)
        grown += end - start if early.run_id == late.run_id and end >= start else end
    return grown
