"""One experiment: a fault, watched from every vantage point, judged, and undone whatever happens.

It only composes the other rooms: scenery, traffic, saved keys, undo and lease, fault, recovery, appraisal.
"""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from plugins import appraisal, sample, saving
from plugins.eventually import NotInTime, eventually
from plugins.fault import Loss
from plugins.fence import Fence
from plugins.hands import LiveHands
from plugins.lock import Dirty, LeaseFired, NoLease
from plugins.namespace import own_beginnings
from plugins.permission import permit
from plugins.probe import Vantage
from plugins.promise import may_lose_keys
from plugins.reconnecting import await_bonds
from plugins.recovery import Moments, recover
from plugins.report.live import Standing, Unwatched
from plugins.scenery import survey
from plugins.target.model import TargetError
from plugins.traffic import Traffic
from plugins.trial import Trial, windows
from plugins.undo import Undo
from plugins.undoing import Undoing
from plugins.verdict import NotApplicable, Outcome, Unjudged, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from plugins.campaign import Campaign
    from plugins.experiment_result import ExperimentResult
    from plugins.fault import Fault
    from plugins.recovery import Recovery
    from plugins.report.live import Watcher
    from plugins.scenery import Scenery

#: Seconds in which every vantage point must have been seen well before the fault.
WARM_UP_S = 10.0
#: Seconds beyond its window in which a vantage point may still become well, so that it is told how late it was.
LATE_S = 5.0
#: Seconds beyond window and hold for the slowest vantage point's last answer.
SLACK_S = 3.0
#: Seconds between two looks at how far the recovery is.
LOOK_EVERY_S = 0.1
#: Seconds before the fault from which operations still matter to it: those that were under way.
UNDER_WAY_S = 2.0
#: Seconds that a flush may hold writers back, so that none of their keys is lost between saving and flush.
STALL_S = 0.7

#: What pytest knows as a ``KeyboardInterrupt``.
_INTERRUPTED = "Ctrl-C, or by a pipeline that cancelled it"

#: What leaves an experiment without a verdict. Whatever else is raised is a fault of the suite's own.
_UNKNOWN = (Unjudged, Unreachable, TargetError, LeaseFired, NoLease, Dirty, NotInTime, saving.CannotSave)


class Experiment:
    """Plays faults on a campaign's host, one at a time. ``last``: what became of the newest."""

    def __init__(
        self,
        campaign: Campaign,
        watching: Callable[[], AbstractContextManager[Watcher]],
        *,
        told: Callable[[Fault, ExperimentResult], None] = lambda *_: None,
    ) -> None:
        self._campaign = campaign
        self._watching = watching
        self._watcher: Watcher = Unwatched()
        self._told = told
        self.last: ExperimentResult | None = None

    def undergo(self, fault: Fault) -> ExperimentResult:
        """Play the fault and judge what came of it; the result says why where it is not a pass.

        Raises ``NotApplicable`` where the fault may not be played here or has nothing to be played on; ``Unjudged``
        where no verdict can be reached. In both cases ``last`` is there for the report.
        """
        with self._watching() as self._watcher:
            self._watcher.begin(fault.name)
            return self._undergo(Trial(fault))

    def _undergo(self, trial: Trial) -> ExperimentResult:
        try:
            permit(self._campaign, trial, partial(self._phase, trial))
            self._play(trial)
            self._campaign.see_unchanged()
            if trial.restored is not None and trial.restored.otherwise:
                trial.late = survey(self._campaign.target)
            self._phase(trial, "checks", "the checklist, and what is different from before")
            self.last = appraisal.appraise(self._campaign, trial)
        except NotApplicable as absent:
            self.last = self._without_verdict(trial, Outcome.SKIPPED, absent.reason)
            raise
        except _UNKNOWN as unknown:
            self.last = appraisal.undecided(self._campaign, trial, unknown)
            if self.last.outcome is not Outcome.FAILED:
                raise Unjudged(self.last.reason) from unknown
        except BaseException as interrupted:
            by = _INTERRUPTED if isinstance(interrupted, KeyboardInterrupt) else type(interrupted).__name__
            self.last = self._without_verdict(trial, Outcome.ERROR, f"ended by {by}")
            raise
        finally:
            trial.phase("")
            self._campaign.finished(trial, self.last)
            if self.last is not None:
                self._told(trial.fault, self.last)
        return self.last

    def _play(self, trial: Trial) -> None:
        """From the first probe to the last. What was begun is ended, whatever happens in between."""
        campaign, scene = self._campaign, trial.scene
        with ExitStack() as stack:
            traffic = Traffic(campaign.target, scene, trial.history, run_id=secrets.token_hex(4))
            self._phase(trial, "warm-up", "every vantage point must be well")
            stack.callback(traffic.leave_nothing)
            stack.enter_context(traffic)
            self._warm_up(trial, traffic)
            stack.callback(trial.forget_saved)
            undoing = Undoing(campaign, trial, partial(self._phase, trial))
            stack.push(undoing.leave)
            self._save(trial)
            self._arm(trial)
            held = campaign.held
            hands = LiveHands(
                campaign.target,
                scene.redis,
                held.means,
                journal=trial.deeds.append,
                wrap=held.lease.wrap,
                fence=trial.fence,
                nobody_inside=traffic.nobody_inside,
            )
            stack.callback(hands.close)
            traffic.hot(on=True)
            self._inject(trial, hands)
            self._await_recovery(trial, traffic)
            traffic.hot(on=False)
            traffic.stop()
            trial.recoveries = self._recoveries(trial, traffic)  # what was under way until now belongs to the hold
            undoing.undo()  # what is read back next must be asked of a Redis that answers
            self._phase(trial, "read back", "what is there of the writes")
            trial.events = traffic.whereabouts.events
            trial.written, trial.found = traffic.written, traffic.read_back()
            trial.after = survey(campaign.target)
            if trial.sample is not None:
                trial.sought = sample.seek(campaign.target, trial.after.scene.redis, trial.sample)
            traffic.cleanup(trial.found)
            self._await_bonds(trial, trial.after)

    def _warm_up(self, trial: Trial, traffic: Traffic) -> None:
        """Wait until every vantage point was seen well. Raises ``Unjudged``: this is no steady state."""

        def unseen() -> list[str]:
            well = {one.vantage for one in trial.history.all() if one.good}
            return [vantage for vantage in traffic.vantages if vantage not in well]

        try:
            eventually(
                unseen, lambda missing: not missing, what="the steady state", within_s=WARM_UP_S, describe=", ".join
            )
        except NotInTime:
            said = "; ".join(f"{one}: {trial.last_words(one)}" for one in unseen())
            self._campaign.halted = f"not in the steady state before the fault: {said}"
            raise Unjudged(self._campaign.halted) from None

    def _save(self, trial: Trial) -> None:
        """Save the keys on the host, where the fault may lose some. Raises ``CannotSave``: then there is no fault."""
        campaign, scene = self._campaign, trial.scene
        risk = may_lose_keys(trial.scenery.observed, trial.fault.loss)
        if not risk or campaign.host.chaos.data_loss != "restore":
            return
        self._phase(trial, "save", f"the keys, on the host: {risk}")
        flushed = trial.fault.loss is Loss.FLUSHED
        if flushed:  # what need not be done while writers are held back; the fence before the lease learns of the undo
            trial.eve = survey(campaign.target)
            trial.fence = Fence.put_up(campaign.target, scene.redis)
        saved = saving.save(
            campaign.target,
            scene.redis,
            f"{campaign.held.lease.page.keys}/saved",
            leave_out=own_beginnings(campaign.host.namespace),
            limits=saving.Limits(stall_s=STALL_S if flushed else 0.0),
            functions=not flushed,
        )
        trial.saved = saved if trial.fence is None else saved.behind(trial.fence)

    def _arm(self, trial: Trial) -> None:
        """Put the undo on the host's disk: from here on it would be undone without us."""
        held, redis = self._campaign.held, trial.scene.redis
        self._phase(trial, "arm", "the undo is written on the host")
        trial.eve = trial.eve or survey(self._campaign.target)
        undo = Undo(
            f"{trial.fault.name} of {redis.name}",
            trial.fault.undo(trial.scene, held.means),
            held.means.proof(redis),
            trial.saved.restore if trial.saved is not None else None,
        )
        held.lease.write_undo(undo, self._campaign.copy_of_undo)
        trial.undo, trial.undone = undo, False
        if trial.saved is not None and trial.saved.gap:  # what somebody has deleted since is not the fault's to lose
            trial.lost.look_before(self._campaign.target, redis, trial.saved)

    def _inject(self, trial: Trial, hands: LiveHands) -> None:
        """Fault, evidence, recovering command. Raises ``Unjudged`` where nothing shows that it took hold."""
        fault, scene = trial.fault, trial.scene
        self._phase(trial, "fault", fault.outage)
        injected = time.monotonic()
        fault.inject(scene, hands)
        recovering = time.monotonic()
        if trial.saved is not None:
            trial.gap = trial.saved.gap
            trial.saved.writers.release()
        trial.evidence = fault.in_effect(scene, hands)
        if not trial.evidence.took_hold:
            shown = ", ".join(f"{what} {value}" for what, value in trial.evidence.shown.items())
            raise Unjudged(f"nothing shows that {fault.name} took hold: {shown}")
        deeds = len(trial.deeds)
        fault.recover(scene, hands)
        if len(trial.deeds) > deeds:
            recovering = trial.deeds[-1].end
        trial.moments = Moments(injected, recovering)
        self._campaign.chronicle.moments(trial)

    def _await_recovery(self, trial: Trial, traffic: Traffic) -> None:
        """Watch until every vantage point is well and the hold is over, or the window has long passed in vain."""
        moments = trial.moments or Moments(0.0, 0.0)
        within = windows(self._campaign.host, trial.fault, traffic.vantages)
        longest_s, hold_s = max(within.values()), self._campaign.host.windows.hold_s
        self._phase(trial, "recovery", f"within {longest_s:g} s, then {hold_s:g} s without a fault")

        def look() -> tuple[Recovery, ...]:
            trial.recoveries = self._recoveries(trial, traffic, since=moments.injected - UNDER_WAY_S)
            self._see_what_is_lost(trial)
            used_s = time.monotonic() - moments.recovering
            self._watcher.recovery(used_s, longest_s, [_standing(one) for one in trial.recoveries])
            self._campaign.chronicle.operations(trial)
            return trial.recoveries

        def over(seen: tuple[Recovery, ...]) -> bool:
            now_s = time.monotonic() - moments.recovering
            return not any(one.waits(within[one.vantage] + LATE_S, now_s) for one in seen)

        with suppress(NotInTime):  # the checkers say which vantage points were not well in time
            eventually(
                look,
                over,
                what="recovery",
                within_s=longest_s + LATE_S + hold_s + SLACK_S,
                every_s=LOOK_EVERY_S,
                describe=lambda _: "",
            )
        trial.watched = True

    def _see_what_is_lost(self, trial: Trial) -> None:
        """As soon as Redis answers, before anybody who waited for it has come far."""
        answers = any(one.vantage == Vantage.PING and one.well_s is not None for one in trial.recoveries)
        if trial.saved is not None and answers and not trial.lost.decided:
            with suppress(TargetError):  # it is tried again
                trial.lost.look_after(self._campaign.target, trial.scene.redis, trial.saved)

    def _await_bonds(self, trial: Trial, after: Scenery) -> None:
        """See whether the backend holds connections to Redis again; time is only given to what else is well."""
        if trial.eve is not None and all(one.settled for one in trial.recoveries):
            self._phase(trial, "bond", "the backend's own connections to Redis")
            trial.bonds = await_bonds(self._campaign.target, trial.scene, trial.eve.scene, after)

    def _recoveries(self, trial: Trial, traffic: Traffic, *, since: float = 0.0) -> tuple[Recovery, ...]:
        """What every vantage point has seen; all of the calm before tells how long an answer takes."""
        moments, hold_s = trial.moments or Moments(0.0, 0.0), self._campaign.host.windows.hold_s
        operations = [one for one in trial.history.all() if one.end >= since]
        return tuple(recover(operations, one, moments, hold_s=hold_s) for one in traffic.vantages)

    def _without_verdict(self, trial: Trial, outcome: Outcome, reason: str) -> ExperimentResult:
        return appraisal.unjudged(self._campaign, trial, outcome, reason)

    def _phase(self, trial: Trial, name: str, said: str) -> None:
        trial.phase(name)
        self._watcher.phase(name, self._campaign.current.run.redact(said))
        self._campaign.current.write("phase", fault=trial.fault.name, phase=name, at=time.monotonic())


def _standing(one: Recovery) -> Standing:
    """A vantage point as the person who watches sees it."""
    well = one.well_s is not None if one.operations else None
    said = f"for good after {one.recovery_s:.2f} s" if one.recovery_s is not None else ""
    return Standing(one.vantage, well, said)
