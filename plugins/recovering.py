"""``--recover``: run what earlier runs of chaos still owe on a host, and say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins import guard
from plugins.campaign import ledger_of
from plugins.inventory import Environment
from plugins.lock import CannotLock, Dirty
from plugins.target.model import TargetError
from plugins.verdict import Exit, Unreachable

if TYPE_CHECKING:
    from plugins.target.open import Target


def recover(target: Target) -> tuple[Exit, str]:
    """The exit code and what to print: 0 where nothing is owed (any more), 11 where something still is."""
    host = target.host
    if host.environment is Environment.PRODUCTION:
        return Exit.REFUSED, f"{host.name}: its environment is production, where chaos never ran: nothing is touched"
    try:
        target.shell.open()
        engine = target.stack.engine()
        if refusal := guard.engine_refusal(host, engine):
            return Exit.REFUSED, refusal
        target.stack.containers(host.redis_service)
        ledger = ledger_of(target, engine.id)
        done = ledger.recover()
        reports, owed = ledger.reports(), ledger.owed()
        ledger.acknowledge(reports)
    except Dirty as dirty:
        return Exit.DIRTY, f"{host.name}: {dirty}"
    except CannotLock as refused:
        return Exit.REFUSED, f"{host.name}: {refused}"
    except (Unreachable, TargetError) as error:
        return Exit.UNJUDGED, f"{host.name}: nothing could be recovered: {error}"
    told = [*done, *map(str, reports), *(f"still owed: {one}" for one in owed)]
    return (Exit.DIRTY if owed else Exit.PASS), "\n".join(told or [f"{host.name}: nothing is owed"])
