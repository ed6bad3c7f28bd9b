"""What the checkers of keys make of an experiment: what was saved, what is back, what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.checker import Verdict, judged
from plugins.checkers.keys import REMOVING, Count, Meanwhile, Sought, keys_put_back, no_key_missing, saved_at_stop
from plugins.checkers.others import wrote
from plugins.fault import Loss
from plugins.history import Result
from plugins.probe import Vantage
from plugins.promise import relies_on_stop
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugins.checker import Finding
    from plugins.facts.info import Info
    from plugins.history import Operation
    from plugins.inventory import Host
    from plugins.scenery import Scenery
    from plugins.trial import Trial

#: Seconds that a question may take to reach Redis: what was written until then was counted by the answer, perhaps.
_ON_ITS_WAY_S = 0.1


def key_findings(trial: Trial, host: Host) -> Iterator[Finding]:
    """Judge what became of the keys of an experiment that was played to its end."""
    observed = trial.scenery.observed
    if observed is not None and relies_on_stop(observed, trial.fault.loss):
        yield judged(saved_at_stop, observed.unsaved, killed=trial.killed, went_back=trial.went_back)
    if trial.restored is not None:
        yield judged(keys_put_back, trial.restored, _meanwhile(trial))
    if host.chaos.data_loss != "allowed" and (trial.restored is None or _kept(trial)):
        yield judged(lambda: _none_missing(trial))


def nothing_lost(trial: Trial) -> bool:
    """Whether it is clear that no key was lost: then none is put back, for others may have taken it away since."""
    return _kept(trial) and judged(lambda: _none_missing(trial)).verdict is Verdict.VALID


def _kept(trial: Trial) -> bool:
    """Whether Redis is known to have all that was written until a fault that is not meant to lose any."""
    return trial.fault.loss is not Loss.FLUSHED and trial.went_back is False


def _none_missing(trial: Trial) -> Finding:
    sought = trial.sought or Sought(why_not="no keys were drawn before the fault")
    return no_key_missing(_counts(trial), sought, kept=_kept(trial))


def _counts(trial: Trial) -> list[Count]:
    """The keys at each look. Raises ``NotJudged``."""
    own = len(trial.found.present) + len(trial.found.strangers) if trial.found is not None else 0
    counts = []
    for scenery in (trial.before, trial.eve, trial.after):
        if scenery is None:
            continue
        info, databases = scenery.facts.info, scenery.facts.databases
        keys = databases.keys - (own if scenery is trial.after else 0)
        removals = sum(calls for name, calls in scenery.facts.statistics.values.items() if _removes(name))
        evicted, expired = info.number("evicted_keys"), info.number("expired_keys") + _expired_at_load(info)
        counts.append(Count(scenery.scene.run_id, keys, evicted, expired, removals, keys - databases.eternal))
    return counts


def _expired_at_load(info: Info) -> int:
    """Keys whose time was over when the snapshot was loaded, which ``expired_keys`` leaves out; 6.2 counts neither."""
    try:
        return info.number("rdb_last_load_keys_expired")
    except NotApplicable:
        return 0


def _removes(counter: str) -> bool:
    kind, _, command = counter.partition(":")
    return kind == "calls" and command in REMOVING


def _meanwhile(trial: Trial) -> Meanwhile:
    """What others did between the saving and the loss, and since. Raises ``NotJudged``."""
    if trial.fault.loss is Loss.FLUSHED:
        return Meanwhile(trial.gap, _wrote_in(trial, trial.after), lost=True)
    back = trial.went_back is not False
    return Meanwhile(
        trial.gap, _wrote_in(trial, trial.eve), lost=back, set_back=back and _loaded(trial), wrote_since=_since(trial)
    )


def _wrote_in(trial: Trial, until: Scenery | None) -> int | None:
    """How often others wrote from the first look to this one, in the same process."""
    if until is None or until.scene.run_id != trial.scene.run_id:
        return None
    own = [one for one in _writes(trial) if one.result is not Result.FAIL and one.start < until.asked + _ON_ITS_WAY_S]
    fence = int(trial.fence is not None)
    return wrote(trial.scenery.facts.statistics.values, until.facts.statistics.values, len(own) + fence)


def _loaded(trial: Trial) -> bool:
    """Whether the new process may have found any data: what is in one that found none was written since."""
    observed, after = trial.scenery.observed, trial.after
    if observed is None or observed.reads_appended or after is None:
        return True
    return after.facts.info.get("rdb_last_load_keys_loaded", "") != "0"


def _since(trial: Trial) -> int | None:
    """How often others have written since the new process began, as of the last look; None: it cannot be told."""
    late = trial.late
    away = _away_from(trial)
    if late is None or away is None or late.scene.run_id == trial.scene.run_id:
        return None
    own = [one for one in _writes(trial) if one.result is not Result.FAIL and one.end > away]
    return wrote({}, late.facts.statistics.values, len(own))


def _away_from(trial: Trial) -> float | None:
    """When the first write failed by the fault: those that went well after it are in the new process."""
    injected = trial.moments.injected if trial.moments is not None else 0.0
    return next((one.start for one in _writes(trial) if one.end >= injected and not one.good), None)


def _writes(trial: Trial) -> Sequence[Operation]:
    return trial.history.of(Vantage.WRITE)
