"""Waiting for the backend to hold connections to Redis again, where it held some before the fault."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from plugins.checkers.connections import Bonds, bonds
from plugins.eventually import NotInTime, eventually
from plugins.faults.clients import LIST, listed
from plugins.target.model import TargetError

if TYPE_CHECKING:
    from plugins.fault import Scene
    from plugins.scenery import Scenery
    from plugins.target.open import Target

#: Seconds that a backend is given once all vantage points were well: whoever waits longer between two attempts does
#: not serve. Only where it is not connected does this take any time.
PATIENCE_S = 10.0
#: A connection that is as old as this (seconds) was not made for an instant, as a container's health check makes one.
LASTING_S = 0.2


def await_bonds(target: Target, before: Scene, eve: Scene, after: Scenery) -> Bonds:
    """What every backend holds, as soon as those that held any are connected again; else after ``PATIENCE_S``.

    What cannot be asked (any more) is left as it was seen last. Never raises ``TargetError``.
    """
    now, since = after.scene, {one.id: after.asked for one in after.scene.clients}
    last = bonds(before, eve, now, ())
    if last.whole:
        return last
    with closing(target.wire(now.redis)) as wire:

        def look() -> Bonds:
            nonlocal last, since
            at = time.monotonic()
            clients = listed(wire.ask((LIST,))[0])
            since = {one.id: since.get(one.id, at) for one in clients}
            lasting = [number for number, first in since.items() if at - first >= LASTING_S]
            last = bonds(before, eve, replace(now, clients=clients), lasting)
            return last

        with suppress(NotInTime):
            eventually(
                look,
                lambda seen: seen.whole,
                what="the backend's connections",
                within_s=PATIENCE_S,
                catch=(TargetError,),
            )
    return last
