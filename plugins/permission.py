"""Whether an experiment may begin on this host, and what is noted of it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins import guard, sample
from plugins.fault import Loss
from plugins.promise import may_lose_keys
from plugins.scenery import survey
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.campaign import Campaign
    from plugins.trial import Trial


def permit(campaign: Campaign, trial: Trial, phase: Callable[[str, str], None]) -> None:
    """Survey the host and see that the experiment may begin; ``phase`` is told what begins.

    Unless the fault flushes, or losses are allowed, some keys are drawn by name, to be looked for afterwards. Raises
    ``NotApplicable`` where it may not be played here, and ``Unjudged`` where nothing more may be.
    """
    fault = trial.fault
    if refusal := guard.family_refusal(campaign.host, fault):
        raise NotApplicable(refusal)
    if campaign.halted:
        raise Unjudged(f"not begun: {campaign.halted}")
    phase("scene", "who is there before the fault")
    campaign.see_unchanged()
    trial.before = before = survey(campaign.target)
    risk = may_lose_keys(before.observed, fault.loss)
    harm = "" if fault.loss.process_lives_on else before.by_hand.refusal()
    if why := fault.unavailable(before.scene) or guard.loss_refusal(campaign.host, risk) or harm:
        raise NotApplicable(why)
    if fault.loss is not Loss.FLUSHED and campaign.host.chaos.data_loss != "allowed":
        own = campaign.host.namespace.encode()
        trial.sample = sample.draw(campaign.target, before.scene.redis, before.facts.databases.all, leave_out=own)
