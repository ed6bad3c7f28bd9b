"""A command executed in a service's surroundings, as ``docker exec`` would."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twin.supervisor.guard import Guard


@dataclass(frozen=True)
class Outcome:
    """How the command ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class CannotRun(Exception):
    """The program is not there (127) or cannot be run (126); ``outcome`` says so as the engine does."""

    def __init__(self, exit_code: int, argv: Sequence[str], reason: str) -> None:
        message = f"exec failed: {argv[0]!r}: {reason}\n" if argv else "exec failed: no command\n"
        super().__init__(message)
        self.outcome = Outcome(exit_code, b"", message.encode(errors="backslashreplace"))


class Execution:
    """One running command, in a process group of its own. Raises ``CannotRun`` when made."""

    def __init__(self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise CannotRun(127, argv, "executable file not found in $PATH") from None
        except (OSError, ValueError, IndexError) as error:  # a NUL in an argument is a ValueError
            raise CannotRun(126, argv, str(error)) from None
        self.group = self._process.pid

    def finish(self, stdin: bytes, timeout_s: float, guard: Guard) -> Outcome:
        """Feed it and wait for its end. Raises ``TimeoutError`` after killing it."""
        guard.watch(self.group)
        try:
            stdout, stderr = self._process.communicate(stdin, timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.group, signal.SIGKILL)
            self._process.communicate()
            raise TimeoutError(f"no end after {timeout_s:g} s") from None
        finally:
            guard.release(self.group)
        return Outcome(exit_status(self._process.returncode), stdout, stderr)


def exit_status(returncode: int) -> int:
    """A process's end as a shell and a container engine count it: 128 and the signal's number when killed."""
    return 128 - returncode if returncode < 0 else returncode
