"""The machine underneath, through testinfra: overcommit, huge pages, disk space and the clock, in one command."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plugins.facts.container import Opinion
from plugins.verdict import Blocked, NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.target.model import Container, Engine

_OVERCOMMIT = "/proc/sys/vm/overcommit_memory"
_HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"
#: All that is asked of the machine, in one command; the paths that matter are its arguments.
_SCRIPT = (
    'date -u +"clock %s.%N"; uname -s | sed "s/^/system /"; '
    f"for file in {_OVERCOMMIT} {_HUGE_PAGES}; do "
    'if [ -r "$file" ]; then printf "file %s " "$file"; head -n 1 "$file"; fi; done; '
    "systemctl is-enabled docker.service 2>/dev/null | sed 's/^/boot /'; "
    # A folder that only root may enter lies on its parent's file system, as a rule.
    'for path in "$@"; do printf "disk %s\\n" "$path"; near=$path; '
    'until found=$(df -Pk -- "$near" 2>/dev/null) || [ "$near" = / ]; do near=$(dirname -- "$near"); done; '
    'printf "%s\\n" "$found" | tail -n 1; done; true'
)
_KIB = 1024
#: A snapshot has neither the pointers nor the spare room of the memory that it is made of, and is compressed.
_COMPRESSED = 10
#: The check that is red when hardly any save fits on the disk.
ROOM_FOR_A_SAVE = "host/disk_has_room_for_a_save"


@dataclass(frozen=True)
class Disk:
    """The file system that a path lies on, in bytes."""

    mount: str
    size: int
    free: int  # for unprivileged users, as df counts

    @property
    def used_ratio(self) -> float:
        """Used space as a part of what may be used."""
        return 1.0 - self.free / self.size if self.size else 1.0

    def describe(self) -> str:
        """How full it is, and where it is mounted."""
        return f"{self.used_ratio:.0%} used, {self.free / _KIB**2:.0f} MiB free on {self.mount}"


@dataclass(frozen=True)
class Room:
    """What is free where Redis writes, against what a save needs at most, in bytes."""

    disk: Disk
    needed: int

    @property
    def enough(self) -> bool:
        """A save fits that is as small as saves are: a tenth of the dataset's memory."""
        return self.disk.free * _COMPRESSED >= self.needed

    @property
    def ample(self) -> bool:
        """Any save fits. Raises ``Blocked`` where hardly any does, which is another check's red."""
        if not self.enough:
            raise Blocked(ROOM_FOR_A_SAVE, self.describe())
        return self.disk.free >= self.needed

    def describe(self) -> str:
        """Both figures."""
        return f"{self.disk.describe()}; the dataset takes {self.needed / _KIB**2:.1f} MiB at most"


@dataclass(frozen=True)
class Machine:
    """What the machine said. Each property raises ``NotApplicable`` where the system has no such thing."""

    system: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    disks: Mapping[str, Disk] = field(default_factory=dict)  # by the path that was asked for
    mounts: Mapping[str, str] = field(default_factory=dict)  # path in Redis's container -> path on the host
    storage: str = ""  # where the engine keeps what is in no mount
    local: bool = True  # the engine's disks are this machine's, not those of a virtual one
    boot: str | None = None  # systemd's word for the engine's start at boot
    rootless: bool = False  # the engine is a user's own, and so is what starts it
    offset_s: float | None = None  # host's clock minus the runner's
    doubt_s: float = 0.0  # how far that may be off, either way

    @property
    def overcommit(self) -> Opinion:
        """Whether fork succeeds when memory is half full: ``vm.overcommit_memory`` is 1."""
        value = self._file(_OVERCOMMIT, "vm.overcommit_memory")
        return Opinion(value == "1", f"vm.overcommit_memory is {value}")

    @property
    def huge_pages(self) -> Opinion:
        """Whether transparent huge pages, which make fork copy far too much, are not always on."""
        value = self._file(_HUGE_PAGES, "transparent huge pages")
        chosen = re.search(r"\[(\w+)\]", value)
        word = chosen.group(1) if chosen else value
        return Opinion(word != "always", f"transparent huge pages are {word!r}")

    @property
    def starts_at_boot(self) -> Opinion:
        """Whether systemd starts the engine at boot, without which no restart policy works."""
        if self.rootless:
            raise NotApplicable(
                "the engine is rootless: its user's systemd starts it (systemctl --user, enable-linger)"
            )
        if self.boot is None:
            raise NotApplicable("systemd does not manage a Docker service here")
        return Opinion(self.boot.startswith("enabled"), f"docker.service is {self.boot}")

    @property
    def clock_skew_s(self) -> float:
        """How far the host's clock is from the runner's at least, in seconds; 0 within the doubt of the reading."""
        if self.offset_s is None:
            raise Unjudged("the host did not say what time it is")
        return max(0.0, abs(self.offset_s) - self.doubt_s)

    def clock(self) -> str:
        """The clocks' distance in words."""
        offset = self.offset_s or 0.0
        return f"the host's clock is {offset:+.2f} s (± {self.doubt_s:.2f} s) from the runner's"

    def disk_of(self, path: str) -> Disk:
        """The file system behind a path in Redis's container.

        Raises ``NotApplicable`` where it lies in memory or in a virtual machine, ``Unjudged`` where df could not tell.
        """
        if not self.local:
            raise NotApplicable("the engine runs in a virtual machine, whose disks are not the host's")
        inside = max((one for one in self.mounts if _within(path, one)), key=len, default=None)
        there = self.mounts[inside] if inside is not None else self.storage
        if inside is not None and not there:
            raise NotApplicable(f"{inside} in the container lies on no disk of the host (tmpfs)")
        disk = self.disks.get(there)
        if disk is None:
            raise Unjudged(f"df could not tell about {there or path} on the host")
        return disk

    def _file(self, path: str, what: str) -> str:
        if path not in self.files:
            raise NotApplicable(f"{self.system or 'the host'} has no {what}")
        return self.files[path]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def host_paths(container: Container | None) -> dict[str, str]:
    """Where the mounts of Redis's container lie on the host; nowhere (empty) for those in memory."""
    mounts = container.mounts if container is not None else {}
    paths = {inside: source.partition(":")[2] for inside, source in mounts.items()}
    return {inside: path if path.startswith("/") else "" for inside, path in paths.items()}


def command(paths: Sequence[str]) -> tuple[str, ...]:
    """The one command, for the file systems behind these paths."""
    return ("sh", "-c", _SCRIPT, "sh", *paths)


def ask(host: Any, container: Container | None, engine: Engine) -> Machine:
    """Ask the machine by testinfra's ``host``, in one command. Raises ``TargetError`` as its shell does."""
    mounts = host_paths(container)
    paths = sorted({*mounts.values(), engine.storage_dir} - {""})
    words = command(paths)
    start_wall, start = time.time(), time.monotonic()
    result = host.run(" ".join(["%s"] * len(words)), *words)
    took = time.monotonic() - start
    machine = read(result.stdout, mounts=mounts, storage=engine.storage_dir, asked=start_wall, took_s=took)
    virtual = engine.kind == "docker" and (machine.system == "Darwin" or engine.name == "docker-desktop")
    return replace(machine, local=not virtual, rootless=engine.rootless)


def read(text: str, *, mounts: Mapping[str, str], storage: str, asked: float, took_s: float) -> Machine:
    """What the script printed, sent at ``asked`` by the runner's clock (epoch seconds), back ``took_s`` later."""
    files: dict[str, str] = {}
    disks: dict[str, Disk] = {}
    words: dict[str, str] = {}
    path = ""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "file":
            name, _, value = rest.partition(" ")
            files[name] = value.strip()
        elif kind == "disk":
            path = rest
        elif kind in {"clock", "system", "boot"}:
            words[kind] = rest.strip()
        elif (disk := _disk(line)) is not None and path:
            disks[path] = disk
    offset, doubt = _offset(words.get("clock", ""), asked, took_s)
    return Machine(
        system=words.get("system", ""),
        files=files,
        disks=disks,
        mounts=mounts,
        storage=storage,
        boot=words.get("boot"),
        offset_s=offset,
        doubt_s=doubt,
    )


def _disk(line: str) -> Disk | None:
    """Df's last line in POSIX form: device, size, used, free (KiB), capacity, mount point (which may hold spaces)."""
    found = re.match(r".+?\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+%\s+(/.*)$", line)
    if found is None:
        return None
    size, used, free = (int(found.group(number)) * _KIB for number in (1, 2, 3))
    return Disk(found.group(4), used + free or size, free)


def _offset(clock: str, asked: float, took_s: float) -> tuple[float | None, float]:
    """The clocks' distance by Cristian's rule: the host read its clock at some instant of the round trip."""
    found = re.match(r"(\d+)(?:\.(\d+))?", clock)
    if found is None:
        return None, 0.0
    fraction = float(f"0.{found.group(2)}") if found.group(2) else None  # BusyBox knows no %N
    host = int(found.group(1)) + (fraction if fraction is not None else 0.5)
    return host - (asked + took_s / 2), took_s / 2 + (0.5 if fraction is None else 0.0)
