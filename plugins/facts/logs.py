"""What the backend's log tells since an instant: its failures of Redis, and how much of it was read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plugins.facts.addressee import SOME_REDIS
from plugins.facts.failures import is_failure
from plugins.facts.records import join
from plugins.giveaways import without_giveaways
from plugins.verdict import Unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from plugins.facts.addressee import Addressee
    from plugins.facts.records import Record
    from plugins.target.model import Log, LogRecord

_SHOWN, _QUOTED = 3, 300  # records, and characters of each, in the observation
_USERINFO = re.compile(r"(?<=://)[^\s/@]{1,512}@")


@dataclass(frozen=True)
class Story:
    """What the log tells since an instant. ``records`` counts whole ones; ``truncated``: only the newest were read.

    ``kept_from``: nothing older is kept, for the log is rotated, and that is later than the instant.
    """

    since: datetime
    records: int
    failures: tuple[Record, ...]
    truncated: bool = False
    kept_from: datetime | None = None

    def describe(self) -> str:
        """The failures first, a few of them, bounded; then how much was read."""
        read = f"{self.records} records since {self.since:%Y-%m-%dT%H:%M:%SZ}"
        read += ", only the newest of a long log" if self.truncated else ""
        read += f", of which none is kept from before {self.kept_from:%H:%M:%S}" if self.kept_from else ""
        if not self.failures:
            return f"none in {read}"
        shown = [brief(record) for record in self.failures[-_SHOWN:]]
        return "\n".join((f"{len(self.failures)} in {read}; the newest:", *shown))

    def judged(self) -> Story:
        """The story itself. Raises ``Unjudged`` where no failure was found in a log that was not read to its start."""
        if self.truncated and not self.failures:
            raise Unjudged(f"{self.describe()}; what came before them was not read: give a shorter --since")
        if self.kept_from and not self.failures:
            mend = "let the log driver keep more (max-size, max-file), or give a shorter --since"
            raise Unjudged(f"{self.describe()}; the log is rotated, and what came before is gone: {mend}")
        return self


def tell(logs: Sequence[Log], since: datetime, redis: Addressee = SOME_REDIS) -> Story:
    """Read the logs of all replicas. A record that began before ``since`` does not count, wherever it ends."""
    records = [record for log in logs for record in join(_marked(log)) if record.at >= since]
    failures = [record for record in records if is_failure(record, redis)]
    ordered = tuple(sorted(failures, key=lambda record: record.at))
    gone = [log.begins for log in logs if log.begins is not None and log.begins > since]
    return Story(since, len(records), ordered, any(log.truncated for log in logs), max(gone, default=None))


def _marked(log: Log) -> Sequence[LogRecord]:
    """The log's lines, the first with a sign of a cut where older ones were dropped: it may be the end of one."""
    if not log.truncated or not log.records:
        return log.records
    first, *others = log.records
    return [replace(first, text=f"…{first.text}"), *others]


def brief(record: Record) -> str:
    """A record in one line: how it begins, and the exception that it ends with."""
    telling = record.exceptions or record.lines
    parts = [telling[0], telling[-1]] if len(telling) > 1 else list(telling)
    # Before anything is cut off that tells it; whoever logs in is nobody's business either.
    clean = [_USERINFO.sub("***@", without_giveaways(part)) for part in parts]
    line = " … ".join(part if len(part) <= _QUOTED else f"{part[:_QUOTED]}…" for part in clean)
    return f"{record.at:%H:%M:%S} {line}"
