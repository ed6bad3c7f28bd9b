"""What a run comes to as annotations of GitHub's, and a log in which nothing that a host says is taken for a command.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands is the source: data and properties
are escaped as there, and of each kind ten are shown for a step.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.project import ROOT
from plugins.report.terminal import is_busy, printable
from plugins.verdict import Exit, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from plugins.active import Active
    from plugins.check import CheckResult
    from plugins.run import Run

#: So many errors, and so many warnings, are shown for a step.
MOST = 10
#: Of one text so many characters are shown.
_LONGEST = 1_500


def fenced(write: Callable[[str], object], tell: Callable[[], Iterable[str]]) -> Callable[[], None]:
    """Stop the runner from taking lines for commands, until what this gives is called, which also writes ``tell()``.

    Nobody else knows the word that ends it. A reader that is gone by then is nobody's fault.
    """
    token = secrets.token_hex(16)
    write(f"::stop-commands::{token}")

    def end() -> None:
        with suppress(OSError, ValueError):
            write(f"::{token}::")
            for command in tell():
                write(command)

    return end


def commands_of(current: Active) -> list[str]:
    """What the run that is going on has come to."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    return commands(current.run, current.exit_code, Path(workspace) if workspace else None)


def commands(run: Run, exit_code: int, workspace: Path | None = None) -> list[str]:
    """The run as workflow commands, the most important first. ``workspace``: what paths are told relative to."""
    name = f"{run.host.name} {run.request.suite}"
    errors = []
    if run.stopped is not None:
        errors.append(_command("error", f"{name}: {_word(exit_code, run.stopped[1])}", run.stopped[1]))
    errors += [_of("error", name, *each, workspace) for each in _those(run, Outcome.FAILED)]
    warnings = [_of("warning", name, *each, workspace) for each in _those(run, Outcome.ERROR, Outcome.WARNED)]
    level, worse = ("error", errors) if run.request.fail_on_regression else ("warning", warnings)
    worse += [_command(level, f"{name}: regression", each) for each in run.regressions]
    if exit_code and not errors and not warnings:
        errors.append(_command("error", f"{name}: {_word(exit_code)}", "No check says why: see the log."))
    return [*_fitting(errors, "error", name), *_fitting(warnings, "warning", name)]


def mistake(text: str) -> str:
    """A wrong command line or inventory as a workflow command."""
    return _command("error", "Redis runbook: usage", text)


def _word(exit_code: int, reason: str = "") -> str:
    known = {
        Exit.INTERRUPTED: "interrupted",
        Exit.UNJUDGED: "not judged",
        Exit.DIRTY: "the host is busy" if is_busy(reason) else "the host is dirty",
        Exit.REFUSED: "refused",
    }
    return known.get(Exit(exit_code), f"exit {exit_code}") if exit_code in set(Exit) else f"exit {exit_code}"


def _those(run: Run, *outcomes: Outcome) -> Iterable[tuple[str, CheckResult]]:
    return [each for outcome in outcomes for each in run.results.items() if each[1].outcome is outcome]


def _of(level: str, name: str, nodeid: str, result: CheckResult, workspace: Path | None) -> str:
    seen = ("reason", result.reason) if result.reason else ("observed", result.observed)
    parts = (("promised", result.promise), seen, ("mend", result.remedy))
    title = f"{name}: {result.id}"
    text = "\n".join(f"{word}: {said}" for word, said in parts if said)
    return _command(level, title, text, _file(nodeid, workspace))


def _file(nodeid: str, workspace: Path | None) -> str:
    """The file of a test as GitHub knows it; empty where it lies outside of what was checked out."""
    path = ROOT / nodeid.partition("::")[0]
    if workspace is None or not path.is_relative_to(workspace):
        return ""
    return str(path.relative_to(workspace))


def _fitting(commands: list[str], level: str, name: str) -> list[str]:
    if len(commands) <= MOST:
        return commands
    left = len(commands) - MOST + 1
    return [*commands[: MOST - 1], _command(level, name, f"{left} more: see the report.")]


def _command(level: str, title: str, text: str, file: str = "") -> str:
    properties = [f"title={_property(title)}", *([f"file={_property(file)}"] if file else [])]
    return f"::{level} {','.join(properties)}::{_data(text)}"


def _data(text: str) -> str:
    shown = printable(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
