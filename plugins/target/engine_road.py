"""The way to the engine that the inventory's ``docker`` command would talk to.

A plain ``docker`` that nothing redirects talks to a socket on the host; that socket is asked directly, which
spares the command's own start. Everything else (sudo, a context, ``DOCKER_HOST`` on the host, a wrapper, an SSH
server that forbids forwarding) goes through the command itself: ``docker system dial-stdio`` joins its standard
streams to the engine.
"""

from __future__ import annotations

import contextlib
import shlex
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from plugins.target.engine_api import EngineApi, EngineError
from plugins.target.engine_paths import VERSION
from plugins.target.model import TargetError, Unix
from plugins.target.roads import Deadline
from plugins.verdict import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plugins.inventory import Host
    from plugins.target.roads import Road, Roads

T = TypeVar("T")

DEFAULT_SOCKET = "/var/run/docker.sock"

#: The command whose socket is worth a try; any other knows alone where it leads.
PLAIN = ("docker",)

#: Connections made ahead on a direct way: the gate asks about so many things at once.
WARM = 4

#: What would redirect the docker command on the host. Its config file may hold passwords: one word of it is read.
REDIRECTIONS = (
    "sh",
    "-c",
    r"""
echo "host=$DOCKER_HOST"
echo "context=$DOCKER_CONTEXT"
sed -n 's/.*"currentContext"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/current=\1/p' \
  "${DOCKER_CONFIG:-$HOME/.docker}/config.json" 2>/dev/null
:
""",
)


def relay(docker: Sequence[str]) -> tuple[str, ...]:
    """The command that joins its standard streams to the engine."""
    return (*docker, "system", "dial-stdio")


class EngineRoad:
    """Finds the way once, and asks. Safe to use from several threads."""

    def __init__(self, shell: Roads, host: Host) -> None:
        self._shell = shell
        self._docker = host.docker
        self._lock = threading.Lock()
        self._settling = threading.Lock()
        self._settled: EngineApi | None = None
        self._likely: EngineApi | None = None
        self._redirections: Future[str] | None = None
        self._note = ""

    def notes(self) -> tuple[str, ...]:
        """What the user should know about the way."""
        return (self._note,) if self._note else ()

    def prepare(self) -> None:
        """Make connections of the likely way, and ask the host what would redirect it. Waits for nothing."""
        with self._lock:
            if self._likely is not None or self._docker != PLAIN:
                return
            self._likely = EngineApi(self._direct(DEFAULT_SOCKET))
            self._redirections = future = Future[str]()
        threading.Thread(target=self._find_redirections, args=(future,), daemon=True, name="docker's way").start()
        with contextlib.suppress(TargetError):  # the first question will meet the same, and say so
            self._likely.warm(WARM, timeout_s=5)

    def ask(self, question: Callable[[EngineApi], T]) -> T:
        """Ask a question that changes nothing: by the likely way while the right one is still being found.

        Raises ``verdict.Unreachable`` where the engine cannot be reached, ``TargetError`` for its own errors.
        """
        try:
            if self._settled is not None:
                return question(self._settled)
            return self._settle(question)
        except EngineError:
            raise
        except TargetError as error:
            raise self._unreachable(str(error)) from error

    def api(self) -> EngineApi:
        """The right way, found. Raises as ``ask``."""
        if self._settled is None:
            self.ask(lambda api: api.get(VERSION, Deadline(10, f"the engine on {self._shell.where}")))
        if self._settled is None:
            raise TargetError("the way to the engine is not settled")  # cannot happen: ask settles or raises
        return self._settled

    def close(self) -> None:
        """Close all connections. Never raises."""
        for api in (self._settled, self._likely):
            if api is not None:
                api.close()

    def _settle(self, question: Callable[[EngineApi], T]) -> T:
        """Ask by the likely way, then see whether it was the right one; ask again by the right one if not."""
        self.prepare()
        failure: TargetError | None = None
        if self._likely is not None:
            try:
                answer = question(self._likely)
            except EngineError:
                raise
            except TargetError as error:
                failure = error
            else:
                if self._socket() == DEFAULT_SOCKET:
                    self._settled = self._likely
                    return answer
        return self._ask_otherwise(question, failure)

    def _ask_otherwise(self, question: Callable[[EngineApi], T], failure: TargetError | None) -> T:
        """Ask the socket that the host names, else through the docker command."""
        with self._settling:
            if self._settled is None:
                return self._ask_and_settle(question, failure)
        return question(self._settled)

    def _ask_and_settle(self, question: Callable[[EngineApi], T], failure: TargetError | None) -> T:
        socket = self._socket()
        if socket not in {None, DEFAULT_SOCKET}:
            direct = EngineApi(self._direct(str(socket)))
            try:
                answer = question(direct)
            except EngineError:
                raise
            except TargetError as error:
                direct.close()
                failure = error
            else:
                self._settled = direct
                return answer
        # Each of its connections is a process there, and an SSH session of the few that a server allows.
        relay = EngineApi(self._relay, keep=2)
        answer = question(relay)
        self._settled = relay
        if failure is not None:
            self._note = f"the engine is asked through {self._command()}, which is slower: {failure}"
        return answer

    def _socket(self) -> str | None:
        """The socket that the docker command would use; None where only the command itself knows."""
        if self._redirections is None:
            return None
        return socket_of(self._redirections.result())

    def _find_redirections(self, future: Future[str]) -> None:
        answer = "context=unknown"  # then only the command itself knows
        try:
            answer = self._shell.run(REDIRECTIONS, timeout_s=10).text
        except (TargetError, Unreachable):
            pass  # whoever asks the engine will meet the same, and say so
        finally:
            future.set_result(answer)

    def _direct(self, path: str) -> Callable[[float], Road]:
        return lambda timeout_s: self._shell.dial(Unix(path), timeout_s=timeout_s)

    def _relay(self, timeout_s: float) -> Road:
        return self._shell.stream(relay(self._docker), timeout_s=timeout_s)

    def _command(self) -> str:
        return shlex.join(relay(self._docker))

    def _unreachable(self, words: str) -> Unreachable:
        return Unreachable(
            f"the container engine on {self._shell.where} cannot be reached: {words} (tried: {self._command()})."
            f"{advice(words)}"
        )


def socket_of(answer: str) -> str | None:
    """The socket that a plain docker command uses, from what ``REDIRECTIONS`` printed; None: it was redirected."""
    said = dict(line.partition("=")[::2] for line in answer.splitlines())
    if host := said.get("host"):
        return host.removeprefix("unix://") if host.startswith("unix:///") else None
    if said.get("context") or said.get("current", "default") not in {"", "default"}:
        return None if said.get("context", "") != "default" else DEFAULT_SOCKET
    return DEFAULT_SOCKET


def advice(words: str) -> str:
    """What to do about the engine's words."""
    low = words.lower()
    if "permission denied" in low:
        return ' Put the user in group docker, or set docker = ["sudo", "-n", "docker"] in the inventory.'
    if "sudo" in low and "password" in low:
        return " Let sudo run docker without a password, or put the user in group docker."
    if "daemon running" in low or "refused" in low or ("dial unix" in low and "no such file" in low):
        return (
            " Start the engine: sudo systemctl start docker. If it runs as the user's own (rootless), say so in the "
            'inventory: docker = ["docker", "-H", "unix:///run/user/UID/docker.sock"].'
        )
    if "not found" in low or "no such file" in low:
        return ' Give the full path in the inventory: docker = ["/path/to/docker"].'
    return ""
