"""A story read from a journal, at once or years later.

A journal may end anywhere (the runner was killed), hold events that this version does not know, and texts that a host
sent. What makes no sense is left out; nothing here raises for it but ``OSError``.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from plugins.check import CheckResult
from plugins.experiment_result import Writes
from plugins.history import Operation, Result
from plugins.journal import NAME, read
from plugins.recovery import Moments
from plugins.report.run_json import Target
from plugins.report.story import Found, Line, Phase, Played, Story, Told
from plugins.verdict import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Event = Mapping[str, Any]


def read_story(folder: Path) -> Story:
    """The run that left its journal in ``folder``. Raises ``OSError``."""
    return tell(read(folder / NAME))


def tell(events: Iterable[Event]) -> Story:
    """The story of a journal's events. Pure."""
    by_kind: dict[str, list[Event]] = defaultdict(list)
    last = 0.0
    for event in events:
        by_kind[_text(event, "event")].append(event)
        last = max(last, _number(event.get("t")))
    run = (by_kind["run"] or [{}])[0]
    end = (by_kind["end"] or [{}])[-1]
    code = end.get("exit_code")
    infos = [event for event in by_kind["info"] if event.get("when") == "now"]
    return Story(
        run_id=_text(run, "run_id"),
        suite=_text(run, "suite"),
        host=_text(run, "host"),
        environment=_text(run, "environment"),
        reached_by=_text(run, "reached_by"),
        project=_text(run, "project"),
        asked=_text(run, "argv"),
        started=_instant(run.get("started", run.get("at"))),
        duration_s=last,
        exit_code=code if isinstance(code, int) else None,
        strict=run.get("strict") is True,
        selected=int(_number(end.get("selected")) or _number((by_kind["selected"] or [{}])[-1].get("experiments"))),
        stopped=_text(end, "reason"),
        identity=_identity(_mapping(end, "target")),
        notes=tuple(str(note) for note in _list(end, "notes")),
        checks=tuple(one for event in by_kind["check"] if (one := check_of(_mapping(event, "check"))) is not None),
        played=tuple(_played(fault, by_kind) for fault in _faults(by_kind)),
        info=_texts(infos[-1], "info") if infos else {},
    )


def _identity(target: Mapping[str, Any]) -> Target | None:
    if not target:
        return None

    def known(key: str) -> str | None:
        return _text(target, key) or None

    return Target(
        hostname=known("hostname"),
        engine_id=known("engine_id"),
        redis_run_id=known("redis_run_id"),
        redis_version=known("redis_version"),
        containers=_texts(target, "containers"),
    )


def check_of(record: Mapping[str, Any]) -> CheckResult | None:
    """A check as it was written down; None where that is no check."""
    try:
        return CheckResult(
            id=_text(record, "id"),
            promise=_text(record, "promise"),
            severity=Severity(record["severity"]),
            outcome=Outcome(record["outcome"]),
            runbook=tuple(str(section) for section in _list(record, "runbook")),
            expected=_text(record, "expected"),
            observed=_text(record, "observed"),
            remedy=_text(record, "remedy"),
            reason=_text(record, "reason"),
            duration_s=_number(record.get("duration_s")),
            blocked_by=_text(record, "blocked_by"),
        )
    except (KeyError, ValueError):
        return None


def _faults(by_kind: Mapping[str, Sequence[Event]]) -> list[str]:
    """The faults that the journal tells of, as they were begun."""
    begun = [_text(event, "fault") for event in by_kind["phase"]]
    ended = [_text(_mapping(event, "experiment"), "fault") for event in by_kind["experiment"]]
    return [fault for fault in dict.fromkeys([*begun, *ended]) if fault]


def _played(fault: str, by_kind: Mapping[str, Sequence[Event]]) -> Played:
    def of(kind: str) -> list[Event]:
        return [event for event in by_kind[kind] if event.get("fault") == fault]

    results = [_mapping(event, "experiment") for event in by_kind["experiment"]]
    result = next((one for one in results if one.get("fault") == fault), None)
    looks = {_text(event, "when"): _texts(event, "info") for event in of("info")}
    moments = of("moments")
    phases = [Phase(_text(event, "phase"), _number(event.get("at"))) for event in of("phase")]
    return Played(
        fault=fault,
        **(_judged(result) if result is not None else {}),
        phases=tuple(phases),
        moments=_moments(moments[-1]) if moments else None,
        operations=tuple(sorted(_operations(of("operations")), key=lambda one: one.start)),
        deeds=tuple(_deed(_mapping(event, "deed")) for event in of("deed")),
        log=tuple(sorted(_lines(of("log")), key=lambda one: one.at_s)),
        before=looks.get("before", {}),
        after=looks.get("after", {}),
    )


def _judged(result: Mapping[str, Any]) -> dict[str, Any]:
    """What an experiment came to, as keywords of ``Played``."""
    try:
        outcome = Outcome(result.get("outcome", ""))
    except ValueError:
        outcome = Outcome.ERROR
    writes = _mapping(result, "writes")
    findings = [one for one in _list(result, "findings") if isinstance(one, dict)]
    return {
        "outcome": outcome,
        "reason": _text(result, "reason"),
        "ended": True,
        "undone": result.get("undone") is True,
        "window_s": {name: _number(span) for name, span in _mapping(result, "window_s").items()},
        **{name: _spans(result, name) for name in ("recovery_s", "outage_s", "uncertainty_s")},
        "writes": Writes(*(int(_number(writes.get(name))) for name in ("acknowledged", "lost", "unknown"))),
        "evidence": _texts(result, "evidence"),
        "findings": tuple(Found(_text(one, "checker"), _text(one, "verdict"), _text(one, "said")) for one in findings),
        "phases_s": {name: _number(span) for name, span in _mapping(result, "phases_s").items()},
    }


_RESULTS = {str(one): one for one in Result}
_NUMBER = (int, float)
#: Instants (seconds) beyond these, and what is no number, are no instants.
_FAR = 1e12


def _operations(events: Iterable[Event]) -> Iterable[Operation]:
    """There may be hundreds of thousands: what is here instead of ``match`` takes half the time."""
    for event in events:
        for row in _list(event, "operations"):
            if not isinstance(row, list) or len(row) != 6:  # noqa: PLR2004 - see the chronicle
                continue
            vantage, start, end, result, code, value = row
            if not (isinstance(vantage, str) and isinstance(code, str) and isinstance(result, str)):
                continue
            if not (isinstance(start, _NUMBER) and isinstance(end, _NUMBER)) or not -_FAR < start <= end < _FAR:
                continue
            number = value if isinstance(value, int) else None
            yield Operation(vantage, float(start), float(end), _RESULTS.get(result, Result.UNKNOWN), "", code, number)


def _lines(events: Iterable[Event]) -> Iterable[Line]:
    for event in events:
        for row in _list(event, "lines"):
            match row:
                case [int() | float() as at_s, str(text)] if -_FAR < at_s < _FAR:
                    yield Line(_text(event, "service"), float(at_s), text)


def _deed(deed: Mapping[str, Any]) -> Told:
    code = deed.get("exit_code")
    return Told(
        _text(deed, "argv"),
        _number(deed.get("start")),
        _number(deed.get("end")),
        code if isinstance(code, int) else -1,
        _text(deed, "said"),
    )


def _moments(event: Event) -> Moments:
    return Moments(_number(event.get("injected")), _number(event.get("recovering")))


def _spans(result: Mapping[str, Any], name: str) -> dict[str, float | None]:
    return {key: None if span is None else _number(span) for key, span in _mapping(result, name).items()}


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key, "")
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, _NUMBER) and -_FAR < value < _FAR else 0.0


def _mapping(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _texts(record: Mapping[str, Any], key: str) -> dict[str, str]:
    return {name: str(value) for name, value in _mapping(record, key).items()}


def _list(record: Mapping[str, Any], key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
