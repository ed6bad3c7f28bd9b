"""The Compose stack of a host: containers found by their labels, asked through the engine's API."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plugins.target import containers as read
from plugins.target import engine_paths as paths
from plugins.target.commands import Commands
from plugins.target.engine_api import EngineError
from plugins.target.engine_events import EngineEvents
from plugins.target.engine_road import EngineRoad
from plugins.target.engine_stream import SYSTEM_ERROR
from plugins.target.folder import folder
from plugins.target.model import Log, LogUnreadable, ServiceMissing, TargetError
from plugins.target.projects import Listed, Origin, belongs, candidates, choose, of_service, origin
from plugins.target.roads import Deadline
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from plugins.inventory import Host
    from plugins.target.engine_stream import Frame
    from plugins.target.model import Completed, Container, Engine, LogRecord
    from plugins.target.roads import Roads

#: Seconds for one question to the engine; a loaded one takes its time.
ENGINE_TIMEOUT_S = 10.0
LOG_TIMEOUT_S = 30.0

NOT_FOUND = 404

#: Who is silent for longer (seconds) when it starts, and has a log that is rotated, seems to have lost its beginning.
SILENT_S = 10.0
#: Bytes that the engine stores with a line, at most, as it does with each.
STORED_WITH_A_LINE = 200

#: Of a log, so many lines from its end are asked for, for every megabyte that may be read.
LINES_PER_MEGABYTE = 10_000


class ComposeStack:
    """See ``model.Stack``. Safe to use from several threads; asks nothing before the first question."""

    def __init__(self, shell: Roads, host: Host) -> None:
        self._shell = shell
        self._host = host
        self._road = EngineRoad(shell, host)
        self._commands = Commands(self._road)
        self._lock = threading.Lock()
        self._project: str | None = host.compose_project
        self._origin: Origin | None = None
        self._taken = ""  # what to say of a project that was taken for want of another
        self._listing: Future[list[Listed]] | None = None
        self._terminals: set[str] = set()  # containers whose output has one stream and no frames

    @property
    def project(self) -> str | None:
        """The Compose project's name; None until containers were found."""
        return self._project

    def notes(self) -> tuple[str, ...]:
        """What the user should know about the way to the engine, and about the project that was taken."""
        return (*self._road.notes(), self._taken) if self._taken else self._road.notes()

    @property
    def origin(self) -> Origin | None:
        """From where the project was started, where its labels tell; None until its addresses were asked for."""
        return self._origin

    def prepare(self) -> None:
        """Begin, as soon as the shell is open, with what the first question will need. Waits for nothing."""
        self._road.prepare()
        threading.Thread(target=self._listed_ahead, daemon=True, name="containers").start()

    def engine(self) -> Engine:
        """See ``model.Stack``."""
        deadline = self._deadline("the engine")
        info = self._road.ask(lambda api: api.get(paths.INFO, deadline))
        with self._understood():
            return read.engine(info)

    def containers(self, service: str) -> tuple[Container, ...]:
        """See ``model.Stack``. Raises ``ServiceAmbiguous`` too, where several projects could be meant."""
        found = self._look_at(service)
        if any(one is None for one in found):
            found = self._look_at(service)  # one was removed between the list and the look, as Compose replaces it
        there = tuple(self._on_the_network(one) for one in found if one is not None)
        if not there:
            raise ServiceMissing(f"the containers of the Compose service {service!r} are just being removed")
        return there

    def _look_at(self, service: str) -> list[Container | None]:
        """List a service's containers, and look at each; None for one that is gone."""
        listed = self._listed()
        chosen = of_service(listed, self._chosen(listed), service, self._wanted)
        deadline = self._deadline(f"the containers of {service}")
        asked = [paths.container(one.id) for one in chosen]
        details = self._road.ask(lambda api: api.get_all(asked, deadline))
        return [self._container(detail, one) for detail, one in zip(details, chosen, strict=True)]

    def addresses(self) -> frozenset[str]:
        """See ``model.Stack``. From the same list that the services are found in."""
        listed = self._listed()
        project = self._chosen(listed)
        self._origin = origin(listed, project)
        return frozenset(address for one in listed if one.project == project for address in one.addresses)

    def again(self, container: Container) -> Container | None:
        """See ``events.Observable``."""
        deadline = self._deadline(f"the container {container.name}")
        try:
            detail = self._road.ask(lambda api: api.get(paths.container(container.id), deadline))
        except EngineError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        with self._understood():
            now = read.container(detail, Listed(container.id, container.name, {}))
        return self._on_the_network(replace(now, service=container.service, number=container.number))

    def _on_the_network(self, one: Container) -> Container:
        """Redis with the addresses and ports of the container whose network it shares, where it does.

        Redis alone: whose a connection is, is told by addresses of the backend's own.
        """
        kind, _, owner = one.network_mode.partition(":")
        if kind != "container" or one.service != self._host.redis_service:
            return one
        deadline = self._deadline(f"the container whose network {one.name} shares")
        try:
            detail = self._road.ask(lambda api: api.get(paths.container(owner), deadline))
        except EngineError:
            return one  # it is gone, and the network with it
        with self._understood():
            return read.joined(one, read.container(detail, Listed(owner, owner, {})))

    def events(self, container: Container) -> EngineEvents:
        """See ``events.Observable``."""
        return EngineEvents(self._road, container.id)

    def execute(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Completed:
        """See ``model.Stack``. At the deadline the command is ended, if that can be done: see ``commands``."""
        return self._commands.run(container, argv, env or {}, stdin, timeout_s)

    def logs(self, container: Container, *, since: datetime, max_bytes: int = 4_000_000) -> Log:
        """See ``model.Stack``. Where there is more than ``max_bytes``, the newest part is read."""
        deadline = Deadline(LOG_TIMEOUT_S, f"the log of {container.name}")
        tail = max(1, max_bytes * LINES_PER_MEGABYTE // 1_000_000)
        frames = self._road.api().stream(
            paths.log(container.id),
            deadline,
            tty=container.id in self._terminals,
            **paths.newest(f"{int(since.timestamp())}.{since.microsecond:06}", str(tail)),
        )
        try:
            kept, dropped = _newest(frames, max_bytes)
        except EngineError as error:
            raise LogUnreadable(f"the log of {container.name} ({container.log_driver}): {error}") from error
        refused = [frame.data for frame in kept if frame.stream == SYSTEM_ERROR]
        if refused:
            words = b" ".join(refused).decode(errors="backslashreplace")
            raise LogUnreadable(f"the log of {container.name} ({container.log_driver}): {words}")
        records = tuple(one for one in read.records(kept) if one.at >= since)
        truncated = dropped or len(records) >= tail
        may_lack = container.log_kept is not None and not truncated and stored(records) >= container.log_kept
        return Log(since, records, truncated, self._oldest(container, since, deadline) if may_lack else None)

    def _oldest(self, container: Container, since: datetime, deadline: Deadline) -> datetime | None:
        """When the oldest line that is kept of a container's log was written; None: it is the first there was."""
        tty = container.id in self._terminals
        frames = self._road.api().stream(paths.log(container.id), deadline, tty=tty, **paths.whole())
        with contextlib.closing(frames):
            oldest = next((one.at for one in read.records(frames)), None)
        made = container.created_at
        if oldest is None or made is None or made < since:
            return oldest
        return oldest if (oldest - made).total_seconds() > SILENT_S else None

    def close(self) -> None:
        """Close the connections. Never raises."""
        self._road.close()

    def _deadline(self, what: str) -> Deadline:
        return Deadline(ENGINE_TIMEOUT_S, f"{what} on {self._shell.where}")

    def _listed(self) -> list[Listed]:
        """Every Compose container of the engine, of all projects, so that an error can name what was found instead.

        Who asks while another's question is under way waits for the same answer.
        """
        with self._lock:
            under_way = self._listing
            if under_way is None:
                self._listing = mine = Future[list[Listed]]()
        if under_way is not None:
            return under_way.result()
        deadline = self._deadline("the containers")
        try:
            rows = self._road.ask(lambda api: api.get(paths.CONTAINERS, deadline, **paths.OF_COMPOSE))
            with self._understood():
                mine.set_result(read.listed(rows))
        except BaseException as error:  # noqa: BLE001 - raised below, and in whoever waits for the same answer
            mine.set_exception(error)
        finally:
            with self._lock:
                self._listing = None
        return mine.result()

    def _listed_ahead(self) -> None:
        """Ask for the list before anybody wants it; an error will meet whoever does."""
        with contextlib.suppress(TargetError, Unreachable):
            self._listed()

    def _chosen(self, listed: list[Listed]) -> str:
        """The project that is meant, chosen once."""
        if self._project is None:
            found = candidates(listed, self._wanted)
            if not found:
                return ""
            self._project = self._only(listed, found[0]) if len(found) == 1 else self._own(listed, found)
        return self._project

    @property
    def _wanted(self) -> list[str]:
        """The services by which the project is known."""
        return [service for service in (self._host.redis_service, self._host.backend_service) if service]

    def _own(self, listed: list[Listed], found: list[str]) -> str:
        """Of several projects the one that Compose would derive in the host's folder, which costs a look there."""
        return choose(listed, found, folder(self._shell, self._host))

    def _only(self, listed: list[Listed], project: str) -> str:
        """The only project there is with the services; a note, where nothing says that it is this folder's."""
        host = self._host
        if not belongs(listed, project, host.project_dir, host.compose_file):
            self._taken = (
                f"the Compose project {project!r} is judged, the only one with these services, though it does not seem "
                f"to be that of {host.project_dir}: name it in the inventory (compose_project) if it is meant"
            )
        return project

    def _container(self, detail: Any, one: Listed) -> Container | None:
        if isinstance(detail, EngineError):
            if detail.status == NOT_FOUND:
                return None
            raise detail
        with self._understood():
            if (detail.get("Config") or {}).get("Tty"):
                self._terminals.add(detail["Id"])
            return read.container(detail, one)

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """What answers may be no engine at all."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TargetError(f"what answers on {self._shell.where} is not Docker's API: {error!r}") from error


def _newest(frames: Iterable[Frame], max_bytes: int) -> tuple[deque[Frame], bool]:
    """The newest frames that fit, and whether older ones were dropped."""
    kept: deque[Frame] = deque()
    size = 0
    dropped = False
    for frame in frames:
        kept.append(frame)
        size += len(frame.data)
        while size > max_bytes and len(kept) > 1:
            size -= len(kept.popleft().data)
            dropped = True
    return kept, dropped


def stored(records: Iterable[LogRecord]) -> int:
    """The bytes that these lines take in the engine's own files, at most: as JSON, every character may be escaped."""
    return sum(6 * len(one.text) + STORED_WITH_A_LINE for one in records)
