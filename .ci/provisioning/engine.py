"""The Docker engine: started by hand, in a session of its own, because such machines have no service manager."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from provisioning.steps import ProvisionError, run, step, works

STATE = Path("/run/runbook-suite")
PID_FILE = STATE / "dockerd.pid"
LOG = STATE / "dockerd.log"
PATIENCE_S = 60.0


def start() -> None:
    """Start dockerd and wait until it answers; a running one is left alone."""
    with step("engine") as note:
        note("already running" if works(["docker", "info"]) else f"started, pid {_spawn()}")
        note(run(["docker", "version", "-f", "{{.Server.Version}}"]).strip())


def stop() -> None:
    """Stop the engine that ``start`` started, by its pid, and wait for its end. Its containers end with it."""
    with step("engine") as note:
        if not PID_FILE.exists():
            note("none that was started here")
            return
        pid_text, born = PID_FILE.read_text(encoding="utf-8").split()
        pid = int(pid_text)
        if _birth(pid) == born:
            os.kill(pid, signal.SIGTERM)
            _await_end(pid, born)
        PID_FILE.unlink()
        note(f"stopped, pid {pid}")


def _spawn() -> int:
    """Start dockerd, record its pid, wait until it answers; return the pid."""
    STATE.mkdir(parents=True, exist_ok=True)
    with LOG.open("wb") as sink:
        engine = subprocess.Popen(
            ["/usr/sbin/dockerd"], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    PID_FILE.write_text(f"{engine.pid} {_birth(engine.pid)}\n", encoding="utf-8")
    deadline = time.monotonic() + PATIENCE_S
    while engine.poll() is None and time.monotonic() < deadline:
        if works(["docker", "info"]):
            return engine.pid
        _pause()
    ending = "\n".join(LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
    raise ProvisionError(f"dockerd does not answer (exit code {engine.poll()}); the end of {LOG}:\n{ending}")


def _await_end(pid: int, born: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _birth(pid) == born:
        if time.monotonic() > deadline:
            raise ProvisionError(f"dockerd (pid {pid}) is still there {PATIENCE_S:.0f} s after SIGTERM")
        _pause()


def _birth(pid: int) -> str | None:
    """When a live process started, in the kernel's ticks, which tells a reused pid apart; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    zombie = fields[0] == "Z"
    return None if zombie else fields[19]


def _pause() -> None:
    """Give the engine a moment between two looks at it."""
    threading.Event().wait(0.2)
