"""Whether processes live, by their numbers."""

from __future__ import annotations

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended; one that merely waits to be reaped has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return not Path("/proc/self").exists() and _signalled(pid)
    return not stat.rpartition(b")")[2].split()[0].startswith(b"Z")


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
