"""A run of chaos on one host: what it holds there from beginning to end, and whether it may go on."""

from __future__ import annotations

import getpass
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from plugins import guard
from plugins.chronicle import Chronicle
from plugins.eventually import NotInTime, eventually
from plugins.facts import asking
from plugins.lease import Lease
from plugins.lock import BASE, CannotLock, Dirty, NoLease, debts
from plugins.options import TWIN
from plugins.report.run_json import Target as Identity
from plugins.report.terminal import target_line
from plugins.scenery import survey
from plugins.steady import Pulses, await_steady
from plugins.target.keyfile import login_command
from plugins.target.ledger import Ledger
from plugins.target.means import means_of
from plugins.target.model import ServiceAmbiguous, ServiceMissing, TargetError
from plugins.target.redis import Login
from plugins.verdict import Exit, Unjudged, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.active import Active, Stage
    from plugins.experiment_result import ExperimentResult
    from plugins.fault import Means
    from plugins.inventory import Host
    from plugins.target.model import Container, Engine
    from plugins.target.open import Target
    from plugins.trial import Trial

#: Seconds for a host to be well again by itself after its undo, before the run gives it up.
WELL_AGAIN_S = 30.0


class Stopped(Exception):
    """The run ends before its first fault: exit code and reason."""

    def __init__(self, code: Exit, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Held:
    """What a run holds on the host: its lock and lease, and the means to act there."""

    ledger: Ledger
    lease: Lease
    means: Means


@dataclass
class Campaign:
    """See the module. ``halted``: why no (further) fault may be injected; empty as long as the host is well."""

    current: Active
    halted: str = ""
    _held: Held | None = None
    _cast: tuple[Container, ...] = ()  # the stack's containers as the run has found them
    _unsettled: list[str] = field(default_factory=list)  # the undos that this run did not see through itself
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> Host:
        """The host's entry in the inventory."""
        return self.current.run.host

    @property
    def target(self) -> Target:
        """The host under test."""
        return self._stage.target

    @property
    def _stage(self) -> Stage:
        if self.current.stage is None:
            raise RuntimeError("a campaign needs a target")
        return self.current.stage

    @property
    def held(self) -> Held:
        """What the run holds on the host; only asked for by experiments, which none may be without."""
        if self._held is None:
            raise RuntimeError("an experiment was begun without lock and lease")
        return self._held

    @property
    def copy_of_undo(self) -> Path | None:
        """Where the run's own folder keeps the undo that is owed; None where there is no folder."""
        folder = self.current.folder.path
        return folder / "undo.sh" if folder is not None else None

    def begin(self) -> None:
        """Reach the host, make sure that it is the one that is meant, take its lock, and see that it is well.

        A host that is not well halts the campaign before its first fault. Raises ``Stopped`` where the run ends here.
        """
        try:
            self.target.shell.open()
            engine = self.target.stack.engine()
            if refusal := guard.engine_refusal(self.host, engine):
                raise Stopped(Exit.REFUSED, refusal)
            self._hold(engine.id)
            if not self.halted:
                self._see_it_well()
            if not self.halted:
                self.held.lease.prove()  # which takes two of its ticks: they have gone by meanwhile
                self._introduce(engine)
        except NoLease as refused:
            raise Stopped(Exit.REFUSED, f"chaos on {self.host.name}: {refused}") from refused
        except Unreachable as error:
            raise Stopped(Exit.UNJUDGED, str(error)) from error
        except TargetError as error:
            raise Stopped(Exit.UNJUDGED, f"{self.host.name}: {error}") from error

    def _hold(self, engine_id: str) -> None:
        """Take the lock, with the lease that will undo what this run leaves undone."""
        try:
            self.target.stack.containers(self.host.redis_service)
        except (ServiceMissing, ServiceAmbiguous) as missing:
            self.halted = f"not in the steady state: {missing}"
            return
        means = means_of(self.target, self._stage.located.supervisor)
        run = self.current.run
        ledger = ledger_of(self.target, engine_id)
        try:
            reports = ledger.reports()
            lease = Lease.take(
                ledger, self._stage.located.shell, run_id=run.run_id, holder=_holder(), lease_s=run.request.lease_s
            )
        except Dirty as dirty:
            raise Stopped(Exit.DIRTY, f"{self.host.name}: {dirty}") from dirty
        except (CannotLock, NoLease) as refused:
            raise Stopped(Exit.REFUSED, f"chaos on {self.host.name}: {refused}") from refused
        self._held = Held(ledger, lease, means)
        for report in reports:
            run.notes.append(run.redact(f"before this run: {report}"))
            self.current.write("healed", sync=True, report=run.redact(str(report)))
        ledger.acknowledge(reports)  # not before they are told, or a run that is killed here would keep them to itself

    def _introduce(self, engine: Engine) -> None:
        """Note what this run is about, before anything is touched."""
        scene = survey(self.target).scene
        self._cast = (scene.redis, *scene.backends)
        self.current.identity = Identity(
            hostname=engine.name,
            engine_id=engine.id,
            redis_run_id=scene.run_id,
            redis_version=scene.version,
            containers={one.name: one.id for one in self._cast},
        )

    def describe(self) -> list[str]:
        """What is about to be touched, or why nothing is."""
        lines = [f"target: {target_line(self.current.identify())}"]
        return [*lines, self.current.run.redact(f"no fault is injected: {self.halted}")] if self.halted else lines

    def _see_it_well(self) -> None:
        request = self.current.run.request
        steadiness = await_steady(
            Pulses(self.target, write=guard.may_write(self.host)),
            wait_s=request.wait_s,
            stable_for_s=request.stable_for_s,
            stopped=self.stopped,
        )
        if not steadiness.held:
            said = steadiness.said or steadiness.describe()
            self.halted = f"not in the steady state: {said}; what mends it: pytest -m verify --host {self.host.name}"

    def await_well(self) -> None:
        """Wait for the steady state after an undo. Raises ``Unjudged`` where it does not come back."""
        steadiness = await_steady(
            Pulses(self.target, write=guard.may_write(self.host)),
            wait_s=WELL_AGAIN_S,
            stable_for_s=0.0,
            stopped=self.stopped,
        )
        if not steadiness.held:
            raise Unjudged(f"the host is not well after the undo: {steadiness.describe()}")

    def await_answer(self, redis: Container) -> None:
        """Wait until Redis answers after an undo. Raises ``Unjudged`` where it does not."""
        try:
            eventually(
                asking.exec_ping(self.target, redis).ask,
                lambda answer: answer.ok is True,
                what="an answer of Redis after the undo",
                within_s=WELL_AGAIN_S,
                describe=lambda answer: answer.detail,
            )
        except NotInTime as error:
            raise Unjudged(str(error)) from error

    def disturbance(self) -> str:
        """Why nothing counts that was seen: the lease ran out, or somebody deploys; empty where neither is known."""
        if self._held is not None and (fired := self._held.lease.ask()):
            return fired
        try:
            self.see_unchanged()
        except Unjudged as changed:
            return changed.reason
        except (TargetError, Unreachable):
            return ""
        return ""

    def see_unchanged(self) -> None:
        """Raise ``Unjudged`` where the stack's containers are not those that the run began with: then it is over."""
        for service in {one.service for one in self._cast}:
            if {one.id for one in self._cast if one.service == service} != self._ids(service):
                self._change(f"the containers of {service}")

    def see_there(self, container: Container) -> None:
        """Raise ``Unjudged`` where this very container is not there any more."""
        if self.is_gone(container):
            self._change(f"the container {container.name}")

    def is_gone(self, container: Container) -> bool:
        """Whether this very container is not there any more. Raises ``TargetError``."""
        return container.id not in self._ids(container.service)

    def _ids(self, service: str) -> set[str]:
        try:
            return {one.id for one in self.target.stack.containers(service)}
        except ServiceMissing:
            return set()

    def _change(self, what: str) -> NoReturn:
        self.halted = f"{what} changed under our feet: does somebody deploy?"
        raise Unjudged(self.halted)

    def end(self) -> None:
        """Give the lock back; what is still owed the host undoes first. A host left dirty stops the run as such.

        So does an undo that neither this run nor the host has seen through, though nothing of it is on the host.
        """
        held, self._held = self._held, None
        if held is None:
            return
        try:
            why = held.lease.disarm()
            left = held.ledger.look()
        except (TargetError, CannotLock) as error:
            why = f"the host does not answer any more: {error}; it undoes what is owed when the lease runs out"
            self.current.run.stop(Exit.DIRTY, f"{self.host.name}: {why}")
            return
        healed = any(one.run == self.current.run.run_id and one.undone for one in left)
        if owed := debts(left):
            told = "; ".join(map(str, owed))
            self.current.run.stop(Exit.DIRTY, f"{self.host.name}: {why}: {told}. Undo it with --recover")
        elif self._unsettled and not healed:
            what = f"not everything was undone ({'; '.join(self._unsettled)})"
            said = f"{self.host.name}: {what}, and nothing is left on the host for --recover: see to it. {why}"
            self.current.run.stop(Exit.DIRTY, said.strip())
        elif why:
            self.current.run.notes.append(self.current.run.redact(why))

    @property
    def chronicle(self) -> Chronicle:
        """What writes experiments down."""
        return Chronicle(self.current)

    def finished(self, trial: Trial, result: ExperimentResult | None) -> None:
        """Keep what became of an experiment."""
        self.chronicle.finished(trial, result)
        if trial.undo is not None and not trial.undone:
            self._unsettled.append(trial.undo.what)
        if result is not None:
            self.current.run.experiments.append(result)


def ledger_of(target: Target, engine_id: str) -> Ledger:
    """The host's ledger for the project under test, whose containers were found before.

    A twin's goes with its folder: nobody would come back to it.
    """
    host = target.host
    project = getattr(target.stack, "project", None) or host.compose_project or host.project_dir
    base = f"{host.project_dir}/runbook-suite" if host.name == TWIN else BASE
    return Ledger(target.shell, engine_id, project, login=login_command(Login(host, target.environ)), base=base)


def _holder() -> str:
    """Who runs this, for whoever finds the lock held."""
    return f"{getpass.getuser()} on {socket.gethostname()}"
