"""``--keep N``: the folders of older runs go. Only what is a run's beyond doubt, and never one that is going on."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from plugins.journal import NAME as JOURNAL
from plugins.report.past import NAME as RUN

if TYPE_CHECKING:
    from pathlib import Path

#: A run whose journal has no end and was written to in this time (seconds) may still be going on.
GOING_S = 86_400.0
#: The journal's last line lies within so many bytes of its end.
_TAIL = 1 << 20


def keep_newest(report_dir: Path, current: str, keep: int) -> list[str]:
    """Remove the folders of all but the ``keep`` newest runs, of which ``current`` is one whatever its name.

    Gives why some could not be removed. Raises ``OSError`` where the directory cannot be listed.
    """
    with os.scandir(report_dir) as entries:
        named = [one.name for one in entries if RUN.fullmatch(one.name) and one.is_dir(follow_symlinks=False)]
    others = [name for name in sorted(named, reverse=True) if name != current and _is_run(report_dir / name)]
    return [said for name in others[keep - 1 :] if (said := _remove(report_dir / name))]


def _is_run(folder: Path) -> bool:
    return any(_is_file(folder / name) for name in ("run.json", JOURNAL))


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _remove(folder: Path) -> str:
    """Why it could not be removed; empty where it is gone, or is left alone since its run goes on."""
    try:
        if not is_going(folder, time.time()):
            shutil.rmtree(folder)  # follows no link, nor is itself misled by one
    except OSError as error:
        return f"{folder.name}: {error.strerror or error}"
    return ""


def is_going(folder: Path, now: float) -> bool:
    """Whether its run may still be going on at ``now`` (seconds since the epoch). Raises ``OSError``."""
    journal = folder / JOURNAL
    if not _is_file(journal):
        return False
    with journal.open("rb") as file:
        about = os.fstat(file.fileno())
        file.seek(max(0, about.st_size - _TAIL))
        lines = file.read(_TAIL).splitlines()
    return now - about.st_mtime < GOING_S and not any(_is_end(line) for line in lines)


def _is_end(line: bytes) -> bool:
    try:
        entry = json.loads(line) if b'"end"' in line else None
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("event") == "end"
