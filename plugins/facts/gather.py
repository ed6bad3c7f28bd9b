"""Gathering: a look at everything, started in the background; after the wait for the steady state, if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.facts import Facts
from plugins.facts.flow import Flow
from plugins.facts.look import Look, Order
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.facts.counters import Counters
    from plugins.since import SinceRequest
    from plugins.steady import Steadiness
    from plugins.target.open import Target

#: Seconds after which whatever has not come back is unjudged; each operation has a shorter time-out of its own.
PATIENCE_S = 30.0


def gather(  # noqa: PLR0913 - keyword-only, as the command line gives them
    target: Target,
    *,
    since: SinceRequest,
    baseline: Callable[[str], Counters | None],
    wait_s: float = 0.0,
    stable_for_s: float = 0.0,
    write: bool = True,
) -> Facts:
    """Start asking and return at once.

    ``baseline`` gives the counters of an earlier run by the ``run_id`` or container id they were kept under.
    With ``wait_s`` or ``stable_for_s`` (seconds) the facts are those after the wait, see ``plugins.steady``.
    ``write`` False: not even the canary key.
    """
    order = Order(since, baseline, write, wait_s, stable_for_s)
    flow = Flow(PATIENCE_S + wait_s + stable_for_s)
    first = Look(target, flow, order)
    if not wait_s and not stable_for_s:
        return Facts(target, flow, flow.ready("the first look", first), flow.start("waiting", _nobody_waits))
    waiting = flow.start("the steady state", lambda: _wait(target, flow, first, order))
    look = flow.start("the look after the wait", lambda: waiting.get()[1])
    return Facts(target, flow, look, flow.start("steadiness", lambda: waiting.get()[0]))


def _nobody_waits() -> Steadiness:
    raise NotApplicable("neither --wait nor --stable-for was given")


def _wait(target: Target, flow: Flow, first: Look, order: Order) -> tuple[Steadiness, Look]:
    """Wait for the steady state; the facts are then those of a fresh look, or of the first if all was well."""
    from plugins.holder import holder_of  # noqa: PLC0415 - only who waits pays for it
    from plugins.steady import Pulses, WhenFree, await_steady  # noqa: PLC0415 - only who waits pays for it

    engine = first.introduction.get().engine
    pulses = Pulses(target, write=order.write, first=first.pulse())
    look = WhenFree(pulses, lambda: holder_of(target, engine.id))
    steadiness = await_steady(look, wait_s=order.wait_s, stable_for_s=order.stable_for_s, stopped=flow.stopped)
    return steadiness, first if pulses.taken == 1 else Look(target, flow, order)
