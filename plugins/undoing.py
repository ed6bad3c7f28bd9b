"""What was done to the host is undone, whatever became of the experiment: commands, proof, steady state, keys."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from plugins import saving
from plugins.eventually import NotInTime, eventually
from plugins.key_findings import nothing_lost
from plugins.target.ledger import Cleared
from plugins.target.model import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.campaign import Campaign
    from plugins.trial import Trial
    from plugins.undo import Undo

#: Seconds for one command of an undo, and for the proof that it was effective.
UNDOING_S = 15.0
#: Seconds for an intervention that is still at work on the host when its runner was interrupted: a stop waits for the
#: service's grace, ten seconds unless Compose's file says more.
REST_S = 30.0


class Undoing:
    """The undoing of one experiment. ``phase`` is told what begins."""

    def __init__(self, campaign: Campaign, trial: Trial, phase: Callable[[str, str], None]) -> None:
        self._campaign = campaign
        self._trial = trial
        self._phase = phase
        self._tried = False
        self._effective = False

    def undo(self, *, hurried: bool = False) -> None:
        """Run the undo, and see the host well where it is not yet; once. A Redis that was away then answers again.

        ``hurried``: its answer is enough.

        Raises ``NotInTime`` where its proof does not hold, ``Unjudged`` where the host is not well after it or the
        container is not there any more, and ``TargetError``: then there is no further fault.
        """
        undo, trial = self._trial.undo, self._trial
        if undo is None or self._tried:
            return
        self._phase("undo", undo.what)
        try:
            self._campaign.see_there(trial.scene.redis)
            self._carry_out(undo)
            self._effective = True
            if not trial.recoveries or not all(one.settled for one in trial.recoveries):
                if hurried:
                    self._campaign.await_answer(trial.scene.redis)
                else:
                    self._campaign.await_well()
                trial.healed = time.monotonic()
        except BaseException as error:
            self._tried = isinstance(error, Exception)  # who was interrupted may try again
            self._halt(error)
            raise
        self._tried = True

    def leave(self, kind: object, error: BaseException | None, trace: object) -> None:
        """At the end of an experiment, however it ends. Whoever interrupts it is kept waiting for Redis, no longer."""
        del kind, trace
        self.put_back(hurried=error is not None and not isinstance(error, Exception))

    def put_back(self, *, hurried: bool = False) -> None:
        """Undo, put keys back, and take the undo off the host; it stays there where either fails. Raises as ``undo``.

        Where Redis does not take its keys back, that is for a checker to tell: the saved ones stay on the host, which
        goes on trying when the run ends. Of a container that is not there any more nothing is owed but its keys.
        """
        if self._trial.undo is None:
            return
        try:
            self.undo(hurried=hurried)
        finally:
            if self._effective or self._is_moot():
                self._finish()

    def _finish(self) -> None:
        campaign, trial = self._campaign, self._trial
        try:
            if trial.saved is not None and not nothing_lost(trial):
                trial.restored = saving.restore(campaign.target, trial.scene.redis, trial.saved)
                if trial.restored.failed:
                    self._halt(trial.restored.failed)
                    return
            self._clear()
        except BaseException as error:
            self._halt(error)
            raise
        trial.undone = True

    def _clear(self) -> None:
        """Take the undo off the host; where it was carried out, only as long as it holds, and else do it once more."""
        lease, undo = self._campaign.held.lease, self._trial.undo
        if undo is None or not self._effective:
            lease.clear_undo()
        elif lease.clear_undo(proven=True) is Cleared.UNPROVEN:
            self._carry_out(undo)
            if lease.clear_undo(proven=True) is Cleared.UNPROVEN:
                raise TargetError(f"the undo of {undo.what} does not hold: the host goes on with it by itself")

    def _is_moot(self) -> bool:
        return self._trial.saved is None and self._campaign.is_gone(self._trial.scene.redis)

    def _halt(self, error: BaseException | str) -> None:
        """No further fault: the first reason is the one to tell."""
        what = self._trial.undo.what if self._trial.undo is not None else self._trial.fault.name
        self._campaign.halted = self._campaign.halted or f"after {what}: {error}"

    def _carry_out(self, undo: Undo) -> None:
        """Run the undo's commands until its proof holds. Raises ``NotInTime``."""
        self._await_rest()
        run = self._campaign.target.shell.run
        for argv in undo.commands:
            run(argv, timeout_s=UNDOING_S)  # one may fail where there is nothing left to undo
        eventually(
            lambda: run(undo.proof, timeout_s=UNDOING_S),
            lambda done: done.exit_code == 0,
            what=f"the undo of {undo.what}",
            within_s=UNDOING_S,
            every_s=0.2,
            catch=(TargetError,),
            describe=lambda done: done.errors.strip() or f"exit code {done.exit_code}",
        )

    def _await_rest(self) -> None:
        """Until no intervention is at work any more: a start does nothing to a container that is about to stop.

        Nothing is said where that takes too long, or nobody can tell: the proof will, and else the host's watcher.
        """
        with suppress(NotInTime):
            eventually(
                self._campaign.held.lease.came,
                lambda came: came.state != "running",
                what="the intervention is over",
                within_s=REST_S,
                catch=(TargetError,),
            )
