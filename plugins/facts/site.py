"""Where a person would mend the host: the folder that the inventory names, or the one that Compose was started in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from plugins.remedy import Started
from plugins.target.folder import folder
from plugins.target.projects import started_by

if TYPE_CHECKING:
    from plugins.inventory import Host
    from plugins.target.open import Target
    from plugins.target.projects import Folder, Origin


@dataclass(frozen=True)
class Site:
    """The host as remedies are written for it, and what the user should know about that."""

    host: Host
    note: str = ""


def survey(target: Target) -> Site:
    """Compare the inventory with the labels, and look at the host where they differ. Raises ``TargetError``."""
    host, origin = target.host, target.origin
    if origin is None or started_by(origin, host.project_dir, host.compose_file):
        return Site(host)
    return settle(host, origin, folder(target.shell, host, origin.files or (origin.folder,)))


def settle(host: Host, origin: Origin, here: Folder) -> Site:
    """Which folder to use, where the labels name another than the inventory; ``here`` is the inventory's own."""
    if here.compose_file and origin.files == (here.compose_file,):
        return Site(host)  # by another path: a link
    started = f"the project {origin.project!r} was started by {', '.join(origin.files) or origin.folder}"
    meant = f"not by {host.compose_file} in {host.project_dir}, as the inventory says"
    gone = "" if here.path else " (there is no such folder)"
    if not here.path or here.others_there:
        return Site(_started(host, origin), f"{started}, {meant}{gone}: remedies name the former")
    return Site(host, f"{started}, which is not on the host any more, {meant}: remedies name the latter")


def _started(host: Host, origin: Origin) -> Started:
    known = {field.name: getattr(host, field.name) for field in fields(host)}
    at = {"project_dir": origin.folder, "compose_project": origin.project}
    files = tuple(_within(file, origin.folder) for file in origin.files)
    return Started(**{**known, **at}, compose_files=files or (host.compose_file,))


def _within(file: str, folder: str) -> str:
    """The path as seen from the folder."""
    path = PurePosixPath(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file
