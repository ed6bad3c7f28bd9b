"""The journal: what a run leaves behind, one JSON object a line, append-only; reports are rendered from it.

The first line, the target and counters, and the last line are fsynced; a check's line is handed to the kernel
at once, so that it survives the death of the runner and costs the gate no disk latency.
"""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from plugins.facts.counters import Counters

NAME = "journal.jsonl"

#: How many of the newest runs are searched for a baseline: enough for a day of gates, few enough to read at once.
LOOK_BACK = 50


@dataclass
class Journal:
    """An open journal; ``path`` None keeps nothing (the report directory cannot be written)."""

    path: Path | None
    _began: float = field(default_factory=time.monotonic)

    def write(self, event: str, *, sync: bool = False, **fields: object) -> None:
        """Append one event. Raises ``OSError`` when the disk refuses."""
        if self.path is None:
            return
        entry = {
            "event": event,
            "at": datetime.now(UTC).isoformat(),
            "t": round(time.monotonic() - self._began, 6),
            **fields,
        }
        line = json.dumps(entry, ensure_ascii=True, default=str) + "\n"
        with self.path.open("a", encoding="ascii") as file:
            file.write(line)
            if sync:
                file.flush()
                os.fsync(file.fileno())


def read(path: Path) -> Iterator[Mapping[str, object]]:
    """The events of a journal; lines that are none, as the last one of a killed run, are passed over.

    Raises ``OSError``, also for what is no file: somebody's pipe would be waited for.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(path))
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield entry


def last_counters(report_dir: Path, host: str, redis_run_id: str) -> Counters | None:
    """The newest counters of the same server process that an earlier run on ``host`` left; None without any.

    With them, what the runs since then made grow that could not look at any, as their credentials were refused.
    """
    own: frozenset[str] = frozenset()
    folders = sorted((path for path in report_dir.glob(f"*Z-*/{NAME}")), reverse=True)
    for path in folders[:LOOK_BACK]:
        for entry in _entries(path):
            if entry.get("event") == "counters" and entry.get("host") == host:
                counters = _counters(entry)
                if counters is not None and counters.redis_run_id == redis_run_id:
                    return replace(counters, own=counters.own | own)
                if counters is not None and not counters.redis_run_id:
                    own |= counters.own
    return None


def last_info(report_dir: Path, host: str, *, before: str) -> tuple[str, Mapping[str, str]]:
    """The newest run of verify on ``host`` before the run in the folder ``before`` that saw INFO, and what it said."""
    folders = sorted((path for path in report_dir.glob(f"*Z-*-verify-*/{NAME}")), reverse=True)
    for path in [path for path in folders if path.parent.name < before][:LOOK_BACK]:
        entries = _entries(path)
        if any(entry.get("event") == "run" and entry.get("host") == host for entry in entries):
            for entry in entries:
                info = entry.get("info")
                if entry.get("event") == "info" and isinstance(info, dict):
                    return path.parent.name, {str(name): str(value) for name, value in info.items()}
    return "", {}


def _counters(entry: Mapping[str, object]) -> Counters | None:
    from plugins.facts.counters import Counters  # noqa: PLC0415 - the room of facts is imported while ssh connects

    record = entry.get("counters")
    try:
        return Counters.from_json(record) if isinstance(record, dict) else None
    except ValueError:
        return None


def _entries(path: Path) -> list[Mapping[str, object]]:
    try:
        return list(read(path))
    except OSError:
        return []
