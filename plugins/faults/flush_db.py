"""Every key of one database is flushed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plugins.fault import register
from plugins.faults.flushing import WholeFlush


@dataclass(frozen=True)
class FlushDb(WholeFlush):
    """FLUSHDB of the inventory's database (``redis_db``)."""

    name: ClassVar[str] = "flushdb"
    command: ClassVar[str] = "FLUSHDB"
    outage: ClassVar[str] = "none but for the time that freeing the memory takes; every key of the database is gone"


register(FlushDb())
