"""The engine's JSON read into the model: pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plugins.target.model import Container, Engine, LogRecord, PortBinding
from plugins.target.projects import Listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from plugins.target.engine_stream import Frame

STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)$")

#: The label in which Compose keeps a service's dependencies.
DEPENDS_ON = "com.docker.compose.depends_on"

#: A size as the engine takes it: ``10m``.
SIZE = re.compile(r"(\d{1,15})([bkmg]?)b?")

#: A moment that the engine writes where there is none begins so.
NO_MOMENT = "0001-01-01"


def moment(text: str | None) -> datetime | None:
    """A time of the engine's (RFC 3339, to the nanosecond); microseconds are kept. None where it names none."""
    if not text or text.startswith(NO_MOMENT):
        return None
    match = STAMP.fullmatch(text)
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    micros = (fraction or ".0")[:7]
    return datetime.fromisoformat(f"{whole}{micros:0<7}{'+00:00' if zone == 'Z' else zone}").astimezone(UTC)


def listed(rows: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """The answer of ``/containers/json``."""
    return [
        Listed(
            row["Id"],
            next(iter(row.get("Names") or [row["Id"][:12]])).lstrip("/"),
            row.get("Labels") or {},
            tuple(_addresses(row.get("NetworkSettings") or {})),
        )
        for row in rows
    ]


def container(detail: Mapping[str, Any], one: Listed) -> Container:
    """The answer of ``/containers/ID/json``. Environment values are left out: they hold secrets."""
    state, config, host = detail.get("State") or {}, detail.get("Config") or {}, detail.get("HostConfig") or {}
    network = detail.get("NetworkSettings") or {}
    restart = host.get("RestartPolicy") or {}
    return Container(
        id=detail["Id"],
        name=str(detail.get("Name", "")).lstrip("/"),
        service=one.service,
        number=one.number,
        image=config.get("Image") or "",
        image_id=detail.get("Image") or "",
        state=state.get("Status") or "",
        exit_code=state.get("ExitCode") or 0,
        oom_killed=bool(state.get("OOMKilled")),
        health=_health(state),
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        restart_count=detail.get("RestartCount") or 0,
        restart_policy=restart.get("Name") or "no",
        argv=tuple(filter(None, [detail.get("Path"), *(detail.get("Args") or [])])),
        ports=tuple(_ports(network)),
        addresses=tuple(_addresses(network)),
        network_mode=host.get("NetworkMode") or "",
        memory_limit=host.get("Memory") or 0,
        log_driver=(host.get("LogConfig") or {}).get("Type") or "",
        log_kept=_kept(host.get("LogConfig") or {}),
        created_at=moment(detail.get("Created")),
        mounts={
            **dict.fromkeys(host.get("Tmpfs") or {}, "tmpfs:"),  # Compose's short form is not among the mounts
            **{mount["Destination"]: _mounted(mount) for mount in detail.get("Mounts") or []},
        },
        restarts_with=_restarts_with(config.get("Labels") or {}),
    )


def joined(one: Container, owner: Container) -> Container:
    """A container in the network of another one, ``owner``: it has that one's addresses, and what that publishes."""
    mode = owner.network_mode if owner.network_mode == "host" else one.network_mode
    return replace(one, addresses=owner.addresses, ports=owner.ports, network_mode=mode)


def _restarts_with(labels: Mapping[str, str]) -> frozenset[str]:
    """Compose's own label: ``SERVICE:CONDITION:RESTART`` for each dependency, with commas between."""
    dependencies = (one.rpartition(":") for one in labels.get(DEPENDS_ON, "").split(","))
    return frozenset(rest.partition(":")[0] for rest, _, restart in dependencies if restart == "true")


def _kept(log: Mapping[str, Any]) -> int | None:
    """So much of a log is kept at least: all files but the one that may only just have been begun.

    Defaults as the engine documents them: json-file keeps all and one file of a size, "local" five files of 20 MB.
    """
    given = log.get("Config") or {}
    usual = {"json-file": ("-1", "1"), "local": ("20m", "5")}.get(log.get("Type") or "")
    if usual is None:
        return 0
    size, files = given.get("max-size", usual[0]), given.get("max-file", usual[1])
    if size == "-1":
        return None
    found = SIZE.fullmatch(size.strip().lower())
    if found is None or not (files.isascii() and files.isdigit()):
        return 0
    factor = 1 << 10 * "bkmg".index(found[2] or "b")
    return int(found[1]) * factor * max(0, int(files) - 1)


def _health(state: Mapping[str, Any]) -> str | None:
    status = (state.get("Health") or {}).get("Status")
    return status if status and status != "none" else None


def _ports(network: Mapping[str, Any]) -> Iterator[PortBinding]:
    """Published TCP ports."""
    for inside, outside in (network.get("Ports") or {}).items():
        port, _, kind = inside.partition("/")
        for binding in outside or []:
            if kind == "tcp" and binding.get("HostPort", "").isdigit():
                yield PortBinding(binding.get("HostIp") or "0.0.0.0", int(binding["HostPort"]), int(port))  # noqa: S104 - read, not bound


def _addresses(network: Mapping[str, Any]) -> Iterator[str]:
    for one in (network.get("Networks") or {}).values():
        for key in ("IPAddress", "GlobalIPv6Address"):
            if one and one.get(key):
                yield one[key]


def _mounted(mount: Mapping[str, Any]) -> str:
    """What is mounted, as ``kind:where on the host``."""
    return f"{mount.get('Type') or 'bind'}:{mount.get('Source') or mount.get('Name') or ''}"


def engine(info: Mapping[str, Any]) -> Engine:
    """The answer of ``/info``."""
    security = info.get("SecurityOptions") or []
    return Engine(
        id=info.get("ID") or "",
        version=info.get("ServerVersion") or "",
        name=info.get("Name") or "",
        kind="docker",
        storage_dir=info.get("DockerRootDir") or "",
        clock=moment(info.get("SystemTime")),
        rootless=any("name=rootless" in option for option in security),
        live_restore=bool(info.get("LiveRestoreEnabled")),
    )


def records(frames: Iterable[Frame]) -> Iterator[LogRecord]:
    """Log lines from the engine's stamped frames. A long line comes in pieces, each with a stamp: they are joined."""
    pending: dict[int, tuple[datetime, bytes]] = {}
    for frame in frames:
        at, text = _stamped(frame.data)
        if frame.stream in pending:
            first_at, before = pending.pop(frame.stream)
            at, text = first_at, before + (text if at is not None else frame.data)
        if at is None:
            continue
        if text.endswith(b"\n"):
            yield _record(at, frame.stream, text)
        else:
            pending[frame.stream] = (at, text)
    for stream, (at, text) in pending.items():
        yield _record(at, stream, text)


def _stamped(data: bytes) -> tuple[datetime | None, bytes]:
    """A frame's stamp and the rest."""
    stamp, _, rest = data.partition(b" ")
    return moment(stamp.decode(errors="replace")), rest


def _record(at: datetime, stream: int, text: bytes) -> LogRecord:
    line = text.removesuffix(b"\n").removesuffix(b"\r").decode(errors="backslashreplace")
    return LogRecord(at, "stderr" if stream == 2 else "stdout", line)  # noqa: PLR2004 - the engine's number
