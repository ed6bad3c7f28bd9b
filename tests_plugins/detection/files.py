"""Ways to break a Redis whose files are on this machine: what it writes cannot be put in place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plugins.eventually import eventually
from tests_plugins.detection.redis_breaks import pipelined
from twin import resp

if TYPE_CHECKING:
    from tests_plugins.detection.redis_breaks import Command
    from tests_plugins.detection.scene import Scene
    from twin.handle import Twin

#: What Redis writes in the background here takes a moment, and nothing takes so long (seconds).
WRITTEN_S = 15.0


@dataclass(frozen=True)
class SnapshotFails:
    """A folder is where the snapshot belongs, and BGSAVE has met it."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Put it there and let Redis save."""
        _obstruct(scene, _folder(scene.twin) / "dump.rdb", ("BGSAVE",), "rdb_last_bgsave_status")


@dataclass(frozen=True)
class RewriteFails:
    """A folder is where the next append-only file belongs, and BGREWRITEAOF has met it."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Put it there and let Redis rewrite."""
        _obstruct(scene, _next_base(_folder(scene.twin)), ("BGREWRITEAOF",), "aof_last_bgrewrite_status")


@dataclass(frozen=True)
class Loads:
    """Redis was restarted with many keys, which it reads back as slowly as ``key-load-delay`` makes it."""

    keys: int
    size: int

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Write, restart, and do not wait."""
        twin = scene.twin
        names = [f"loaded:{number}" for number in range(self.keys)]
        pipelined(twin, [("SET", name, b"x" * self.size, "EX", 3600) for name in names])
        delay = twin.options.redis_args[twin.options.redis_args.index("--key-load-delay") + 1]
        hurried: list[Command] = [("UNLINK", *names), ("CONFIG", "SET", "key-load-delay", delay)]
        scene.mend(pipelined, twin, hurried)
        scene.mend(_await_field, twin, "loading", "0")
        scene.mend(_hurry, twin)
        twin.actions.act("restart", twin.options.redis_service)


def _hurry(twin: Twin) -> None:
    """Let it read the rest at once."""
    eventually(
        lambda: twin.redis("CONFIG", "SET", "key-load-delay", "0"),
        what="a Redis that takes a new key-load-delay",
        within_s=WRITTEN_S,
        catch=(OSError, resp.ErrorReply),
    )


def _obstruct(scene: Scene, path: Path, command: Command, field: str) -> None:
    aside = path.with_name(f"{path.name}.aside")
    if path.exists():
        path.rename(aside)
        scene.mend(aside.rename, path)
    scene.mend(_await_field, scene.twin, field, "ok")
    scene.mend(scene.twin.redis, *command)
    scene.mend(path.rmdir)
    path.mkdir()
    scene.twin.redis(*command)
    _await_field(scene.twin, field, "err")


def _await_field(twin: Twin, field: str, value: str) -> None:
    eventually(
        lambda: _field(twin, field),
        lambda seen: seen == value,
        what=f"{field}:{value}",
        within_s=WRITTEN_S,
        catch=(OSError, resp.ErrorReply),
    )


def _field(twin: Twin, field: str) -> str:
    """A field of INFO."""
    info = twin.redis("INFO", "all")
    assert isinstance(info, bytes)
    found = re.search(rf"^{field}:(.*?)\r?$", info.decode(errors="replace"), re.MULTILINE)
    return found[1] if found else ""


def _folder(twin: Twin) -> Path:
    """Where Redis writes."""
    reply = twin.redis("CONFIG", "GET", "dir")
    assert isinstance(reply, list)
    assert isinstance(reply[1], bytes)
    return Path(reply[1].decode())


def _next_base(folder: Path) -> Path:
    """The file that the next rewrite makes: one of a numbered series since Redis 7, before always the same."""
    parts = folder / "appendonlydir"
    if not parts.is_dir():
        return folder / "appendonly.aof"
    numbers = [int(found[1]) for path in parts.iterdir() if (found := re.search(r"\.(\d+)\.base\.", path.name))]
    return parts / f"appendonly.aof.{max(numbers, default=0) + 1}.base.rdb"
