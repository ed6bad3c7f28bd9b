"""What the flushes have in common."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar

from plugins.fault import Evidence, Loss
from plugins.faults.clients import checked
from plugins.target.model import TargetError

if TYPE_CHECKING:
    from plugins.fault import Hands, Means, Scene
    from plugins.inventory import Host
    from plugins.target.model import Command, Reply

#: Whoever saved the keys may have held the writers back; let go in the flush's own trip, none can write in between.
RELEASE: Command = ("CLIENT", "UNPAUSE")

#: Begins a script that loses keys: in the same step it is seen that nobody puts them back, or has.
FENCED = """\
if KEYS[1] and redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('FENCED keys are put back by now: no more are flushed')
end
"""

#: What ``Hands.seen`` holds: how many keys there were at the moment of the flush, and after it.
BEFORE, AFTER = "keys before", "keys after"


class Flush:
    """The usual answers of a fault that loses keys on purpose; whoever ordered it sees to their return."""

    family: ClassVar[str] = "flush"
    window: ClassVar[str] = "flush"
    loss: ClassVar[Loss] = Loss.FLUSHED

    def unavailable(self, scene: Scene) -> str:
        """A Redis that may be written to is all that it takes; another one refuses."""
        del scene
        return ""

    def recover(self, scene: Scene, hands: Hands) -> None:
        """Redis has not been away."""

    def undo(self, scene: Scene, means: Means) -> tuple[tuple[str, ...], ...]:
        """Nothing but the keys, which are not its concern."""
        del scene, means
        return ()


#: Counted before and after, in the same step.
WHOLE = (
    FENCED
    + """\
local before = redis.call('DBSIZE')
redis.call(ARGV[1])
return {before, redis.call('DBSIZE')}
"""
)


class WholeFlush(Flush):
    """A flush by one command."""

    command: ClassVar[str]
    sections: ClassVar[tuple[str, ...]] = ("Flush All Data",)

    def takes(self, namespace: bytes) -> bool:
        """Whatever the keys begin with."""
        del namespace
        return True

    def commands(self, host: Host) -> tuple[str, ...]:
        """See ``fault.Fault``."""
        where = f"to Redis of {host.redis_service}, database {host.redis_db}, in one trip"
        return (f"{where}: {' '.join(map(str, RELEASE))}", shlex.join(map(str, self._flush(("FENCE",)))))

    def inject(self, scene: Scene, hands: Hands) -> None:
        """See ``fault.Fault``."""
        del scene
        match released(hands, self._flush(hands.fence)):
            case [[int(before), int(after)]]:
                hands.seen.update({BEFORE: before, AFTER: after})
            case other:
                raise TargetError(f"{self.command} between two DBSIZE was answered with {other!r}")

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """The command was carried out, and the database was empty then; it need not be by now."""
        del scene
        shown = {what: str(count) for what, count in hands.seen.items()}
        return Evidence(hands.seen.get(AFTER) == 0, shown)

    def _flush(self, fence: tuple[str, ...]) -> Command:
        return ("EVAL", WHOLE, len(fence), *fence, self.command)


def released(hands: Hands, *commands: Command) -> list[Reply]:
    """The replies to these commands, before which paused writers are let go. Raises ``TargetError``.

    Whether that is refused (ACL, a version before 6.2) does not matter: then nobody can have paused them either.
    """
    return checked(commands, hands.redis(RELEASE, *commands)[1:])
