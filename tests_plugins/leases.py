"""A runner to be killed: it takes a lease and goes on to a given moment. And what tests ask of the host meanwhile.

python -m tests_plugins.leases PLAN      # PLAN as ``Plan.argv`` writes it; prints a line when it is there, and waits
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.eventually import eventually
from plugins.lease import Lease
from plugins.target.ledger import Ledger
from plugins.target.local import LocalShell
from plugins.target.model import TargetError
from plugins.target.ssh import SshShell
from plugins.undo import Undo
from tests_plugins.pids import alive
from tests_plugins.staging import ALIAS, SshdOptions, skip_or_fail
from tests_plugins.staging.janitor import descendants, end

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugins.target.roads import Roads

ROOT = Path(__file__).resolve().parents[1]
LEASE_S = 3
#: In which everything must be well again, from the runner's last sign of life: the product's promise.
HEALED_S = LEASE_S + 5.0
ENGINE = "an engine"
HERE = LocalShell(os.environ)


@contextmanager
def shared_folder() -> Iterator[str]:
    """The path of a base that is not there yet, where every user could make it. Gone afterwards, with its watchers."""
    with tempfile.TemporaryDirectory(prefix="lease-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        # As /var/tmp: whoever comes first makes the base.
        parent = Path(folder) / "tmp"
        parent.mkdir()
        parent.chmod(0o1777)
        try:
            yield str(parent / "suite")
        finally:
            end(processes(str(parent)))


def processes(folder: str, script: str = "") -> list[int]:
    """Those that have a path below it in their command line, and this script: watchers, and what they started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if f"{folder}/".encode() in words and script.encode() in words and alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def stat(process: int) -> list[str]:
    """Its name, its state, its parent."""
    name, _, rest = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")
    return [name, *rest.split()[:2]]


@dataclass(frozen=True)
class Plan:
    """What a runner does, and where it stops."""

    base: str
    project: str
    until: str  # armed, written, acting, broken, mended, cleared
    undo: tuple[tuple[str, ...], ...]
    proof: tuple[str, ...]
    fault: tuple[str, ...]
    ssh_config: str | None = None

    def shell(self) -> Roads:
        """One to the host."""
        return LocalShell(os.environ) if self.ssh_config is None else SshShell(ALIAS, ssh_config=Path(self.ssh_config))

    def ledger(self, shell: Roads | None = None) -> Ledger:
        """The project's, by default as seen from this machine."""
        return Ledger(shell or LocalShell(os.environ), ENGINE, self.project, base=self.base)

    @property
    def run_folder(self) -> Path:
        """The run's folder on the host, which is this machine."""
        return Path(self.ledger().folder) / "run-1"

    def argv(self) -> list[str]:
        """The command that carries it out."""
        return [sys.executable, "-m", "tests_plugins.leases", json.dumps(asdict(self))]


class Runner:
    """A runner in a process of its own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._process = subprocess.Popen(
            plan.argv(), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def come(self) -> None:
        """Wait until it is where it should be."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the runner ended"
        if self.plan.until == "acting":
            eventually((self.plan.run_folder / "began").exists, what="the intervention begins", within_s=10)

    def kill(self) -> None:
        """SIGKILL, to it alone."""
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        """Any other signal."""
        self._process.send_signal(number)

    def ssh(self) -> list[int]:
        """Its end of its connection."""
        return descendants(self._process.pid)

    def sshd(self) -> list[int]:
        """The host's end of it: what the renewals' process descends from."""
        process = min(processes(str(self.plan.run_folder), "beat.sh"))
        while "sshd" not in stat(process)[0]:
            process = int(stat(process)[2])
        return [process]

    def ask(self) -> str:
        """Have it end its lease; what that came to."""
        out, _ = self._process.communicate("\n", timeout=60)
        return out.strip()

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def runner(plan: Plan) -> Iterator[Runner]:
    """A runner that has come to where it stops."""
    made = Runner(plan)
    try:
        made.come()
        yield made
    finally:
        made.close()


#: What logind does with KillUserProcesses=yes when a session ends: whatever it left behind is told to end, and killed.
REAPER = """\
import ctypes, os, signal, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1)  # orphans become our children
done = subprocess.call(["/bin/sh", "-c", os.environ["SSH_ORIGINAL_COMMAND"]])
for number in (signal.SIGTERM, signal.SIGKILL):
    for child in map(int, open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split()):
        os.kill(child, number)
    time.sleep(0.3)
sys.exit(done)
"""


def reaping(folder: Path) -> SshdOptions:
    """An sshd that ends whatever a session leaves behind; every user can read the folder."""
    reaper = folder / "reaper.py"
    reaper.write_text(REAPER, encoding="utf-8")
    python = shutil.which("python3", path="/usr/bin") or skip_or_fail("no python3 that every user may run")
    return SshdOptions(extra=(f"ForceCommand {python} {reaper}",))


class Marks:
    """An undo that leaves a mark, and is proven by it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "marks"
        self.file.touch()
        mark = ("sh", "-c", 'echo undone >>"$1"', "sh", str(self.file))
        self.undo = Undo("a fault", (mark,), ("grep", "-q", "undone", str(self.file)))

    def fault(self, script: str) -> tuple[str, ...]:
        """A command that has the file's path as ``$1``."""
        return ("sh", "-c", script, "sh", str(self.file))

    @property
    def seen(self) -> list[str]:
        """The marks so far."""
        return self.file.read_text(encoding="utf-8").split()


def end_watcher(base: str, number: int = signal.SIGTERM) -> None:
    """As the host does when it goes down, or an administrator."""
    (watcher,) = processes(base, "watch.sh")
    os.kill(watcher, number)


def gone(base: str) -> bool:
    """Whether no watcher lives."""
    return not processes(base, "watch.sh")


def lease_of(ledger: Ledger, run_id: str = "run-1", *, second: Roads | None = None) -> Lease:
    """A lease over this machine's shell, or over another."""
    other = second or LocalShell(os.environ)
    return Lease.take(ledger, lambda: other, run_id=run_id, holder="tester@here", lease_s=LEASE_S)


def _carry_out(plan: Plan) -> None:
    shell = plan.shell()
    shell.open()
    lease = Lease.take(plan.ledger(shell), plan.shell, run_id="run-1", holder=f"tester {os.getpid()}", lease_s=LEASE_S)
    steps: Sequence[tuple[str, object]] = (
        ("armed", lease.prove),
        ("written", lambda: lease.write_undo(Undo(plan.project, plan.undo, plan.proof))),
        ("acting", None),
        ("broken", lambda: shell.run(lease.wrap(plan.fault), timeout_s=30)),
        ("mended", lambda: [shell.run(one) for one in plan.undo]),
        ("cleared", lease.clear_undo),
    )
    for name, step in steps:
        if callable(step):
            step()
        if name == plan.until:
            say(name)
            if name != "acting":
                break
    sys.stdin.readline()
    with suppress(TargetError):  # its connection was cut
        lease.disarm()
    say(lease.fired or "disarmed")


def say(*words: str) -> None:
    """To the test, at once."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raw = json.loads(sys.argv[1])
    _carry_out(Plan(**{**raw, "undo": tuple(map(tuple, raw["undo"])), "proof": tuple(raw["proof"])}))
