"""The target: a host's shell, its stack and the ways to its Redis and its readiness address, put together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from plugins.target.compose import ComposeStack
from plugins.target.local import LocalShell
from plugins.target.model import UNWANTED
from plugins.target.readiness import Readiness
from plugins.target.redis import Login
from plugins.target.redis_way import ChosenWire
from plugins.target.shells import shell_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from plugins.inventory import Host
    from plugins.target.model import Container, HttpAnswer, Stack, Wire
    from plugins.target.projects import Origin
    from plugins.target.roads import Roads


class Target:
    """The host under test. Connects at ``shell.open()``, or with the first question."""

    def __init__(self, host: Host, shell: Roads, stack: Stack, environ: Mapping[str, str]) -> None:
        self.host = host
        self.shell = shell
        self.stack = stack
        self._login = Login(host, environ)
        self.environ = environ  # holds the secrets that the inventory names
        self._lock = threading.Lock()
        self._wires: list[ChosenWire] = []
        self._readiness: Readiness | None = None
        self._own_notes: list[str] = []

    def wire(self, container: Container) -> Wire:
        """The best way to this container's Redis, found at its first question; a connection of its own each time."""
        wire = ChosenWire(self.shell, self.stack, container, self.host, self._login, note=self._note)
        with self._lock:
            self._wires.append(wire)
        return wire

    def readiness(self, *, timeout_s: float = 5.0) -> HttpAnswer:
        """Ask the readiness address once. Raises ``TimedOut``, or ``TargetError`` with the kind of failure."""
        asker = self._asker()
        answer = asker.ask(timeout_s)
        if asker.note:
            self._note(asker.note)
        return answer

    def machine(self) -> Any:
        """A ``testinfra.host.Host`` on the same shell."""
        from plugins.target.machine import machine  # noqa: PLC0415 - only some checks need the library behind it

        return machine(self.shell)

    def notes(self) -> tuple[str, ...]:
        """What the user should know about how the host was reached."""
        notes = list(self.stack.notes()) if isinstance(self.stack, ComposeStack) else []
        if UNWANTED in self.refused:
            notes.append(
                f"Redis wants no password: what {self.host.redis_password_env} holds is refused at each connection;"
                " leave redis_password_env out of the inventory, or protect Redis"
            )
        with self._lock:
            return tuple(dict.fromkeys([*notes, *self._own_notes]))

    @property
    def origin(self) -> Origin | None:
        """From where the Compose project was started, as far as that is known; see ``ComposeStack.origin``."""
        return self.stack.origin if isinstance(self.stack, ComposeStack) else None

    @property
    def refused(self) -> frozenset[str]:
        """What the suite itself was refused so far: the codes of Redis's errors, and ``UNWANTED``."""
        return frozenset(self._login.refused)

    def close(self) -> None:
        """Give back everything. Never raises."""
        with self._lock:
            wires, self._wires = self._wires, []
            readiness = self._readiness
        if readiness is not None:
            readiness.close()
        for wire in wires:
            wire.close()
        self.stack.close()
        self.shell.close()

    def _note(self, note: str) -> None:
        with self._lock:
            self._own_notes.append(note)

    def _asker(self) -> Readiness:
        with self._lock:
            if self._readiness is None:
                shell = self.shell if self.host.readiness_via == "host" else LocalShell(self.environ)
                self._readiness = Readiness(self.host.readiness_url or "", shell, self.host.ca_file)
            return self._readiness


def open_target(
    host: Host, *, supervisor: Path | None = None, environ: Mapping[str, str], shell: Roads | None = None
) -> Target:
    """The target for a host of the inventory. ``supervisor``: the process twin's socket. Connects to nothing yet.

    ``environ`` holds the secrets that the inventory names, and is what local commands run with. ``shell``: one that was
    made before, and may be connected.
    """
    shell = shell_for(host, environ) if shell is None else shell
    if supervisor is not None:
        from plugins.target.processes import ProcessStack  # noqa: PLC0415 - only the process twin has one

        return Target(host, shell, ProcessStack(supervisor), environ)
    stack = ComposeStack(shell, host)
    shell.when_open(stack.prepare)
    return Target(host, shell, stack, environ)
