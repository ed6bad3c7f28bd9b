"""What a staging host made is taken away again, also when the process that made it is killed.

The owner starts this file as a process of its own session and tells it, before it makes a thing, how to take that
thing away. When the owner closes the pipe, or dies, everything is taken away in reverse order, whatever fails.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

#: A command that takes something away may run this long (seconds).
PATIENCE_S = 60.0
ROUNDS = 3


class Janitor:
    """The owner's side. Raises ``RuntimeError`` from ``close`` when something could not be taken away."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *argv: str) -> None:
        """Later, run this command; exit code 0 is expected of it."""
        self._tell("run", argv)

    def end_process(self, pid: int) -> None:
        """Later, end this process and all its descendants."""
        self._tell("end_process", [pid, birth(pid)])

    def end_user(self, name: str) -> None:
        """Later, end every process of this user, who must be the janitor's owner's alone."""
        self._tell("end_user", name)

    def end_project(self, name: str) -> None:
        """Later, remove the Compose project of exactly this name: containers, networks, volumes."""
        self._tell("end_project", name)

    def remove(self, folder: Path) -> None:
        """Later, remove this folder and what is in it."""
        self._tell("remove", str(folder))

    def close(self) -> None:
        """Take everything away now, and wait until it is gone."""
        _, said = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"not everything of a staging host could be taken away:\n{said}")

    def _tell(self, what: str, detail: object) -> None:
        assert self._process.stdin is not None  # opened as a pipe above
        self._process.stdin.write(json.dumps([what, detail]) + "\n")
        self._process.stdin.flush()


def birth(pid: int) -> str | None:
    """When a live process started, in the kernel's ticks, which tells a reused pid apart; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def descendants(pid: int) -> list[int]:
    """The process's children, their children and so on, parents first."""
    children: dict[int, list[int]] = {}
    for candidate in _pids():
        with suppress(OSError):
            stat = Path(f"/proc/{candidate}/stat").read_text(encoding="utf-8", errors="replace")
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(candidate)
    found = [pid]
    for parent in found:  # grows while it is walked
        found += children.get(parent, [])
    return found[1:]


def end(pids: list[int], *, grace_s: float = 1.0) -> None:
    """SIGTERM, then SIGKILL to what is left after ``grace_s`` seconds."""
    alive = {pid: born for pid in pids if (born := birth(pid)) is not None}
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + grace_s
        while alive and time.monotonic() < deadline:
            alive = {pid: born for pid, born in alive.items() if birth(pid) == born}
            time.sleep(0.01 if alive else 0)  # runs where nothing of the suite can be imported
        if not alive:
            return


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _of_user(name: str) -> list[int]:
    import pwd  # noqa: PLC0415 - the owner's side is imported where there is no such module, too

    uid = str(pwd.getpwnam(name).pw_uid)
    return [pid for pid in _pids() if uid in _uids(pid)]


def _uids(pid: int) -> list[str]:
    """Real, effective and saved; the owner of /proc/PID would not do: sshd's children are not dumpable."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Uid:"):
                return line.split()[1:4]
    return []


def _command(*argv: str) -> str:
    """Run a command and return what it printed. Raises ``CalledProcessError`` with its words."""
    done = subprocess.run(
        argv,
        cwd="/",  # no Compose file here or in the environment may steer what is taken away
        env={name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
    return done.stdout


def _take_away(what: str, detail: object) -> None:
    """Do one thing."""
    match what, detail:
        case "run", [*argv]:
            _command(*map(str, argv))
        case "end_project", str(name):
            label = f"label=com.docker.compose.project={name}"
            if ids := _command("docker", "ps", "--all", "--quiet", "--filter", label).split():
                _command("docker", "rm", "--force", "--volumes", *ids)  # at once, paused and one-off ones, too
            _command("docker", "compose", "-p", name, "down", "--volumes", "--remove-orphans")
        case "end_process", [int(pid), born]:
            if birth(pid) == born:
                end([pid, *descendants(pid)])
        case "end_user", str(name):
            for _ in range(ROUNDS):  # what it was starting meanwhile
                end(_of_user(name))
        case "remove", str(folder):
            shutil.rmtree(folder, ignore_errors=True)
        case _:
            raise ValueError(f"{what} {detail}: not a thing to take away")


def main() -> int:
    """Wait for the owner's end, then take away what it told."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    owed = [json.loads(line) for line in sys.stdin]
    wrong = 0
    for what, detail in reversed(owed):
        try:
            _take_away(what, detail)
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            wrong += 1
            sys.stderr.write(f"{what} {detail}: {error}\n{getattr(error, 'stderr', '')}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
