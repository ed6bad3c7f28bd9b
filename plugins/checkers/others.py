"""How often others wrote, by Redis's own count of its commands. Pure.

``INFO commandstats`` counts calls by name and not by client, so what the suite itself sends is left out: its numbered
writes by their number, the rest by name. A command of a module's own (``json.set``) may write, and counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Commands that write keys, as the ACL category @write has them but for FUNCTION, which writes none; those of a
#: container (XGROUP) by its name. Source: ACL CAT, which has a test; for what is newer than 7.0 the documentation.
WRITING = frozenset(
    (
        *("append", "bitfield", "bitop", "blmove", "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop", "bzpopmax"),
        *("bzpopmin", "copy", "decr", "decrby", "del", "delex", "delifeq", "expire", "expireat", "flushall", "flushdb"),
        *("geoadd", "georadius", "georadiusbymember", "geosearchstore", "getdel", "getex", "getset"),
        *("hdel", "hexpire", "hexpireat", "hgetdel", "hgetex", "hincrby", "hincrbyfloat", "hmset", "hpersist"),
        *("hpexpire", "hpexpireat", "hset", "hsetex", "hsetnx", "incr", "incrby", "incrbyfloat", "linsert", "lmove"),
        *("lmpop", "lpop", "lpush", "lpushx", "lrem", "lset", "ltrim", "migrate", "move", "mset", "msetex", "msetnx"),
        *("persist", "pexpire", "pexpireat", "pfadd", "pfdebug", "pfmerge", "psetex", "rename", "renamenx", "restore"),
        *("restore-asking", "rpop", "rpoplpush", "rpush", "rpushx", "sadd", "sdiffstore", "set", "setbit", "setex"),
        *("setnx", "setrange", "sinterstore", "smove", "sort", "spop", "srem", "sunionstore", "swapdb", "unlink"),
        *("vadd", "vrem", "vsetattr", "xack", "xackdel", "xadd", "xautoclaim", "xclaim", "xdel", "xdelex", "xgroup"),
        *("xreadgroup", "xsetid", "xtrim", "zadd", "zdiffstore", "zincrby", "zinterstore", "zmpop", "zpopmax"),
        *("zpopmin", "zrangestore", "zrem", "zremrangebylex", "zremrangebyrank", "zremrangebyscore", "zunionstore"),
    )
)
#: The commands of a flush, of putting keys back and of tidying up: the suite's own, nearly always.
OWN = frozenset({"flushall", "flushdb", "restore", "unlink"})
#: What the numbered writes are sent with.
NUMBERED = "set"


def wrote(before: Mapping[str, int], after: Mapping[str, int], own_writes: int) -> int | None:
    """How many writing commands others sent between two looks at the statistics; None where that cannot be told.

    ``before``: none of a process that has begun since. ``own_writes``: as many of them the suite sent at the most.
    """
    early, late = dict(_writing(before)), dict(_writing(after))
    grown = {name: late.get(name, 0) - early.get(name, 0) for name in early.keys() | late.keys()}
    if any(calls < 0 for calls in grown.values()):
        return None  # CONFIG RESETSTAT
    others = sum(calls for name, calls in grown.items() if name.partition("|")[0] not in {*OWN, NUMBERED})
    return others + max(0, grown.get(NUMBERED, 0) - own_writes)


def _writing(statistics: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for counter, calls in statistics.items():
        kind, _, command = counter.partition(":")
        if kind == "calls" and (command.partition("|")[0] in WRITING or "." in command):
            yield command, calls
