"""Every key of every database is flushed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plugins.fault import register
from plugins.faults.flushing import WholeFlush


@dataclass(frozen=True)
class FlushAll(WholeFlush):
    """FLUSHALL, as the server is configured to do it: while it frees the memory, nobody is answered."""

    name: ClassVar[str] = "flushall"
    command: ClassVar[str] = "FLUSHALL"
    outage: ClassVar[str] = "none but for the time that freeing the memory takes; every key of every database is gone"


register(FlushAll())
