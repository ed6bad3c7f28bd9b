"""Whether everybody was well again in time, and what readiness said while Redis was away. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.checker import Finding, Verdict, worst
from plugins.facts.readiness import Kind
from plugins.facts.units import plural
from plugins.probe import Vantage
from plugins.recovery import BLIND, TURNED_AWAY, away

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.history import Operation
    from plugins.recovery import Moments, Recovery

_SHOWN = 3

#: Readiness is asked this often (seconds) where the backend does not limit the rate; rule 8 of the design.
READINESS_EVERY_S = 0.25
#: An outage as short as this (seconds) may pass between two questions, the second of which may be late.
MISSED_S = 2 * READINESS_EVERY_S


def recovered_within_window(recoveries: Sequence[Recovery], windows_s: Mapping[str, float]) -> Finding:
    """Every vantage point was well within its window (seconds, by vantage point) and stayed so for the whole hold.

    Operations that could not ask are no evidence that Redis was away, nor that it was well: unknown, unless what
    could be asked is enough to condemn it.
    """
    name = recovered_within_window.__name__
    if not recoveries:
        return Finding(name, Verdict.UNKNOWN, "there was no vantage point")
    verdicts = {one.vantage: _recovered(one, windows_s[one.vantage]) for one in recoveries}
    verdict = worst(found for found, _ in verdicts.values())
    told = [said for found, said in verdicts.values() if found is verdict]
    evidence = {one.vantage: one.recovery_s for one in recoveries}
    return Finding(name, verdict, "; ".join(told), evidence)


def _recovered(seen: Recovery, window_s: float) -> tuple[Verdict, str]:
    said = seen.describe(window_s)
    if not seen.operations:
        return Verdict.UNKNOWN, said
    if seen.flapped or (seen.last_bad_s is not None and seen.last_bad_s > window_s):
        return Verdict.INVALID, said
    if seen.blind:
        return Verdict.UNKNOWN, f"{said}; {seen.blind} operations could not ask: the way to the host was gone"
    if seen.recovery_s is not None:
        return (Verdict.VALID if seen.recovery_s <= window_s else Verdict.INVALID), said
    if seen.well_s is None:
        return (Verdict.UNKNOWN if seen.last_bad_s is None else Verdict.INVALID), said
    return (Verdict.UNKNOWN if seen.well_s <= window_s else Verdict.INVALID), said


def degraded_while_away(
    operations: Sequence[Operation], moments: Moments, *, redis_optional: bool, excused: str = ""
) -> Finding:
    """While Redis was away, readiness said ``degraded`` of an optional Redis: never down, an error, or nothing.

    The body decides, whatever the HTTP status. From the injection on, ``ok`` and ``degraded`` are the only words;
    ``ok`` is a lie where the question was asked and answered while the wire PING certainly found Redis away.
    ``excused``: why the backend itself need not have answered, as where Compose restarts it with Redis. An outage in
    which nobody asked is only as good as one that was seen where it was too short to be asked about (``MISSED_S``).
    """
    name = degraded_while_away.__name__
    asked = [one for one in operations if one.vantage == Vantage.READINESS and one.end >= moments.injected]
    asked = [one for one in asked if one.code != TURNED_AWAY]
    spans = away(operations, Vantage.PING, moments)
    if not asked:
        return Finding(name, Verdict.UNKNOWN, "readiness was not asked")
    if not redis_optional:
        return Finding(name, Verdict.VALID, "Redis is not optional here: readiness may say that all is down")
    if not spans:
        return Finding(name, Verdict.VALID, "Redis was not away for as long as could be seen")
    wrong = [one for one in asked if _is_wrong(one, spans, excused=bool(excused))]
    meanwhile = [one for one in asked if any(_falls_into(one, span) for span in spans)]
    evidence = {"away_s": round(sum(last - first for first, last in spans), 3), "asked_meanwhile": len(meanwhile)}
    if wrong:
        told = "; ".join(f"{one.code or one.result}: {one.detail}" for one in wrong[:_SHOWN])
        return Finding(name, Verdict.INVALID, f"{len(wrong)} of {plural(len(asked), 'answer')} wrong: {told}", evidence)
    verdict, said = _attested(meanwhile, spans)
    return Finding(name, verdict, f"{said}{f' ({excused})' if excused else ''}", evidence)


def _attested(meanwhile: Sequence[Operation], spans: Sequence[tuple[float, float]]) -> tuple[Verdict, str]:
    """What answers that are all right are worth: nothing where none was given in a time that was long enough."""
    if any(one.code in BLIND for one in meanwhile):
        return Verdict.UNKNOWN, "readiness could not be asked while Redis was away"
    unasked = [span for span in spans if not any(_falls_into(one, span) for one in meanwhile)]
    missed_s = max((last - first for first, last in unasked), default=0.0)
    if missed_s > MISSED_S:
        return Verdict.UNKNOWN, f"readiness gave no answer in the {missed_s:.2f} s that Redis was away"
    if meanwhile:
        said = f"{plural(len(meanwhile), 'answer')} while Redis was away, none of them down, an error, or nothing"
    else:
        said = f"Redis was away for {missed_s:.2f} s only, which who asks every {READINESS_EVERY_S:g} s may miss"
    return Verdict.VALID, said


def _falls_into(one: Operation, span: tuple[float, float]) -> bool:
    return one.start <= span[1] and one.end >= span[0]


def _is_wrong(one: Operation, spans: Sequence[tuple[float, float]], *, excused: bool) -> bool:
    if one.code == Kind.DEGRADED or one.code in BLIND:
        return False
    if one.code == Kind.OK:
        return any(first <= one.start and one.end <= last for first, last in spans)
    return not excused or one.code == Kind.DOWN
