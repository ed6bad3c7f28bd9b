"""Commands in containers: one at a time of a kind, and ended where they stand when they do not end by themselves.

The engine has no way to end a command that it started. So each carries a mark in its environment, by which another
command in the same container finds it at the deadline, with all that it started, and kills it. Where that cannot be
done (no shell in the image, another user's process), it stays; it is then not asked again before it has ended.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from plugins.target import engine_paths as paths
from plugins.target.engine_api import EngineError
from plugins.target.engine_stream import STDERR
from plugins.target.model import CarrierFailed, Completed, TargetError, TimedOut
from plugins.target.roads import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from plugins.target.engine_api import EngineApi
    from plugins.target.engine_road import EngineRoad
    from plugins.target.engine_stream import Frame
    from plugins.target.model import Container

#: The variable that marks a command and all that it starts.
MARK = "RUNBOOK_SUITE_COMMAND"
_END = (
    'for one in /proc/[0-9]*; do tr "\\0" "\\n" 2>/dev/null <"$one/environ" | grep -qxF -e "$1" && '
    'kill -9 "${one#/proc/}"; done'
)
#: Seconds that ending a command may take, beyond its own deadline.
END_S = 3.0
SERVER_ERROR = 500


def ending(mark: str) -> tuple[str, ...]:
    """What ends the processes with a mark, in the container that they are in: ``mark`` as ``NAME=VALUE``."""
    return ("sh", "-c", _END, "sh", mark)


class Commands:
    """Runs commands by one engine's API. Safe to use from several threads."""

    def __init__(self, road: EngineRoad) -> None:
        self._road = road
        self._lock = threading.Lock()
        self._unended: dict[tuple[str, tuple[str, ...]], str] = {}  # the engine's name of the last that did not end

    def run(
        self, container: Container, argv: Sequence[str], env: Mapping[str, str], stdin: bytes, timeout_s: float
    ) -> Completed:
        """See ``model.Stack.execute``. Raises ``TimedOut`` at once while the same command of before still runs."""
        deadline = Deadline(timeout_s, f"{argv[0]} in {container.name}")
        key, mark = (container.id, tuple(argv)), secrets.token_hex(8)
        api = self._road.api()
        made = ""
        try:
            self._await_former(api, key, deadline)
            made = self._made(api, container, argv, {**env, MARK: mark}, stdin, deadline)
            frames = list(_conversation(api, made, stdin, deadline))
            code = self._exit_code(api, made, deadline)
        except TimedOut:
            if made:
                with self._lock:
                    self._unended[key] = made
                self._end(api, container, f"{MARK}={mark}")
            raise
        except EngineError as error:
            failure = CarrierFailed if error.status >= SERVER_ERROR else TargetError
            raise failure(f"cannot run {argv[0]} in {container.name}: {error}") from error
        out = b"".join(frame.data for frame in frames if frame.stream != STDERR)
        err = b"".join(frame.data for frame in frames if frame.stream == STDERR)
        return Completed(tuple(argv), code if code is not None else -1, out, err)

    def _await_former(self, api: EngineApi, key: tuple[str, tuple[str, ...]], deadline: Deadline) -> None:
        with self._lock:
            former = self._unended.get(key)
        if former is None:
            return
        try:
            running = bool(_of(api.get(paths.ended(former), deadline), "Running"))
        except EngineError:  # the engine has forgotten it
            running = False
        if running:
            raise TimedOut(f"{deadline.what}: the one that was asked before has not ended yet, and is not joined")
        with self._lock:
            self._unended.pop(key, None)

    def _made(  # noqa: PLR0913, PLR0917 - what a command is made of
        self,
        api: EngineApi,
        container: Container,
        argv: Sequence[str],
        env: Mapping[str, str],
        stdin: bytes,
        deadline: Deadline,
    ) -> str:
        wanted = paths.wanted(argv, env, fed=bool(stdin))
        return str(_of(api.post(paths.execution(container.id), wanted, deadline), "Id"))

    def _exit_code(self, api: EngineApi, made: str, deadline: Deadline) -> int | None:
        code = _of(api.get(paths.ended(made), deadline), "ExitCode")
        return code if isinstance(code, int) else None

    def _end(self, api: EngineApi, container: Container, mark: str) -> None:
        """Kill what carries the mark, if that can be done in time."""
        deadline = Deadline(END_S, f"ending a command in {container.name}")
        with suppress(TargetError):
            made = self._made(api, container, ending(mark), {}, b"", deadline)
            list(_conversation(api, made, b"", deadline))


def _conversation(api: EngineApi, made: str, stdin: bytes, deadline: Deadline) -> Iterator[Frame]:
    return api.converse(paths.started(made), {"Detach": False, "Tty": False}, stdin, deadline)


def _of(answer: object, key: str) -> object:
    """A field of the engine's answer. Raises ``TargetError`` where that is none."""
    if not isinstance(answer, dict) or key not in answer:
        raise TargetError(f"what answers is not Docker's API: no {key} in {answer!r}"[:300])
    return answer[key]
