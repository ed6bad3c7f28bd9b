"""Where the host is that was asked for: in the inventory, or the twin, which comes up for the run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins import inventory
from plugins.options import TWIN, Suite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from plugins.options import Request
    from plugins.target.open import Target
    from plugins.target.roads import Roads


@dataclass(frozen=True)
class Located:
    """A host that was found, and what it takes to open it."""

    host: inventory.Host
    environ: Mapping[str, str]  # holds the secrets that the inventory names
    supervisor: Path | None = None  # the socket of the twin's supervisor, where that is what runs the services
    note: str = ""  # what the user should know about it

    def shell(self) -> Roads:
        """How commands will run on the host, not yet connected."""
        from plugins.target.shells import shell_for  # noqa: PLC0415 - a bare pytest connects to nothing

        return shell_for(self.host, self.environ)

    def open(self, shell: Roads) -> Target:
        """The target on that shell, which may be connected or not."""
        from plugins.target.open import open_target  # noqa: PLC0415 - imported while ssh connects

        return open_target(self.host, supervisor=self.supervisor, environ=self.environ, shell=shell)


def locate(request: Request, stack: ExitStack) -> Located:
    """The host's entry and how to reach it; a twin that comes up goes down with ``stack``.

    Raises ``pytest.UsageError`` for what is wrong in the inventory; ``verdict.Unreachable`` when the twin cannot be
    brought up.
    """
    try:
        if request.host != TWIN:
            return Located(inventory.load(request.inventory, request.host, os.environ), os.environ)
        from twin import standing  # noqa: PLC0415 - only a run on the twin pays for it

        if request.plan:
            return unlocated()
        if file := os.environ.get(standing.VARIABLE):
            host, supervisor = standing.load(Path(file))
            return Located(host, os.environ, supervisor)
    except inventory.InventoryError as error:
        raise pytest.UsageError(str(error)) from error
    return _bring_up(stack, with_keys=request.suite is Suite.CHAOS)


def must_be_known(request: Request) -> None:
    """Raise ``pytest.UsageError`` unless the host that was asked for is in the inventory, or is the twin."""
    if request.host != TWIN:
        try:
            inventory.must_name(request.inventory, request.host)
        except inventory.InventoryError as error:
            raise pytest.UsageError(str(error)) from error


def unlocated() -> Located:
    """The twin where it is not up: there is nothing to connect to, and all that is known of it is its entry."""
    from twin import standing  # noqa: PLC0415 - only a run on the twin pays for it

    return Located(standing.outline(), os.environ)


def _bring_up(stack: ExitStack, *, with_keys: bool) -> Located:
    from plugins.verdict import Unreachable  # noqa: PLC0415 - see locate
    from twin import up  # noqa: PLC0415 - see locate
    from twin.engine import NoEngine  # noqa: PLC0415 - see locate
    from twin.handle import NotUp  # noqa: PLC0415 - see locate
    from twin.servers import NoServer  # noqa: PLC0415 - see locate

    try:
        fresh = stack.enter_context(up())
    except (NoEngine, NotUp, NoServer, OSError) as error:
        raise Unreachable(f"the twin did not come up: {error}") from error
    note = f"the twin runs as plain processes: {fresh.because}" if fresh.because else ""
    if with_keys:
        from twin.seed import seed  # noqa: PLC0415 - see locate

        seed(fresh)
    return Located(fresh.host, {**os.environ, **fresh.environ}, fresh.supervisor, note)
