"""What one experiment has come to so far: whatever ends it, its result can be told from here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plugins.fault import Evidence, Loss
from plugins.history import History
from plugins.probe import Vantage
from plugins.saving import Lost
from plugins.traffic import Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugins.checkers.connections import Bonds
    from plugins.checkers.keys import Sought
    from plugins.fault import Deed, Fault, Scene
    from plugins.fence import Fence
    from plugins.inventory import Host
    from plugins.recovery import Moments, Recovery
    from plugins.sample import Sample
    from plugins.saving import Restored, Saved
    from plugins.scenery import Scenery
    from plugins.target.events import EngineEvent
    from plugins.traffic import ReadBack
    from plugins.undo import Undo


#: How a container ends that a stop did not end in time.
SIGKILLED = "137"


@dataclass
class Trial:
    """See the module. What is None has not been reached."""

    fault: Fault
    before: Scenery | None = None
    eve: Scenery | None = None  # just before the fault
    after: Scenery | None = None
    late: Scenery | None = None  # where keys have to be judged that were looked at after that
    bonds: Bonds | None = None  # the backend's connections to Redis, after the fault
    undo: Undo | None = None
    fence: Fence | None = None
    saved: Saved | None = None
    lost: Lost = field(default_factory=Lost)  # of what is saved
    gap: str = ""  # why others may have written what the fault lost, and is not saved
    sample: Sample | None = None  # where no keys are lost on purpose
    sought: Sought | None = None  # and what became of them
    restored: Restored | None = None
    moments: Moments | None = None
    evidence: Evidence = field(default_factory=lambda: Evidence(took_hold=False))
    history: History = field(default_factory=History)
    recoveries: tuple[Recovery, ...] = ()
    watched: bool = False  # for as long as the recovery could have taken
    healed: float = 0.0  # when the undo had made the host well, monotonic; 0: it was well by itself
    late_s: float = 0.0  # so long after the recovery the backend gave up what it had begun before it
    written: Written = field(default_factory=lambda: Written(0, {}))
    found: ReadBack | None = None
    deeds: list[Deed] = field(default_factory=list)
    events: tuple[EngineEvent, ...] = ()  # of Redis's container
    undone: bool = True  # nothing is owed (any more)
    phases_s: dict[str, float] = field(default_factory=dict)
    _phase: tuple[str, float] | None = None  # its name and its beginning

    def phase(self, name: str) -> None:
        """Begin a phase, and with it end the last; an empty name only ends."""
        now = time.monotonic()
        if self._phase is not None:
            last, begun = self._phase
            self.phases_s[last] = self.phases_s.get(last, 0.0) + now - begun
        self._phase = (name, now) if name else None

    def last_words(self, vantage: str) -> str:
        """What this vantage point saw last."""
        said = self.history.of(vantage)
        return said[-1].detail if said else "no answer yet"

    def forget_saved(self) -> None:
        """Let held writers go, and give back what the saved keys need here. Never raises."""
        if self.saved is not None:
            self.saved.close()

    @property
    def loss(self) -> Loss:
        """Which writes of the suite's own the fault could lose, as it went in the end."""
        loss = self.fault.loss
        if loss is Loss.FLUSHED and not self.fault.takes(self.scene.host.namespace.encode()):
            return Loss.NOTHING
        return Loss.UNSAVED_AT_KILL if loss is Loss.UNSAVED_AT_STOP and self.killed else loss

    @property
    def killed(self) -> bool:
        """Whether Redis ended by SIGKILL, whatever was meant."""
        died = {one.attributes.get("exitCode") for one in self.events if one.action == "die"}
        return SIGKILLED in died or self.evidence.shown.get("exit code") == SIGKILLED

    @property
    def went_back(self) -> bool | None:
        """Whether the data went back to an earlier moment: what is kept is kept in the order in which it was written.

        So a client that wrote until the fault knows, by its own writes. None: nobody can tell.
        """
        if self.found is None or self.moments is None:
            return None
        if self.found.lost(self.written):
            return True
        injected = self.moments.injected
        return None if all(at > injected for at in self.written.acknowledged.values()) else False

    @property
    def scenery(self) -> Scenery:
        """What was there before the fault; only asked for once it was looked at."""
        if self.before is None:
            raise RuntimeError("the scene was not looked at yet")
        return self.before

    @property
    def scene(self) -> Scene:
        """Who was there before the fault."""
        return self.scenery.scene


def windows(host: Host, fault: Fault, vantages: Iterable[str]) -> Mapping[str, float]:
    """The window of each vantage point in seconds; readiness has its own, whatever the fault."""
    window_s: float = getattr(host.windows, fault.window)
    return {one: host.windows.readiness if one == Vantage.READINESS else window_s for one in vantages}
