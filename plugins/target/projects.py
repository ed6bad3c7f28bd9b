"""Which Compose project is meant: pure, from the containers' labels and what the host's folder says."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from plugins.target.model import ServiceAmbiguous, ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"
WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"

#: What Compose lets a project be called; anything else under the label was not Compose's.
PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

#: How many names an error lists before it only counts.
LISTED = 12


class Listed(NamedTuple):
    """A container in the engine's list."""

    id: str
    name: str
    labels: Mapping[str, str]
    addresses: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """Its Compose project."""
        return self.labels.get(PROJECT, "")

    @property
    def service(self) -> str:
        """Its Compose service."""
        return self.labels.get(SERVICE, "")

    @property
    def number(self) -> int:
        """Which replica of its service it is, from 1."""
        text = self.labels.get(NUMBER, "")
        return int(text) if text.isascii() and text.isdigit() else 1

    @property
    def oneoff(self) -> bool:
        """Whether `docker compose run` made it: the service's labels, but not the service."""
        return self.labels.get(ONEOFF, "").lower() == "true"


class Folder(NamedTuple):
    """What the project's folder on the host says about the project's name."""

    path: str = ""  # absolute; empty where there is no such folder
    compose_file: str = ""  # absolute
    env_name: str = ""  # COMPOSE_PROJECT_NAME in its .env
    file_name: str = ""  # `name:` in the compose file
    others_there: bool = False  # whether the other files that were asked for are there

    @property
    def project(self) -> str:
        """The name that Compose would derive here; empty where it cannot be told."""
        if self.env_name:
            return normalised(self.env_name)
        if self.file_name and "$" not in self.file_name:
            return normalised(self.file_name)
        base = PurePosixPath(self.compose_file).parent if self.compose_file else PurePosixPath(self.path)
        return normalised(base.name)


class Origin(NamedTuple):
    """From where a project was started, by its containers' labels: absolute paths, as they were written then."""

    project: str
    folder: str
    files: tuple[str, ...]


def origin(listed: Iterable[Listed], project: str) -> Origin | None:
    """Where the project was started; None where no label tells."""
    for one in listed:
        if one.project == project and not one.oneoff and (folder := one.labels.get(WORKING_DIR, "")).startswith("/"):
            files = filter(None, one.labels.get(CONFIG_FILES, "").split(","))
            return Origin(project, folder, tuple(posixpath.join(folder, file) for file in files))
    return None


def started_by(found: Origin, project_dir: str, compose_file: str) -> bool:
    """Whether that is the inventory's file and no other. A path in a home is compared by its end, see ``belongs``."""
    path = PurePosixPath(posixpath.normpath(re.sub(r"^~[^/]*/?", "", project_dir) or "."))
    if path.parts[:1] == ("..",):
        return True  # from a home that only the host knows
    if not found.files:
        return _ends(found.folder, path)
    return len(found.files) == 1 and _ends(found.files[0], PurePosixPath(posixpath.normpath(path / compose_file)))


class WrongProject(ServiceMissing):
    """The project has none of the wanted services, and ``projects`` have: one of these is meant."""

    def __init__(self, message: str, projects: Iterable[str]) -> None:
        super().__init__(message)
        self.projects = tuple(sorted(filter(PROJECT_NAME.fullmatch, projects)))


def elsewhere(error: ServiceMissing) -> tuple[str, ...]:
    """The projects one of which may be meant, where a service is missing because another one was looked at."""
    return error.projects if isinstance(error, WrongProject) else ()


def normalised(name: str) -> str:
    """A project name as Compose makes it: lower case, letters, digits, `-` and `_`, none of these two in front."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def candidates(listed: Iterable[Listed], wanted: Collection[str]) -> list[str]:
    """The projects that have any of the wanted services: the one that is meant may be the one that is partly down."""
    return sorted({one.project for one in listed if not one.oneoff and one.service in wanted})


def choose(listed: Collection[Listed], found: Collection[str], folder: Folder) -> str:
    """Of several, the folder's own: by the name derived there, else by the labels. Raises ``ServiceAmbiguous``."""
    if folder.project in found:
        return folder.project
    here = {one.project for one in listed if one.project in found and _started_from(one, folder)}
    if len(here) == 1:
        return here.pop()
    where = f"the folder's own name would be {folder.project!r}" if folder.path else "there is no such folder"
    raise ServiceAmbiguous(
        f"several Compose projects have these services: {some(found)}; {where}. "
        "Name one of them in the inventory: compose_project"
    )


def belongs(listed: Iterable[Listed], project: str, project_dir: str, compose_file: str) -> bool:
    """Whether a project is the folder's, as far as the inventory's paths tell: nothing is asked for this.

    A path that begins in a home, which only the host knows, is compared by its end.
    """
    path = PurePosixPath(re.sub(r"^~[^/]*/?", "", project_dir))
    file = path / compose_file
    if project == normalised(file.parent.name):
        return True
    labels = [one.labels for one in listed if one.project == project]
    return any(
        _ends(one.get(WORKING_DIR, ""), path) or any(_ends(name, file) for name in one.get(CONFIG_FILES, "").split(","))
        for one in labels
    )


def _ends(label: str, path: PurePosixPath) -> bool:
    """Whether a label's path is this one, or ends in it where it is relative."""
    return label == str(path) if path.is_absolute() else f"/{label}".endswith(f"/{path}")


def _started_from(one: Listed, folder: Folder) -> bool:
    """Whether a container's labels name this folder or its compose file."""
    files = one.labels.get(CONFIG_FILES, "").split(",")
    return bool(
        (folder.path and one.labels.get(WORKING_DIR, "") == folder.path)
        or (folder.compose_file and folder.compose_file in files)
    )


def of_service(listed: Collection[Listed], project: str, service: str, others: Collection[str] = ()) -> list[Listed]:
    """A service's containers by number, one-off ones left out.

    Raises ``ServiceMissing``; ``WrongProject`` where the project has none of the ``others`` that are wanted either.
    """
    real = [one for one in listed if not one.oneoff]
    found = sorted(
        (one for one in real if one.project == project and one.service == service),
        key=lambda one: (one.number, one.name),
    )
    if found:
        return found
    complaint = f"no container of the Compose service {service!r}: {_found_instead(real, project, service)}"
    projects = set(candidates(real, {service, *others}))
    if project and projects and project not in projects:
        raise WrongProject(complaint, projects)
    raise ServiceMissing(complaint)


def _found_instead(real: Collection[Listed], project: str, service: str) -> str:
    """What there is, for the error about what there is not."""
    projects = sorted({one.project for one in real})
    if not projects:
        return "no Compose project has a container on this engine"
    elsewhere = sorted({one.project for one in real if one.service == service})
    if project and elsewhere:
        return f"project {project!r} has none, but these have: {some(elsewhere)}"
    if project in projects:
        return f"project {project!r} has {some({one.service for one in real if one.project == project})}"
    services = {f"{one.project}/{one.service}" for one in real}
    missing = f"there is no project {project!r}; " if project else ""
    return f"{missing}the engine has (project/service) {some(services)}"


def some(names: Iterable[str]) -> str:
    """Names, sorted and quoted; only so many of them."""
    listed = sorted(set(names))
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return ", ".join(repr(name) for name in listed[:LISTED]) + more
