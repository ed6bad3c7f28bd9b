"""The folder of one run, and the link to the newest."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """Where a run writes; ``path`` None: nowhere, for ``reason``."""

    path: Path | None
    reason: str = ""


def make(report_dir: Path, run_id: str) -> Folder:
    """Make ``report_dir/run_id``. A directory that cannot be written costs the report, never the verdict."""
    path = report_dir.absolute() / run_id
    try:
        path.mkdir(parents=True)
    except OSError as error:
        return Folder(None, f"{path}: {error.strerror}")
    return Folder(path)


def link_latest(path: Path) -> None:
    """Let ``latest`` beside the run's folder point to it, in one step. Raises ``OSError``."""
    link = path.parent / "latest"
    new = path.parent / f".latest-{path.name}"
    new.symlink_to(path.name)
    try:
        os.replace(new, link)  # noqa: PTH105 - Path.replace would follow nothing either, but os.replace says atomic
    except OSError:
        new.unlink()
        raise


def copy(folder: Path, wanted: Mapping[str, Path]) -> Iterator[str]:
    """Copy reports of a run, by name, to other places; yields a complaint for each that cannot be."""
    for name, place in wanted.items():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, place)
        except OSError as error:
            yield f"{name} cannot be copied to {place}: {error.strerror or error}"
