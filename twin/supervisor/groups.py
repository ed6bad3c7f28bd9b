"""Processes and their groups, as the kernel has them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    import subprocess


def await_end(process: subprocess.Popen[bytes]) -> None:
    """Block until the process ends, without reaping it where the system allows: its group's number stays taken."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def kill_group(group: int, number: signal.Signals) -> None:
    """Send the signal to all of a group; none left is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
