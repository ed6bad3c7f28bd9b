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
    from plugins.target.model import Completed
    from plugins.trial import Trial
    from plugins.undo import Undo

#: Seconds for one command of an undo, and for the proof that it was effective.
UNDOING_S = 15.0
#: Seconds for an intervention that is still at work on the host when its runner was interrupted: a stop waits for the
#: service's grace, ten seconds unless Compose's file says more.
REST_S = 30.0
#: So often keys are put back and the undo is proven, should Redis's container be replaced, or die, each time.
ATTEMPTS = 3


class Undoing:
    """The undoing of one experiment. ``phase`` is told what begins."""

    def __init__(self, campaign: Campaign, trial: Trial, phase: Callable[[str, str], None]) -> None:
        self._campaign = campaign
        self._trial = trial
        self._phase = phase
        self._tried = False
        self._proven: str | None = None  # what the proof said when the commands had been carried out

    def undo(self, *, hurried: bool = False) -> None:
        """Run the undo, and see the host well where it is not yet; once. A Redis that was away then answers again.

        ``hurried``: its answer is enough.

        Raises ``NotInTime`` where its proof does not hold, ``Unjudged`` where the host is not well after it or the
        container is not there any more, and ``TargetError``: then there is no further fault.
        """
        undo, trial = self._trial.undo, self._trial
        if undo is None or self._tried:
            return
        with suppress(Exception):  # who cannot be told, or a journal on a full disk, must not stand in front of it
            self._phase("undo", undo.what)
        try:
            self._campaign.see_there(trial.scene.redis)
            self._proven = self._carry_out(undo)
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
        goes on trying when the run ends. Of a container that is not there any more nothing is owed but its keys, which
        go into the one that has taken its place.
        """
        undo = self._trial.undo
        if undo is None:
            return
        try:
            self.undo(hurried=hurried)
        finally:
            if self._proven is not None or self._campaign.is_gone(self._trial.scene.redis):
                self._finish(undo)

    def _finish(self, undo: Undo) -> None:
        """Put keys back and take the undo off the host. Raises as ``undo``, and then no further fault is injected."""
        try:
            failed = self._settle(undo)
        except BaseException as error:
            self._halt(error)
            raise
        if failed:
            self._halt(failed)
        self._trial.undone = not failed

    def _settle(self, undo: Undo) -> str:
        """The same, again where Redis is another by then than the keys went into; why it does not take them back."""
        error = TargetError(f"the undo of {undo.what} does not hold: the host goes on with it by itself")
        for _ in range(ATTEMPTS):
            if self._is_moot():
                self._campaign.held.lease.clear_undo()
                return ""
            proven = self._seen_well(undo) if self._proven is None else self._proven
            self._proven = None
            try:
                failed = self._give_back()
            except TargetError as cut_off:  # as where it is being replaced
                error = cut_off
                continue
            if failed or self._cleared(undo, proven):
                return failed
        raise error

    def _is_moot(self) -> bool:
        """Whether nothing is owed to a container that was never seen well again, for it is gone."""
        trial = self._trial
        return self._proven is None and trial.saved is None and self._campaign.is_gone(trial.scene.redis)

    def _seen_well(self, undo: Undo) -> str:
        """Carry the undo out for whatever container Redis has by now, and wait until it answers."""
        proven = self._carry_out(undo)
        for one in self._campaign.target.stack.containers(self._trial.scene.redis.service):
            self._campaign.await_answer(one)
        return proven

    def _give_back(self) -> str:
        """Put the saved keys back, if any were lost; why not, empty where all is well. Raises ``TargetError``."""
        trial = self._trial
        if trial.saved is None or nothing_lost(trial):
            return ""
        trial.restored = saving.restore(self._campaign.target, trial.scene.redis, trial.saved, trial.lost)
        return trial.restored.failed

    def _cleared(self, undo: Undo, proven: str) -> bool:
        """Take the undo off the host, as long as its proof says the same. Raises ``TargetError`` and ``LeaseFired``."""
        cleared = self._campaign.held.lease.clear_undo(proven=proven)
        if cleared is Cleared.GONE:  # with all that the host had of it
            done = self._campaign.target.shell.run(undo.proof, timeout_s=UNDOING_S)
            return done.exit_code == 0 and _said(done) == proven
        return cleared is not Cleared.UNPROVEN

    def _halt(self, error: BaseException | str) -> None:
        """No further fault: the first reason is the one to tell."""
        what = self._trial.undo.what if self._trial.undo is not None else self._trial.fault.name
        self._campaign.halted = self._campaign.halted or f"after {what}: {error}"

    def _carry_out(self, undo: Undo) -> str:
        """Run the undo's commands until its proof holds, and give what that said. Raises ``NotInTime``."""
        self._await_rest()
        run = self._campaign.target.shell.run
        for argv in undo.commands:
            run(argv, timeout_s=UNDOING_S)  # one may fail where there is nothing left to undo
        done = eventually(
            lambda: run(undo.proof, timeout_s=UNDOING_S),
            lambda done: done.exit_code == 0,
            what=f"the undo of {undo.what}",
            within_s=UNDOING_S,
            every_s=0.2,
            catch=(TargetError,),
            describe=lambda done: done.errors.strip() or f"exit code {done.exit_code}",
        )
        return _said(done)

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


def _said(proof: Completed) -> str:
    """What a proof said, as the host's script compares it."""
    return proof.text.rstrip("\n")
