"""What an experiment came to, in the words of the terminal and of a report's row. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.experiment_result import NO_VERDICT
from plugins.figures import figure, span, unseen
from plugins.probe import Vantage
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plugins.check import CheckResult
    from plugins.experiment_result import ExperimentResult
    from plugins.recovery import Recovery


#: What is known of the undo of an experiment whose runner was killed: the lease ran out, whatever came of it.
OWED = "the host has undone it by itself, or still owes it"


def line(result: ExperimentResult) -> str:
    """One that went well, on one line: what a client of Redis saw, who was the slowest, and the writes.

    Of one that was cut short: by what, and whether it was undone.
    """
    if result.outcome in NO_VERDICT:
        return f"{result.fault}: {result.reason}; {undoing(result.undone, begun='fault' in result.phases_s)}"
    return f"{result.fault}: {'; '.join(_parts(result))}"


def cut_short(played: Iterable[ExperimentResult], checks: Iterable[CheckResult]) -> list[ExperimentResult]:
    """The experiments of which no check tells: whoever interrupts a run ends the test of one, too."""
    told = {fault_of(check.id) for check in checks}
    return [one for one in played if one.outcome is Outcome.ERROR and one.fault not in told]


def fault_of(check: str) -> str:
    """The fault that the id of an experiment's check ends with; empty where it names none."""
    return check.rpartition("[")[2].removesuffix("]") if check.endswith("]") else ""


def undoing(undone: bool, *, begun: bool) -> str:  # noqa: FBT001 - as the result has it
    """What became of the undo; ``begun``: there was something to be undone."""
    if not undone:
        return "the fault is not undone"
    return "the fault is undone" if begun else "no fault was injected"


def observed(result: ExperimentResult) -> str:
    """All that was seen; why it failed, if so, before everything else."""
    reasons = result.reason.splitlines() if result.outcome is Outcome.FAILED else []
    return "\n".join(dict.fromkeys([*reasons, *result.describe().splitlines()]))


def _parts(result: ExperimentResult) -> Iterator[str]:
    seen = {one.vantage: one for one in result.recoveries}
    client = seen.get(Vantage.PING)
    if client is not None:
        yield _told(client)
    slowest = max(seen.values(), key=lambda one: one.recovery_s or 0.0, default=None)
    if slowest is not None and slowest is not client and slowest.recovery_s:
        yield f"the slowest: {_told(slowest)}"
    if result.window_s:
        yield f"of {max(result.window_s.values()):g} s"
    if not result.is_read_back:
        yield "writes not read back"
        return
    lost = f"{result.writes.lost} lost, as the persistence permits" if result.writes.lost else "none lost"
    yield f"{result.writes.acknowledged} writes acknowledged, {lost}"


def _told(one: Recovery) -> str:
    if one.outage_s is None:
        away = unseen(one.uncertainty_s)
    else:
        away = f"{'not seen well for' if one.unasked else 'away'} {span(one.outage_s, one.uncertainty_s)}"
    return f"{Vantage(one.vantage).words} {away}, {_well(one)}"


def _well(one: Recovery) -> str:
    if one.recovery_s is None:
        return "not well again"
    if one.recovery_s == 0:
        return "well when the command returned"
    return f"well {figure(one.recovery_s, one.uncertainty_s)} after the command"
