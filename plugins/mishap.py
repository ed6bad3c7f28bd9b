"""A fault of the suite itself ends a run with pytest's code for internal errors: it must never look like a red gate.

Python exits 1 on what nobody catches, and 1 is the code of a check that failed.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from _pytest.config import ConftestImportFailure  # pytest tells of it better than we could, and exits 4

from plugins import interruption
from plugins.active import active
from plugins.verdict import Exit

if TYPE_CHECKING:
    from collections.abc import Generator

    from plugins.run import Run

#: What pytest has an exit code of its own for.
_PYTESTS_OWN = (pytest.UsageError, pytest.exit.Exception, ConftestImportFailure)

#: Of a broken pipe, as ``| head`` makes one.
_GONE = "whoever read the output has gone"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """What goes wrong before pytest is whole."""
    try:
        yield
    except _PYTESTS_OWN as mistake:
        _annotate(mistake)
        raise
    except Exception as fault:
        if not _is_asked_for(early_config):
            raise
        raise SystemExit(_end(early_config, Exit.INTERNAL, f"fault in the suite: {told(fault)}")) from None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """What goes wrong around the session: before it begins, and after its last test."""
    interruption.hand_over()
    try:
        return (yield)
    except _PYTESTS_OWN as mistake:
        _annotate(mistake)
        raise
    except KeyboardInterrupt:
        if not _is_asked_for(config):
            raise
        print("interrupted", file=sys.__stderr__)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        if not _is_asked_for(config):
            raise
        return _end(config, Exit.INTERRUPTED, _GONE)
    except Exception as fault:
        if not _is_asked_for(config):
            raise
        return _end(config, Exit.INTERNAL, f"fault in the suite: {told(fault)}")
    finally:
        flush_or_drop()
        interruption.over()


def flush_or_drop() -> None:
    """What cannot be written any more must not become pytest's own exit code for a broken pipe, which is 1.

    Nor is a second Ctrl-C a crash, where nobody reads what is to be written.
    """
    try:
        sys.stdout.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """A report of pytest's that cannot be written costs that report: this is as near to it as a wrapper gets."""
    try:
        return (yield)
    except OSError as error:
        current = active(session.config)
        if current is None or session.exitstatus != current.exit_code:  # there is no verdict yet
            raise
        current.run.notes.append(f"the reports are incomplete: {error}")
        return None


def pytest_configure(config: pytest.Config) -> None:
    """Where there is a run, let its record say what goes wrong in the session, which pytest ends by itself."""
    current = active(config)
    if current is not None:
        config.pluginmanager.register(_Recorder(current.run))


@dataclass(frozen=True)
class _Recorder:
    run: Run

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Pytest's own hook is not told which run it is about."""
        if self.run.stopped is None:
            gone = isinstance(excinfo.value, BrokenPipeError)
            code, said = (
                (Exit.INTERRUPTED, _GONE) if gone else (Exit.INTERNAL, f"fault in the suite: {told(excinfo.value)}")
            )
            self.run.stop(code, said)


def told(fault: BaseException) -> str:
    """A fault with the lines of the suite that led to it; those of pytest and the libraries tell nobody anything."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if "site-packages" not in frame.filename]
    return "".join([*traceback.format_exception_only(fault), *traceback.format_list(frames)]).strip()


def _annotate(mistake: BaseException) -> None:
    """Tell GitHub, too, what is wrong with the command line or the inventory."""
    if isinstance(mistake, pytest.UsageError) and os.environ.get("GITHUB_ACTIONS") == "true":
        from plugins.report import annotations  # noqa: PLC0415 - only paid for there

        print(annotations.mistake(str(mistake)), file=sys.__stdout__)


def _is_asked_for(config: pytest.Config) -> bool:
    """Whether this run is about a host; the suite's own tests are pytest's business."""
    return getattr(config.known_args_namespace, "host", None) is not None


def _end(config: pytest.Config, code: Exit, said: str) -> int:
    """Say what has ended the run, in its record too where there is one."""
    current = active(config)
    if current is not None:
        from plugins import course  # noqa: PLC0415 - only a fault needs it here

        said = current.run.redact(said)
        with suppress(Exception):  # the record may be what the fault is in
            current.run.stop(code, said)
            course.conclude(current, code)
    print(said, file=sys.__stderr__)
    return code
