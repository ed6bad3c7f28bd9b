"""What saving and putting back come to. Nothing here holds a key's name or a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plugins.facts.units import plural, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.fence import Fence
    from plugins.saving.copy import Copy
    from plugins.saving.writers import Writers
    from plugins.target.model import Command
    from plugins.undo import Restore

#: The most keys that one write of somebody else's changes (a move from one to another) without being counted as more.
KEYS_A_WRITE = 2


class CannotSave(Exception):
    """The keys cannot be saved, and the message says why: whatever would lose them must not be done."""


@dataclass(frozen=True)
class Limits:
    """How far saving may go."""

    deadline_s: float = 60.0  # for all of it
    max_bytes: int = 1 << 30  # of the file
    stall_s: float = 5.0  # for how long writers may be held back, from the first key on; 0: not at all


@dataclass(frozen=True)
class Saved:
    """Keys that were saved. Close it when they are no longer needed here; the file on the host stays."""

    restore: Restore  # what the host needs to put them back by itself
    keys: int
    bytes: int  # of the file
    databases: Mapping[int, int]  # keys by database
    held: bool  # the writers were held back all the time, so that every key was saved once, as it is now
    took_s: float
    writers: Writers = field(repr=False, compare=False)  # still held back, perhaps: see ``writers.Writers``
    copy: Copy = field(repr=False, compare=False)  # once more, here
    libraries: tuple[Command, ...] = field(default=(), repr=False)  # of functions: they come before the keys

    @property
    def gap(self) -> str:
        """Why writes since may be lost, though they were acknowledged; empty as long as the writers are held back."""
        return self.writers.gap

    def behind(self, fence: Fence) -> Saved:
        """The same, where putting it back begins with taking the fence away."""
        return replace(self, restore=replace(self.restore, first=fence.away))

    def describe(self) -> str:
        """How much was saved, how long it took, and what became of the writers meanwhile."""
        many = f"{plural(self.keys, 'key')} of {plural(len(self.databases), 'database')}"
        return f"{many} saved on the host ({size(self.bytes)}) in {self.took_s:.1f} s; {self.writers.describe()}"

    def close(self) -> None:
        """Let the writers go, and forget the copy. Never raises."""
        self.writers.close()
        self.copy.close()


@dataclass(frozen=True)
class Restored:
    """What became of saved keys."""

    saved: int
    put_back: int  # absent before, and now as they were saved
    present_already: int  # others' business: somebody wrote them anew, or they were never lost
    expired: int  # their time was over before they could be put back
    missing: int  # absent now
    altered: int  # put back, and now of another value or expiry
    unclear: int  # put back, and of a type whose value cannot be compared
    evicted: int  # keys that Redis evicted meanwhile, its own count
    others_wrote: int | None  # others' writes meanwhile, by Redis's own count; None: it cannot be told
    held: bool  # the writers were held back while saving, so that each key was saved once
    took_s: float
    failed: str = ""  # what the host's command said, where it failed
    otherwise: int = 0  # of those present already, with another value or expiry than was saved
    taken: int = 0  # absent, though the fault had left them: others deleted them, or their time was over

    @property
    def wrong(self) -> str:
        """What is not as it was, and cannot have been others' doing; empty where nothing is."""
        if self.failed:
            return self.failed
        amiss = self.missing + (self.altered if self.held else 0)
        if self.others_wrote is None or amiss <= self.evicted + KEYS_A_WRITE * self.others_wrote:
            return ""
        return f"{self._amiss()}, though {self._others()}"

    @property
    def doubtful(self) -> str:
        """What cannot be judged, and why; empty where all could be."""
        if self.wrong:
            return ""
        found = []
        if self.missing or self.altered:
            held = "" if self.held else "; the writers were not held back while the keys were saved"
            found.append(f"{self._amiss()}, which may be others' doing: {self._others()}{held}")
        if self.unclear:
            found.append(f"{plural(self.unclear, 'key')} put back cannot be compared with what was saved")
        return "; ".join(found)

    def describe(self) -> str:
        """The counts in words."""
        parts = [f"{self.put_back} of {plural(self.saved, 'key')} put back and as saved"]
        parts += [self._present()] if self.present_already else []
        parts += [f"{self.taken} not lost by the fault, and gone since or before"] if self.taken else []
        parts += [f"{self.expired} expired meanwhile"] if self.expired else []
        parts += [self.wrong or self.doubtful] if self.wrong or self.doubtful else []
        return ", ".join(parts) + f" ({self.took_s:.1f} s)"

    def _present(self) -> str:
        said = f"{self.present_already} present already"
        if not self.otherwise:
            return said
        return f"{said} ({self.otherwise} of them not as saved: written since, or as the last snapshot had them)"

    def _amiss(self) -> str:
        counts = [(self.missing, "missing"), (self.altered, "of another value or expiry than was saved")]
        return " and ".join(f"{plural(count, 'key')} {what}" for count, what in counts if count)

    def _others(self) -> str:
        writes = "an unknown number of" if self.others_wrote is None else self.others_wrote
        return f"{writes} writes of others, {plural(self.evicted, 'key')} evicted"
