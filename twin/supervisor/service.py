"""One service: a process with a container's life, restart policy and states."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from twin.supervisor import policy
from twin.supervisor.execution import CannotRun, Execution, Outcome, exit_status
from twin.supervisor.groups import await_end, kill_group
from twin.supervisor.logbook import Logbook

if TYPE_CHECKING:
    from twin.supervisor.chronicle import Chronicle
    from twin.supervisor.guard import Guard
    from twin.supervisor.spec import ServiceSpec

#: How long a killed process may take to be gone; only an uninterruptible one ever takes it.
REAP_S = 10.0


class Conflict(Exception):
    """The service's state forbids this; the message is what the container engine would say."""


class Service:
    """A service of the twin. All methods may be called from any thread."""

    def __init__(self, spec: ServiceSpec, guard: Guard, chronicle: Chronicle) -> None:
        self.spec = spec
        self.log = Logbook()
        self._guard = guard
        self._happened = partial(chronicle.add, spec.container_id)
        self._changed = threading.Condition(threading.RLock())
        self._process: subprocess.Popen[bytes] | None = None
        self._executions: set[Execution] = set()
        self._state = "created"
        self._health = "starting"
        self._stopped_by_hand = False
        self._closed = False
        self._ends = 0  # in a row, each soon after its start
        self._restart_count = 0
        self._exit_code = 0
        self._started_at: datetime | None = None
        self._finished_at: datetime | None = None

    def describe(self) -> dict[str, Any]:
        """The state in a container engine's words, as plain JSON."""
        with self._changed:
            return {
                "pid": self._process.pid if self._process else 0,
                "state": self._state,
                "health": self._health,
                "exit_code": self._exit_code,
                "started_at": self._started_at and self._started_at.isoformat(),
                "finished_at": self._finished_at and self._finished_at.isoformat(),
                "restart_count": self._restart_count,
                "restart_policy": self.spec.restart,
                **{name: getattr(self.spec, name) for name in _DESCRIBED},
            }

    def await_change(self, process: subprocess.Popen[bytes] | None, timeout_s: float) -> bool:
        """Block until ``probed`` is another than ``process``, or the time is over. False: closed for good."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.probed is not process, timeout_s)
            return not self._closed

    @property
    def probed(self) -> subprocess.Popen[bytes] | None:
        """The process whose health can be asked now: it runs and is not paused."""
        with self._changed:
            return self._process if self._state == "running" else None

    def found(self, process: subprocess.Popen[bytes], health: str) -> None:
        """Note what the health check found out about ``process``, unless it has ended meanwhile."""
        with self._changed:
            if self._process is process:
                self._health = health
                self._changed.notify_all()

    def start(self) -> None:
        """Start it; running already is fine. The restart count begins anew. Raises ``Conflict`` when paused."""
        with self._changed:
            if self._state == "paused":
                raise Conflict("cannot start a paused container, try unpause instead")
            if self._closed:
                raise Conflict("the twin is going down")
            self._stopped_by_hand = False
            if self._process is None:
                self._restart_count = self._ends = 0
                self._spawn()

    def stop(self, grace_s: float | None = None) -> None:
        """SIGTERM, and SIGKILL after the grace (seconds). It stays down whatever its restart policy."""
        with self._changed:
            process = self._leave_by_hand()
            if process is None:
                return
            self._signal_by_hand(process, signal.SIGTERM)
            self._resume(process)
            allowed = self.spec.stop_timeout_s if grace_s is None else grace_s
            if not self._gone(process, allowed):
                self._signal_by_hand(process, signal.SIGKILL)
                self._gone(process, REAP_S)
            self._happened("stop")

    def restart(self, grace_s: float | None = None) -> None:
        """Stop and start."""
        self.stop(grace_s)
        self.start()
        self._happened("restart")

    def kill(self) -> None:
        """SIGKILL by hand: it stays down. Raises ``Conflict`` when it does not run."""
        with self._changed:
            if self._process is None and self._state != "restarting":
                raise Conflict(f"Container {self.spec.container_id[:12]} is not running")
            process = self._leave_by_hand()
            if process is not None:
                self._signal_by_hand(process, signal.SIGKILL)
                self._gone(process, REAP_S)

    def crash(self) -> None:
        """SIGKILL from nowhere: the restart policy decides what follows. Returns when the process is gone."""
        with self._changed:
            if (process := self._process) is None:
                raise Conflict(f"Container {self.spec.container_id[:12]} is not running")
            self._signal(process, signal.SIGKILL)
            self._gone(process, REAP_S)

    def pause(self) -> None:
        """Freeze it and what was executed in it. Raises ``Conflict`` when paused already or not running."""
        with self._changed:
            if self._state == "paused" or self._process is None:
                word = "already paused" if self._state == "paused" else "not running"
                raise Conflict(f"Container {self.spec.container_id[:12]} is {word}")
            for group in self._groups(self._process):
                kill_group(group, signal.SIGSTOP)
            self._state = "paused"
            self._happened("pause")
            self._changed.notify_all()

    def unpause(self) -> None:
        """Thaw it. Raises ``Conflict`` when it is not paused."""
        with self._changed:
            if self._state != "paused" or self._process is None:
                raise Conflict(f"Container {self.spec.container_id[:12]} is not paused")
            self._resume(self._process)

    def execute(self, argv: list[str], env: dict[str, str], stdin: bytes, timeout_s: float) -> Outcome:
        """Run a command in the service's surroundings. Raises ``Conflict`` and ``TimeoutError``."""
        with self._changed:
            self._refuse_execution()
            try:
                execution = Execution(argv, cwd=self.spec.cwd, env={**self.spec.env, **env})
            except CannotRun as refusal:
                return refusal.outcome
            self._executions.add(execution)
        try:
            return execution.finish(stdin, timeout_s, self._guard)
        finally:
            with self._changed:
                self._executions.discard(execution)

    def close(self) -> None:
        """Kill everything at once and for good."""
        with self._changed:
            self._closed = True
            process = self._leave_by_hand()
            if process is not None:
                for group in self._groups(process):
                    kill_group(group, signal.SIGKILL)
                self._gone(process, REAP_S)

    def _refuse_execution(self) -> None:
        name = self.spec.container_id[:12]
        if self._state == "paused":
            raise Conflict(f"Container {name} is paused, unpause the container before exec")
        if self._state == "restarting":
            raise Conflict(f"Container {name} is restarting, wait until the container is running")
        if self._process is None:
            raise Conflict(f"Container {name} is not running")

    def _leave_by_hand(self) -> subprocess.Popen[bytes] | None:
        self._stopped_by_hand = True
        if self._state == "restarting":
            self._state = "exited"
        self._changed.notify_all()
        return self._process

    def _resume(self, process: subprocess.Popen[bytes]) -> None:
        if self._state == "paused":
            for group in self._groups(process):
                kill_group(group, signal.SIGCONT)
            self._state = "running"
            self._happened("unpause")
            self._changed.notify_all()

    def _groups(self, process: subprocess.Popen[bytes]) -> list[int]:
        return [process.pid, *(execution.group for execution in self._executions)]

    def _signal_by_hand(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        self._happened("kill", signal=str(int(number)))
        self._signal(process, number)

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)

    def _gone(self, process: subprocess.Popen[bytes], timeout_s: float) -> bool:
        return self._changed.wait_for(lambda: self._process is not process, timeout_s)

    def _spawn(self) -> None:
        process = subprocess.Popen(
            self.spec.argv,
            cwd=self.spec.cwd,
            env=dict(self.spec.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._guard.watch(process.pid)
        self._process, self._state, self._health = process, "running", "starting"
        self._started_at = datetime.now(UTC)
        self._happened("start")
        readers = [self._read(process.stdout, "stdout"), self._read(process.stderr, "stderr")]
        threading.Thread(target=self._outlive, args=(process, readers), daemon=True).start()
        self._changed.notify_all()

    def _read(self, pipe: IO[bytes] | None, stream: str) -> threading.Thread:
        assert pipe is not None  # noqa: S101 - Popen was asked for pipes

        def follow() -> None:
            with pipe:
                self.log.follow(pipe.fileno(), stream)

        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        return reader

    def _outlive(self, process: subprocess.Popen[bytes], readers: list[threading.Thread]) -> None:
        await_end(process)
        with self._changed:
            for group in self._groups(process):  # what it forked, and what was executed in it, ends with it
                kill_group(group, signal.SIGKILL)
        code = process.wait()
        self._guard.release(process.pid)
        for reader in readers:
            reader.join(timeout=REAP_S)
        with self._changed:
            self._process, self._state, self._health = None, "exited", "unhealthy"
            self._exit_code = exit_status(code)
            self._finished_at = datetime.now(UTC)
            self._happened("die", exitCode=str(self._exit_code))
            self._changed.notify_all()
            self._apply_restart_policy()

    def _apply_restart_policy(self) -> None:
        if not policy.comes_back(
            self.spec.restart,
            exit_code=self._exit_code,
            restarts=self._restart_count,
            by_hand=self._stopped_by_hand,
        ):
            return
        assert self._started_at  # noqa: S101 - it ran
        assert self._finished_at  # noqa: S101 - and has ended
        ran_s = (self._finished_at - self._started_at).total_seconds()
        self._ends = 1 if ran_s >= policy.STEADY_S else self._ends + 1
        self._state = "restarting"
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._state != "restarting", policy.backoff_s(self._ends))
        if self._state == "restarting":
            self._restart_count += 1
            self._spawn()


_DESCRIBED = (
    "name",
    "container_id",
    "container_name",
    "image",
    "argv",
    "ports",
    "addresses",
    "mounts",
)
