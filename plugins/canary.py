"""The write round trip: a canary key, written, read back, looked at and taken away. PING cannot tell as much."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.probe import READONLY, Answer, Vantage, as_text, timed, unasked, unwell, well
from plugins.target.model import ReplyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.target.model import Command, Reply, Wire

_LIFE_MS = 60_000  # of the key

#: What a write refused with these words tells about Redis, beside the words themselves.
_REFUSALS = {
    "OOM": "the memory limit is reached and nothing may be evicted",
    "MISCONF": "the last save to disk failed and writes are stopped",
    "READONLY": "this Redis is a replica",
    "NOREPLICAS": "too few replicas are connected",
    "LOADING": "the dataset is still being loaded",
    "MASTERDOWN": "the link to the master is down",
    "CLUSTERDOWN": "the cluster is down",
    "MOVED": "the key belongs to another node of the cluster",
}


def canary_key(namespace: str, token: str) -> bytes:
    """The key, in the suite's own namespace."""
    return f"{namespace}canary:{token}".encode()


def canary_commands(key: bytes, value: bytes) -> tuple[Command, ...]:
    """Write, read back, look at the expiry, take away: one trip.

    PSETEX because hardly anybody else uses it: what Redis counts of its refusals is the suite's own
    (see ``plugins.facts.counters``). The key is random, so it overwrites nobody's.
    """
    return (("PSETEX", key, _LIFE_MS, value), ("GET", key), ("PTTL", key), ("DEL", key))


def read_canary(replies: Sequence[Reply], value: bytes, namespace: str, *, replica: bool = False) -> Answer:
    """What the four replies of ``canary_commands`` mean; ``replica``: the inventory declares that it is one."""
    written, got, ttl, _ = replies
    for command, reply in (("psetex", written), ("get", got), ("pttl", ttl)):
        if isinstance(reply, ReplyError) and reply.code == "NOPERM":
            wanted = f"~{namespace}*" if _about_a_key(reply) else f"+{command}"
            mend = f"grant {wanted}, or set canary = false / namespace"
            return unasked(Vantage.WRITE, f"the ACL user may not write the canary key: {mend} ({reply})", reply.code)
    if isinstance(written, ReplyError):
        return _refused(written, replica=replica)
    if as_text(written) != "OK":
        return unwell(Vantage.WRITE, f"PSETEX of a new key answered {as_text(written) or 'nil'}")
    if got != value:
        seen = "nothing: the key was gone at once (evicted, or another server)" if got is None else as_text(got)
        return unwell(Vantage.WRITE, f"wrote {value.decode()}, read {seen}")
    if not (isinstance(ttl, int) and 0 < ttl <= _LIFE_MS):
        return unwell(Vantage.WRITE, f"the key was written to live {_LIFE_MS} ms, PTTL says {as_text(ttl)}")
    return well(Vantage.WRITE, f"written, read back, expiring in {ttl} ms, deleted")


def _about_a_key(error: ReplyError) -> bool:
    """Whether NOPERM is about the key, by the words of Redis 6 and 7 alike, and not about the command."""
    return "access" in str(error) and "key" in str(error)


def _refused(error: ReplyError, *, replica: bool) -> Answer:
    if replica and error.code == READONLY:
        return unasked(Vantage.WRITE, f"a declared replica takes no writes ({error})", READONLY)
    meaning = _REFUSALS.get(error.code)
    return unwell(Vantage.WRITE, f"{error} - {meaning}" if meaning else str(error), error.code)


@dataclass(frozen=True)
class Write:
    """A canary key in the suite's own namespace, written and read back; it expires by itself, whatever happens."""

    wire: Wire
    namespace: str
    timeout_s: float = 5.0
    vantage: Vantage = Vantage.WRITE
    replica: bool = False  # as the inventory declares it

    def ask(self) -> Answer:
        """Ask once, with a key that nobody else uses."""
        return timed(self.vantage, self._ask)

    def _ask(self) -> Answer:
        token = secrets.token_hex(8)
        key, value = canary_key(self.namespace, token), token.encode()
        replies = self.wire.ask(canary_commands(key, value), timeout_s=self.timeout_s)
        return read_canary(replies, value, self.namespace, replica=self.replica)
