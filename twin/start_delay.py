"""A Redis that starts late, by a time that can be changed while the twin is up: outages of a known length.

Beside the backend's orders lie a script and a file with a number. Redis is started through the script, which reads
the number anew at each start.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".sh")
#: The file with the seconds, in the folder of the backend's orders.
SECONDS = "start_delay_s"
#: Where that folder is in a container.
INSIDE = "/run/twin"

_COMMAND = "    command: redis-server"
_DELAYED = f"""\
    entrypoint: [sh, {INSIDE}/{SCRIPT.name}, docker-entrypoint.sh]
    volumes: ["./control:{INSIDE}:ro"]
"""


def furnish(control: Path, seconds: float) -> None:
    """Put the script and the first delay into the folder. Raises ``ValueError`` as ``write``."""
    shutil.copy(SCRIPT, control)
    write(control, seconds)


def write(control: Path, seconds: float) -> None:
    """Set the delay of the next starts, in one step. Raises ``ValueError`` for what is no length of time."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"a start cannot be delayed by {seconds!r} s: give a number of seconds, 0 or more")
    with tempfile.NamedTemporaryFile("w", dir=control, delete=False) as file:
        file.write(f"{seconds:.3f}\n")
    Path(file.name).chmod(0o644)  # in a container another user may read it
    Path(file.name).replace(control / SECONDS)


def in_compose(text: str) -> str:
    """The Compose file's text, with a Redis that is started through the script."""
    if text.count(_COMMAND) != 1:
        raise RuntimeError(f"the twin's Compose file has no one line that begins with {_COMMAND!r}")
    return text.replace(_COMMAND, _DELAYED + _COMMAND)


def argv(control: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """The same for a process."""
    return ("sh", str(control / SCRIPT.name), *command)
