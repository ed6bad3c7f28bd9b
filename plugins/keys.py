"""Key inspection for the person on call: type, time to live, size and a short preview of the keys that match.

Read-only, and bounded in every direction: SCAN, never KEYS; so many keys; so much time; so many elements and bytes of
each. Reading a value counts as a use of the key for an LRU or LFU policy; type, time to live and size do not.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plugins.facts.units import size
from plugins.inventory import Environment
from plugins.keys_table import render
from plugins.target.model import ReplyError, TargetError, TimedOut
from plugins.verdict import Exit, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plugins.target.model import Command, Container, Reply, Wire
    from plugins.target.open import Target

LIMIT = 20
DEADLINE_S = 5.0
_SHORTEST_WAIT_S = 1.0  # a reply under way is not given up for the last milliseconds

_GLOB = frozenset(b"*?[\\")
_SCAN_COUNT = 5_000  # keys a trip: 2 to 3 ms of Redis's time
_ELEMENTS = 5
_ETERNAL = -1  # PTTL of a key that never expires
_REFUSED = "?"  # the type of a key that the user may not ask for
_STRING_BYTES = 200
#: A collection that is no larger is read without a look at its elements; in a larger one they must be small on average.
_SMALL_BYTES = 1_000_000
_SMALL_ELEMENT_BYTES = 16_000

#: How the elements of a type are counted, and how a few are read. Random members instead of HSCAN and SSCAN: these
#: return a compactly encoded key whole, whatever their COUNT.
_READERS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "string": ("STRLEN", ("GETRANGE", 0, _STRING_BYTES - 1)),
    "list": ("LLEN", ("LRANGE", 0, _ELEMENTS - 1)),
    "set": ("SCARD", ("SRANDMEMBER", _ELEMENTS)),
    "zset": ("ZCARD", ("ZRANGE", 0, _ELEMENTS - 1, "WITHSCORES")),
    "hash": ("HLEN", ("HRANDFIELD", _ELEMENTS, "WITHVALUES")),
    "stream": ("XLEN", ("XREVRANGE", "+", "-", "COUNT", _ELEMENTS)),
}


@dataclass(frozen=True)
class InspectedKey:
    """One key. What Redis refuses to say is ``None``."""

    name: bytes
    type: str
    ttl_s: float | None = None  # seconds to live; infinite: it never expires
    size_bytes: int | None = None  # as MEMORY USAGE estimates it
    elements: int | None = None  # bytes of a string, else entries
    preview: Reply = None  # the first bytes, or a few elements, as Redis sent them
    withheld: str = ""  # why there is no preview


@dataclass(frozen=True)
class Inspection:
    """The keys that were found and how thorough the search was."""

    pattern: bytes
    via: str
    keys: tuple[InspectedKey, ...]
    more: bool = False  # more keys match than are here
    examined: int | None = None  # keys that SCAN looked at, roughly; None: one key was asked for by its name
    keyspace: int | None = None  # how many keys the database has
    cut: bool = False  # time was up before every key had been looked at
    took_s: float = 0.0


def inspect_keys(
    wire: Wire, pattern: str | bytes, *, limit: int = LIMIT, deadline_s: float = DEADLINE_S, values: bool = True
) -> Inspection:
    """At most ``limit`` keys that match, by name. A pattern without glob characters is the name of one key.

    The search ends after ``deadline_s`` seconds; ``Inspection.cut`` says whether that was too soon. Without
    ``values`` none is even read. Raises ``TargetError`` when Redis cannot be asked or refuses the search.
    """
    started = time.monotonic()
    glob = pattern if isinstance(pattern, bytes) else pattern.encode(errors="surrogateescape")
    inspection = Inspection(glob, "", ())
    if _GLOB.intersection(glob):
        inspection, names = _search(wire, inspection, limit, started + deadline_s)
        # A key may be called like a pattern, so that name is tried too; being refused it says nothing.
        tried = _described(wire, [glob, *(name for name in names if name != glob)])
        keys = [key for key in tried if key.name in names or key.type != _REFUSED]
    else:
        keys = _described(wire, [glob])
    shown = keys[:limit]
    shown = (
        _with_previews(wire, shown) if values else [replace(key, withheld=key.withheld or "hidden") for key in shown]
    )
    return replace(
        inspection,
        via=wire.via,  # which a wire may only know once it was asked
        keys=tuple(sorted(shown, key=lambda key: key.name)),
        more=inspection.more or len(keys) > limit,
        took_s=time.monotonic() - started,
    )


def _search(wire: Wire, inspection: Inspection, limit: int, deadline: float) -> tuple[Inspection, list[bytes]]:
    """SCAN until one match more than ``limit`` is found, every key was looked at, or time is up."""
    (size,) = wire.ask([("DBSIZE",)])
    names: dict[bytes, None] = {}  # SCAN may name a key twice
    cursor, examined = b"", 0
    while cursor != b"0" and len(names) <= limit and time.monotonic() < deadline:
        command = ("SCAN", cursor or b"0", "MATCH", inspection.pattern, "COUNT", _SCAN_COUNT)
        try:
            (reply,) = wire.ask([command], timeout_s=max(deadline - time.monotonic(), _SHORTEST_WAIT_S))
        except TimedOut:
            break
        cursor, batch = _scanned(reply)
        names |= dict.fromkeys(batch)
        examined += _SCAN_COUNT
    keyspace = size if isinstance(size, int) else None
    return replace(
        inspection,
        examined=examined if keyspace is None else min(examined, keyspace),
        keyspace=keyspace,
        more=len(names) > limit,
        cut=cursor != b"0" and len(names) <= limit,
    ), list(names)[: limit + 1]


def _scanned(reply: Reply) -> tuple[bytes, list[bytes]]:
    match reply:
        case [bytes(cursor), [*names]]:
            return cursor, [name for name in names if isinstance(name, bytes)]
        case ReplyError():
            raise TargetError(f"Redis refuses to search its keys: {reply}")
    raise TargetError("Redis answered SCAN with something else than keys")


def _described(wire: Wire, names: Sequence[bytes]) -> list[InspectedKey]:
    """Those of the names that are keys, with everything but their values. None of this counts as a use."""
    questions = ("TYPE", "PTTL", "MEMORY USAGE")
    asked: list[Command] = [(*question.split(), name) for name in names for question in questions]
    replies = wire.ask(asked)
    keys = []
    for index, name in enumerate(names):
        kind, ttl_ms, size = replies[index * len(questions) : (index + 1) * len(questions)]
        if kind == b"none":
            continue
        if isinstance(kind, ReplyError) and kind.code != "NOPERM":
            raise TargetError(f"Redis refuses to be asked: {kind}")
        refused = str(kind) if isinstance(kind, ReplyError) else ""
        keys.append(
            InspectedKey(
                name,
                kind.decode(errors="backslashreplace") if isinstance(kind, bytes) else _REFUSED,
                ttl_s=_ttl_s(ttl_ms),
                size_bytes=size if isinstance(size, int) else None,
                withheld=refused,
            )
        )
    return keys


def _ttl_s(ttl_ms: Reply) -> float | None:
    """The seconds to live by PTTL's answer: -1 is for ever, and -2 a key that has gone meanwhile."""
    if ttl_ms == _ETERNAL:
        return math.inf
    return ttl_ms / 1000 if isinstance(ttl_ms, int) and ttl_ms >= 0 else None


def _with_previews(wire: Wire, keys: Sequence[InspectedKey]) -> list[InspectedKey]:
    """The keys with their number of elements, and a preview where its size is bounded."""
    readable = [key for key in keys if key.type in _READERS]
    counts = wire.ask([(_READERS[key.type][0], key.name) for key in readable]) if readable else []
    counted = {
        key.name: replace(key, elements=count, withheld=_reason_to_withhold(key, count))
        if isinstance(count, int)
        else replace(key, withheld=str(count))  # the key became another type, or the user may not read it
        for key, count in zip(readable, counts, strict=True)
    }
    wanted = [key for key in counted.values() if not key.withheld]
    previews = wire.ask([_preview_command(key) for key in wanted]) if wanted else []
    for key, preview in zip(wanted, previews, strict=True):
        refused = isinstance(preview, ReplyError)
        counted[key.name] = replace(key, withheld=str(preview)) if refused else replace(key, preview=preview)
    return [counted.get(key.name, _unreadable(key)) for key in keys]


def _unreadable(key: InspectedKey) -> InspectedKey:
    return replace(key, withheld=key.withheld or f"no preview of type {key.type}")


def _preview_command(key: InspectedKey) -> Command:
    verb, *arguments = _READERS[key.type][1]
    return (verb, key.name, *arguments)


def _reason_to_withhold(key: InspectedKey, elements: int) -> str:
    """Why the elements of this key are not read: nothing but their average size bounds what would be sent."""
    if key.type == "string" or not elements:
        return ""
    if key.size_bytes is None:
        return "not read: its size is unknown"
    average = key.size_bytes // elements
    if key.size_bytes > _SMALL_BYTES and average > _SMALL_ELEMENT_BYTES:
        return f"not read: an element takes {size(average)} on average"
    return ""


def run_inspection(target: Target, pattern: str, *, redact_values: bool, redact: Callable[[str], str]) -> int:
    """``--inspect``: print what matches and return the exit code: 0, or 10 when Redis could not be asked.

    Values are shown, since that is what is asked for, on a person's own terminal and in no report; not with
    ``redact_values``, and never in production.
    """
    host = target.host
    hidden = redact_values or host.environment is Environment.PRODUCTION
    try:
        wire = target.wire(_running(target.stack.containers(host.redis_service), host.redis_service))
        inspection = inspect_keys(wire, pattern, values=not hidden)
    except (TargetError, Unreachable) as error:
        print(redact(f"{host.name}: {error}"), file=sys.stderr)  # noqa: T201 - the answer to --inspect
        return int(Exit.UNJUDGED)
    finally:
        target.close()
    print(redact(render(inspection)))  # noqa: T201 - the answer to --inspect
    return int(Exit.PASS)


def _running(containers: Sequence[Container], service: str) -> Container:
    """The first container that runs. Raises ``TargetError`` that says what state they are in."""
    for container in containers:
        if container.running:
            return container
    states = ", ".join(f"{container.name} is {container.state}" for container in containers)
    raise TargetError(f"no container of {service} is running: {states}")
