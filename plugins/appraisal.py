"""What an experiment came to: the checkers over what was observed, then the checklist on fresh facts."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from plugins import guard
from plugins.checker import Finding, Verdict, judged, worst
from plugins.checkers.recovering import degraded_while_away, recovered_within_window
from plugins.checkers.surroundings import (
    Surroundings,
    backend_reconnected_without_restart,
    given_up_late,
    log_quiet_in_hold,
    nothing_else_changed,
    server_lived_on,
)
from plugins.checkers.writes import Counted, Recording, acknowledged_writes_survive, nothing_unwritten_appears, tally
from plugins.checklist import run_checklist
from plugins.experiment_result import ExperimentResult, Writes
from plugins.facts.gather import gather
from plugins.key_findings import key_findings
from plugins.probe import Vantage
from plugins.promise import promised
from plugins.scenery import survey
from plugins.target.model import TargetError
from plugins.trial import windows
from plugins.verdict import NotJudged, Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.campaign import Campaign
    from plugins.check import CheckResult
    from plugins.facts import Facts
    from plugins.facts.config import Config
    from plugins.recovery import Moments
    from plugins.scenery import Scenery
    from plugins.trial import Trial

#: Seconds by which the host's clock may be read later the second time.
MARGIN_S = 0.2
#: What a finding comes to as an outcome.
_OUTCOMES = {Verdict.VALID: Outcome.PASSED, Verdict.INVALID: Outcome.FAILED, Verdict.UNKNOWN: Outcome.ERROR}


def appraise(campaign: Campaign, trial: Trial) -> ExperimentResult:
    """Judge an experiment that was played to its end. Raises ``TargetError`` where the host does not answer."""
    trial.after = trial.after or survey(campaign.target)
    since = _well_at(trial)
    facts = _gathered(campaign, since)
    try:
        campaign.chronicle.log(trial, campaign.target, facts, since)
        if late_s := _given_up_late(trial, facts):
            facts.leave()
            trial.late_s = late_s
            facts = _gathered(campaign, _well_at(trial) + late_s + MARGIN_S)
        findings = tuple(_findings(campaign, trial, facts))
        checks = run_checklist(facts, campaign.current.run)
    finally:
        facts.leave()
    outcome, reason = _outcome(trial, findings, checks)
    if disturbed := campaign.disturbance():
        outcome, reason = Outcome.ERROR, f"{disturbed}\n{reason}".strip()
    return _result(campaign, trial, outcome, reason, findings, checks)


def _gathered(campaign: Campaign, since: float) -> Facts:
    """Fresh facts; ``since``, monotonic, the log is read."""
    span = timedelta(seconds=max(0.0, time.monotonic() - since))
    return gather(campaign.target, since=span, baseline=lambda _: None, write=guard.may_write(campaign.host))


def _given_up_late(trial: Trial, facts: Facts) -> float:
    try:
        return given_up_late(facts.logs, max((one.outage_s or 0.0 for one in trial.recoveries), default=0.0))
    except NotJudged:
        return 0.0


def unjudged(campaign: Campaign, trial: Trial, outcome: Outcome, reason: str) -> ExperimentResult:
    """The result of an experiment that did not come to its end, with all that is known of it."""
    return _result(campaign, trial, outcome, reason)


def undecided(campaign: Campaign, trial: Trial, error: Exception) -> ExperimentResult:
    """The result of an experiment that an error has ended: failed where by then it was clear that it would.

    Where the lease ran out, or somebody deploys, nothing counts that was seen.
    """
    disturbed = campaign.disturbance()
    if trial.watched and not disturbed:
        recovered = judged(recovered_within_window, trial.recoveries, _windows(campaign, trial))
        if recovered.verdict is Verdict.INVALID:
            reason = f"{recovered.checker}: {recovered.said}\n{error}"
            return _result(campaign, trial, Outcome.FAILED, reason, (recovered,))
    reason = str(error) if disturbed in str(error) else f"{disturbed}\n{error}"
    return _result(campaign, trial, Outcome.ERROR, reason)


def _result(  # noqa: PLR0913, PLR0917 - the parts of a result
    campaign: Campaign,
    trial: Trial,
    outcome: Outcome,
    reason: str,
    findings: tuple[Finding, ...] = (),
    checks: tuple[CheckResult, ...] = (),
) -> ExperimentResult:
    redact = campaign.current.run.redact
    trial.phase("")
    return ExperimentResult(
        fault=trial.fault.name,
        family=trial.fault.family,
        outcome=outcome,
        reason=redact(reason),
        window_s=_windows(campaign, trial),
        recoveries=trial.recoveries,
        writes=_writes(trial),
        evidence={what: redact(value) for what, value in trial.evidence.shown.items()},
        findings=tuple(Finding(one.checker, one.verdict, redact(one.said), one.evidence) for one in findings),
        checks=checks,
        undone=trial.undone,
        phases_s=dict(trial.phases_s),
    )


def _outcome(trial: Trial, findings: tuple[Finding, ...], checks: tuple[CheckResult, ...]) -> tuple[Outcome, str]:
    """The worst of all, with every reason of that kind."""
    told = [(_OUTCOMES[one.verdict], f"{one.checker}: {one.said}") for one in findings]
    told += [
        (one.outcome, f"{one.id}: {one.observed or one.reason}") for one in checks if one.severity is Severity.GATE
    ]
    if not trial.undone:
        told.append((Outcome.FAILED, "not everything could be undone"))
    for outcome in (Outcome.FAILED, Outcome.ERROR):
        reasons = [reason for of, reason in told if of is outcome]
        if reasons:
            return outcome, "\n".join(reasons)
    if worst(one.verdict for one in findings) is Verdict.VALID:
        return Outcome.PASSED, ""
    return Outcome.ERROR, "nothing was judged"


def _findings(campaign: Campaign, trial: Trial, facts: Facts) -> Iterator[Finding]:
    host, moments = campaign.host, _moments(trial)
    operations = trial.history.all()
    if trial.evidence.amiss:
        yield Finding("fault_was_complete", Verdict.INVALID, trial.evidence.amiss)
    yield judged(recovered_within_window, trial.recoveries, _windows(campaign, trial))
    by_compose = _restarted_by_compose(trial)
    if host.readiness_url is not None:
        yield judged(degraded_while_away, operations, moments, redis_optional=host.redis_optional, excused=by_compose)
    if (recording := _recording(trial)) is not None:
        promise = promised(trial.scenery.observed, trial.loss)
        counted = [one for scenery in _looks(trial) if (one := _counted(scenery)) is not None]
        yield judged(acknowledged_writes_survive, recording, promise, moments, counted)
        yield judged(nothing_unwritten_appears, recording)
    if trial.scene.backends:
        seen = [one for one in trial.recoveries if one.vantage in (Vantage.BACKEND, Vantage.READINESS)]
        after = trial.after.scene.backends if trial.after is not None else ()
        there = (trial.scene.backends, after, seen, trial.bonds)
        yield judged(backend_reconnected_without_restart, *there, by_compose=by_compose)
        yield judged(lambda: log_quiet_in_hold(facts.logs, late_s=trial.late_s))
    if trial.after is not None:
        before = _surroundings(trial.scenery)
        now = replace(_surroundings(trial.after), functions=_functions(campaign, trial))
        yield judged(nothing_else_changed, before, now)
        if trial.fault.loss.process_lives_on:
            yield judged(server_lived_on, before, now)
    yield from key_findings(trial, host)


def _windows(campaign: Campaign, trial: Trial) -> Mapping[str, float]:
    return windows(campaign.host, trial.fault, [one.vantage for one in trial.recoveries])


def _moments(trial: Trial) -> Moments:
    if trial.moments is None:
        raise RuntimeError("only what was played to its end is judged")
    return trial.moments


def _well_at(trial: Trial) -> float:
    """When the last vantage point was well again, monotonic: what the log says from then on counts."""
    latest_s = max((one.recovery_s or 0.0 for one in trial.recoveries), default=0.0)
    return max(_moments(trial).recovering + latest_s, trial.healed)


def _restarted_by_compose(trial: Trial) -> str:
    """How it is known that Compose restarts the backend with Redis; empty where it does not."""
    redis = trial.scene.redis.service
    # Compose's own restart only: after a start, a kill or a crash it leaves the dependants alone.
    if trial.fault.family == "restart" and any(redis in one.restarts_with for one in trial.scene.backends):
        return f"Compose restarts it with {redis}: depends_on with restart: true"
    return ""


def _recording(trial: Trial) -> Recording | None:
    if trial.found is None:
        return None
    return Recording(trial.history.of(Vantage.WRITE), trial.written, trial.found)


def _writes(trial: Trial) -> Writes:
    recording = _recording(trial)
    if recording is None or trial.moments is None or trial.before is None:
        return Writes(acknowledged=len(trial.written.acknowledged))
    done = tally(recording, promised(trial.before.observed, trial.loss), trial.moments)
    return Writes(done.acknowledged, len(done.lost), done.unknown)


def _looks(trial: Trial) -> tuple[Scenery, ...]:
    return tuple(one for one in (trial.before, trial.eve, trial.after) if one is not None)


def _counted(scenery: Scenery) -> Counted | None:
    """The counters of evicted and expired keys; None where they cannot be had."""
    info = scenery.facts.info
    try:
        return Counted(scenery.scene.run_id, info.number("evicted_keys"), info.number("expired_keys"))
    except NotJudged:
        return None


def _surroundings(scenery: Scenery) -> Surroundings:
    scene = scenery.scene
    return Surroundings(
        run_id=scene.run_id,
        config=_config(scenery),
        users=scenery.users,
        containers={one.name: one.id for one in (scene.redis, *scene.backends)},
        drifted=frozenset(one.name for one in scenery.changes),
        functions=scenery.functions,
    )


def _functions(campaign: Campaign, trial: Trial) -> frozenset[str] | None:
    """The libraries as they are now that all was put back; None where they may be lost, or could not be asked."""
    if trial.scenery.functions is None or campaign.host.chaos.data_loss == "allowed":
        return None
    with suppress(TargetError):
        return survey(campaign.target).functions
    return None


def _config(scenery: Scenery) -> Config | None:
    try:
        return scenery.facts.config
    except NotJudged:
        return None
