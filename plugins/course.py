"""The course of a run: its record is opened, its facts are gathered, its verdict is written down."""

from __future__ import annotations

import shlex
import shutil
import sys
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from plugins import guard
from plugins.active import Active
from plugins.journal import last_counters
from plugins.redact import Redactor
from plugins.report import folder, run_json
from plugins.run import Run
from plugins.verdict import Exit, NotJudged, Outcome, Unreachable

if TYPE_CHECKING:
    from contextlib import ExitStack

    from plugins.facts import Facts
    from plugins.located import Located
    from plugins.options import Request
    from plugins.target.open import Target


def begin(request: Request, located: Located) -> Active:
    """Name the run and make its folder. A folder that cannot be made costs the report, never the verdict."""
    run = Run(request, located.host, Redactor.of(located.host, located.environ))
    current = Active(run, folder.make(request.report_dir, run.run_id))
    if current.folder.path is None:
        run.notes.append(f"no report can be written: {current.folder.reason}")
    if located.note:
        run.notes.append(located.note)
    return current


def gather_facts(current: Active, target: Target, stack: ExitStack) -> None:
    """Start gathering in the background; ``stack`` ends it."""
    from plugins.facts.gather import gather  # noqa: PLC0415 - a run that was refused gathers nothing

    stack.callback(target.close)
    request, host = current.run.request, current.run.host
    current.facts = gather(
        target,
        since=request.since,
        baseline=cache(partial(last_counters, request.report_dir, host.name)),
        wait_s=request.wait_s,
        stable_for_s=request.stable_for_s,
        write=guard.may_write(host),
    )
    stack.callback(current.facts.close)


def record_start(current: Active) -> None:
    """The journal's first line: what was asked, of which host."""
    run = current.run
    asked = {"suite": run.request.suite, "host": run.host.name, "argv": run.redact(shlex.join(sys.argv))}
    host = {
        "environment": run.host.environment,
        "reached_by": run.host.ssh or "this machine",
        "project": f"{run.host.project_dir}, {run.host.compose_file}",
        "strict": run.request.strict,
    }
    current.write("run", sync=True, run_id=run.run_id, started=run.started.isoformat(), **asked, **host)


def conclude(current: Active, pytest_status: int) -> None:
    """Come to the exit code, and write what the run leaves. A disk that refuses is a note, and changes nothing else."""
    from plugins.report import aftermath  # noqa: PLC0415 - by now the checks are over

    run, facts, path = current.run, current.facts, current.folder.path
    aftermath.compare_with_history(current)
    current.exit_code = run.exit_code(pytest_status)
    if facts is not None and run.stopped is None:
        _note_holder(run, facts)
        _keep_looks(current, facts)
    target = current.identify()
    told = {"exit_code": current.exit_code, "selected": run.selected, "target": target, "notes": run.notes}
    current.write("end", sync=True, **told, **_stopped(run))
    if current.exit_code == Exit.USAGE:
        return
    if path is not None:
        try:
            run_json.write(path / "run.json", run_json.document(run, target, current.exit_code))
            folder.link_latest(path)
        except OSError as error:
            run.notes.append(f"the report is incomplete: {error}")
    aftermath.leave(current)


def _stopped(run: Run) -> dict[str, str]:
    return {"reason": run.stopped[1]} if run.stopped is not None else {}


def forget_mistake(current: Active) -> None:
    """Leave nothing of a run that a wrong command line ended: it judged nothing, and is no link in the trend."""
    if current.folder.path is not None and current.exit_code == Exit.USAGE:
        shutil.rmtree(current.folder.path, ignore_errors=True)


def _note_holder(run: Run, facts: Facts) -> None:
    """Say who else is at work, where something is red: it may be that one's doing, and over in a moment."""
    if any(result.outcome is Outcome.FAILED for result in run.results.values()):
        with suppress(NotJudged, Unreachable):
            if by := facts.holder:
                run.notes.append(
                    run.redact(f"{by}: what is red may be its doing; judge again once it has ended (--wait)")
                )


def _keep_looks(current: Active, facts: Facts) -> None:
    """Leave this run's cumulative counters as the next run's baseline, and what was noted on the way."""
    run = current.run
    try:
        run.notes.append(f"since {facts.since.instant.isoformat(timespec='seconds')}: {facts.since.because}")
        run.notes.extend(run.redact(note) for note in facts.notes)
        if run.request.wait_s or run.request.stable_for_s:
            run.notes.append(run.redact(f"waited for the steady state: {facts.steadiness.describe()}"))
        looks = facts.looks
    except Exception as error:  # noqa: BLE001 - a fact that broke is told by its own check; the verdict is still owed
        run.notes.append(run.redact(f"no baseline is left for the next run: {error}"))
        return
    with suppress(NotJudged):
        from plugins.chronicle import info_told  # noqa: PLC0415 - only where Redis was reached

        current.write("info", when="now", info=info_told(current, facts.redis.info))
    for look in looks:
        current.write("counters", host=run.host.name, counters=look.to_json())
