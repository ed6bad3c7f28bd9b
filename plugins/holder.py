"""Who else is at work on a host: verify takes no lock, and has to know whose doing it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.campaign import ledger_of
from plugins.lock import CannotLock
from plugins.target.model import TargetError

if TYPE_CHECKING:
    from plugins.target.open import Target


def holder_of(target: Target, engine_id: str) -> str:
    """Which run of chaos holds the host; empty where none does, or it cannot be known."""
    try:
        return ledger_of(target, engine_id).holder()
    except (CannotLock, TargetError):
        return ""
