"""The guards: what a suite may do to a host, decided before anything is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.inventory import Environment
from plugins.options import Suite

if TYPE_CHECKING:
    from plugins.fault import Fault
    from plugins.inventory import Host
    from plugins.target.model import Engine


def may_write(host: Host) -> bool:
    """Whether verify may write its one canary key: never in production, and not where the inventory says no."""
    return host.canary and host.environment is not Environment.PRODUCTION


def refusal(suite: Suite | None, host: Host) -> str:
    """Why the suite has no business on the host; empty where it has. Verify may look everywhere."""
    if suite is not Suite.CHAOS:
        return ""
    if host.environment is Environment.PRODUCTION:
        return f"chaos on {host.name}: its environment is production, and chaos never runs there"
    if not host.chaos.allowed:
        return (
            f"chaos on {host.name}: not allowed; if it is meant, write allowed = true"
            f" under [hosts.{host.name}.chaos] in the inventory"
        )
    return ""


def engine_refusal(host: Host, engine: Engine) -> str:
    """Why chaos has no business with the engine that was reached; empty where it is the one that is meant.

    An alias, a jump host or a copied inventory can lead to another machine than the one somebody had in mind.
    """
    wanted = host.chaos.engine_id
    if wanted == engine.id:
        return ""
    here = f"chaos on {host.name}: the engine reached is {engine.id} (on {engine.name})"
    if wanted is None:
        return f"{here}; if that is the host that is meant, write under [hosts.{host.name}.chaos]:\n{_line(engine)}"
    return f"{here}, the inventory means {wanted}; if that is outdated, write instead:\n{_line(engine)}"


def _line(engine: Engine) -> str:
    return f'engine_id = "{engine.id}"'


def family_refusal(host: Host, fault: Fault) -> str:
    """Why the inventory does not let this fault run; empty where it does."""
    if fault.family in host.chaos.faults:
        return ""
    return (
        f"{fault.family} is not among the faults that may run on {host.name} ({', '.join(host.chaos.faults)}):"
        f" add it to faults under [hosts.{host.name}.chaos] if it is meant"
    )


def loss_refusal(host: Host, risk: str) -> str:
    """Why a fault that may lose keys (``risk`` says why) is not played here; empty where it may be, or cannot."""
    if not risk or host.chaos.data_loss != "forbidden":
        return ""
    return f"keys could be lost ({risk}), and data_loss is forbidden on {host.name}"
