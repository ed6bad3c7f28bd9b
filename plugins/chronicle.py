"""What of an experiment goes into the journal, as soon as it is known: the reports are rendered from there alone."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from plugins.facts.records import join
from plugins.target.model import TargetError
from plugins.verdict import NotJudged, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.active import Active
    from plugins.experiment_result import ExperimentResult
    from plugins.facts import Facts
    from plugins.facts.info import Info
    from plugins.target.open import Target
    from plugins.trial import Trial

#: Seconds of a container's log that are kept from before the fault.
EVE_S = 0.5
#: Of a container's log so many records are kept, the newest, and of each so many characters.
RECORDS, CHARACTERS = 100, 500


def info_told(current: Active, info: Info) -> Mapping[str, str]:
    """INFO as it goes into the journal: field by field, without secrets."""
    fields = (fields for fields in info.sections.values())
    return {name: current.run.redact(value) for each in fields for name, value in each.items()}


class Chronicle:
    """Writes down one experiment after the other."""

    def __init__(self, current: Active) -> None:
        self._current = current

    def operations(self, trial: Trial) -> None:
        """Which operations have ended since the last call."""
        fresh = [
            [one.vantage, round(one.start, 4), round(one.end, 4), str(one.result), one.code, one.value]
            for one in trial.history.drain()
        ]
        if fresh:
            self._write(trial, "operations", operations=fresh)

    def moments(self, trial: Trial) -> None:
        """When the fault was injected, and when the recovering command had returned."""
        if trial.moments is not None:
            self._write(trial, "moments", **asdict(trial.moments))

    def log(self, trial: Trial, target: Target, facts: Facts, since: float) -> None:
        """The containers' logs of that time; ``since``, monotonic, is the instant from which ``facts`` reads them."""
        if trial.moments is None:
            return
        ahead = timedelta(seconds=max(0.0, since - trial.moments.injected + EVE_S))
        zero = facts.since.instant + timedelta(seconds=trial.moments.recovering - since)
        for container in (trial.scene.redis, *trial.scene.backends):
            with suppress(TargetError, Unreachable):
                log = target.stack.logs(container, since=facts.since.instant - ahead)
                records = join(log.records)
                lines = [
                    [round((one.at - zero).total_seconds(), 3), self._current.run.redact(one.text)[:CHARACTERS]]
                    for one in records[-RECORDS:]
                ]
                self._write(trial, "log", service=container.service, lines=lines, more=max(0, len(records) - RECORDS))

    def finished(self, trial: Trial, result: ExperimentResult | None) -> None:
        """What became of an experiment, with what was done to the host, and what Redis said before and after."""
        self.operations(trial)
        redact = self._current.run.redact
        for deed in trial.deeds:
            told = {**asdict(deed), "argv": redact(shlex.join(deed.argv)), "said": redact(deed.said)}
            self._write(trial, "deed", deed=told)
        for when, info in _looks(trial):
            self._write(trial, "info", when=when, info=info_told(self._current, info))
        if result is not None:
            self._current.write("experiment", sync=True, experiment=result.to_json())

    def _write(self, trial: Trial, event: str, **fields: object) -> None:
        self._current.write(event, sync=False, fault=trial.fault.name, **fields)


def _looks(trial: Trial) -> Iterator[tuple[str, Info]]:
    for when, scenery in (("before", trial.eve or trial.before), ("after", trial.after)):
        if scenery is not None:
            with suppress(NotJudged):
                yield when, scenery.facts.info
