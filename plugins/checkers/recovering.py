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
    ``excused``: why the backend itself need not have answered, as where Compose restarts it with Redis.
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
    meanwhile = [one for one in asked if any(one.start <= last and one.end >= first for first, last in spans)]
    evidence = {"away_s": round(sum(last - first for first, last in spans), 3), "asked_meanwhile": len(meanwhile)}
    if wrong:
        told = "; ".join(f"{one.code or one.result}: {one.detail}" for one in wrong[:_SHOWN])
        return Finding(name, Verdict.INVALID, f"{len(wrong)} of {plural(len(asked), 'answer')} wrong: {told}", evidence)
    if any(one.code in BLIND for one in meanwhile):
        return Finding(name, Verdict.UNKNOWN, "readiness could not be asked while Redis was away", evidence)
    if not meanwhile:
        said = "no question fell into the time that Redis was away"
    else:
        said = f"{plural(len(meanwhile), 'answer')} while Redis was away, none of them down, an error, or nothing"
    return Finding(name, Verdict.VALID, f"{said}{f' ({excused})' if excused else ''}", evidence)


def _is_wrong(one: Operation, spans: Sequence[tuple[float, float]], *, excused: bool) -> bool:
    if one.code == Kind.DEGRADED or one.code in BLIND:
        return False
    if one.code == Kind.OK:
        return any(first <= one.start and one.end <= last for first, last in spans)
    return not excused or one.code == Kind.DOWN
