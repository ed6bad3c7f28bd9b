"""The keys of a pattern are flushed, and no other."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, ClassVar

from plugins.facts.units import plural
from plugins.fault import Evidence, register
from plugins.faults.clients import answered
from plugins.faults.flushing import AFTER, BEFORE, FENCED, Flush, released
from plugins.target.model import TargetError
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from plugins.fault import Hands, Scene
    from plugins.inventory import Host
    from plugins.target.model import Command, Reply

#: Buckets that one SCAN looks at, and so about the most keys that go at once: a millisecond or two of Redis's.
COUNT = 1000
#: Redis unlinks what its own SCAN has just found: the keys travel nowhere, and nobody has to parse them. Answers the
#: next cursor, how many keys matched, how many went. In portions: Lua hands over only so many arguments at once.
BATCH = (
    FENCED
    + """\
local scanned = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local keys, gone = scanned[2], 0
for first = 1, #keys, 1000 do
  gone = gone + redis.call('UNLINK', unpack(keys, first, math.min(first + 999, #keys)))
end
return {scanned[1], #keys, gone}
"""
)
#: Walks over the keyspace until one finds nothing: whoever goes on making such keys may do so between two of them.
WALKS = 4

#: What ``Hands.seen`` holds: how many keys were unlinked, and how many the last walk still found.
UNLINKED, LEFT = "matching keys unlinked", "matching keys left"


@dataclass(frozen=True)
class FlushPattern(Flush):
    """SCAN and UNLINK, batch by batch, so that other clients are served in between; walked until nothing is found.

    A key may hold blanks, quotes and any byte: it never leaves the server.
    """

    glob: str  # as SCAN's MATCH takes it
    sections: ClassVar[tuple[str, ...]] = ("Flush Specific Keys",)
    outage: ClassVar[str] = "none: other clients are served between two batches; every matching key is gone"

    @property
    def name(self) -> str:
        """``flush_session`` for ``session:*``."""
        return "flush_" + re.sub(r"[^a-z0-9]+", "_", self.glob.lower()).strip("_")

    def takes(self, namespace: bytes) -> bool:
        """Whether a key could begin so and match."""
        return fnmatchcase((namespace + b"0").decode(errors="replace"), self.glob)

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        where = f"to Redis of {host.redis_service}, database {host.redis_db}"
        batch = shlex.join(map(str, self._batch("CURSOR", ("FENCE",))))
        return (f"{where}: DBSIZE", f"CLIENT UNPAUSE, {batch}, trip by trip until none is found")

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``. Raises ``NotApplicable`` where no key matches."""
        del scene
        (before,) = answered(hands, ("DBSIZE",))
        unlinked = found = 0
        for _ in range(WALKS):
            found, gone = self._walk(hands)
            unlinked += gone
            if not found:
                break
        if not unlinked and not found:
            raise NotApplicable(f"no key matches {self.glob}: there is nothing to flush")
        (after,) = answered(hands, ("DBSIZE",))
        hands.seen.update({UNLINKED: unlinked, LEFT: found, BEFORE: _number(before), AFTER: _number(after)})

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """Keys were unlinked. It is complete where a walk over the whole keyspace then found none that matches."""
        del scene
        shown = {what: str(count) for what, count in hands.seen.items()}
        left = hands.seen.get(LEFT, 0)
        found = f"{plural(left, 'key')} found by the last of {WALKS} walks for {self.glob}"
        amiss = f"{found}: not all are deleted, or somebody writes them anew"
        return Evidence(hands.seen.get(UNLINKED, 0) > 0, shown, amiss if left else "")

    def _walk(self, hands: Hands) -> tuple[int, int]:
        """Once over the keyspace: how many keys were found, how many went. Raises ``TargetError``."""
        found = gone = 0
        cursor = b"0"
        while True:
            match released(hands, self._batch(cursor, hands.fence)):
                case [[bytes(cursor), int(matched), int(unlinked)]]:
                    found, gone = found + matched, gone + unlinked
                case other:
                    raise TargetError(f"a batch of SCAN and UNLINK was answered with {other!r}")
            if cursor == b"0":
                return found, gone

    def _batch(self, cursor: str | bytes, fence: tuple[str, ...]) -> Command:
        return ("EVAL", BATCH, len(fence), *fence, cursor, self.glob, COUNT)


def _number(reply: Reply) -> int:
    return reply if isinstance(reply, int) else 0


register(FlushPattern("session:*"), FlushPattern("cache:*"))
