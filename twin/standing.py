"""A twin that is up already, for other processes: a file that says how to reach it.

``python -m twin`` leaves one; ``RUNBOOK_TWIN=FILE pytest -m verify --host twin`` then judges that twin instead of
bringing up its own.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from plugins.decode import Table
from plugins.inventory import Chaos, Environment, Host, InventoryError
from plugins.place import Place, Problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.handle import Twin

#: The variable that names the file.
VARIABLE = "RUNBOOK_TWIN"


def save(twin: Twin, path: Path) -> None:
    """Write the file. Secrets are not in it: whoever judges the twin needs its variables, too."""
    entry = {key: value for key, value in asdict(twin.host).items() if value is not None and key != "name"}
    entry["patterns"] = {
        pattern.glob: {key: value for key, value in asdict(pattern).items() if key != "glob" and value is not None}
        for pattern in twin.host.patterns
    }
    entry["chaos"] = {key: value for key, value in entry["chaos"].items() if value is not None}
    supervisor = str(twin.supervisor) if twin.supervisor is not None else None
    path.write_text(json.dumps({"host": entry, "supervisor": supervisor}, default=str), encoding="utf-8")


def load(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Host, Path | None]:
    """The twin's entry and its supervisor's socket. Raises ``InventoryError`` where the file is not one of ours."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        host = cast("Host", Table(Host).read(saved["host"], Place((), path.absolute().parent, environ).inside("twin")))
        return host, Path(saved["supervisor"]) if saved["supervisor"] else None
    except (OSError, ValueError, KeyError, TypeError, Problems) as error:
        raise InventoryError(f"{VARIABLE}={path}: no twin is described there ({error})") from error


def outline() -> Host:
    """A twin that is not up, for ``--plan``: ports are only known once it is."""
    return Host(
        name="twin",
        environment=Environment.DEVELOPMENT,
        backend_service="backend_staging",
        readiness_url="http://127.0.0.1:PORT/api/v1/ready",
        chaos=Chaos(allowed=True, engine_id="the twin's own"),
    )
