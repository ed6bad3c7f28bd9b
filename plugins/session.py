"""A run from its command line to its exit code: opens the target, gathers the facts, ends with one verdict.

Nothing is connected to before the command line and the inventory are known to be right. As a rule that is known at
once; the facts are then gathered in the background, while pytest imports its reporting plugins and collects the checks:
that is why this plugin is named in ``addopts`` and not in ``conftest.py``, which pytest reads later. Where only pytest
can tell (``-k``, ``file::test``, another plugin's option), nothing is asked of the host before it has collected.
"""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins import guard, interruption, project
from plugins.active import Stage, activate, active, left_out
from plugins.located import locate, must_be_known, unlocated
from plugins.options import Suite, chosen_suite, read_request
from plugins.verdict import Exit, Unreachable

if TYPE_CHECKING:
    import argparse

    from plugins.active import Active
    from plugins.located import Located
    from plugins.options import Request
    from plugins.target.model import Shell
    from plugins.target.roads import Roads

_FOLDERS = {"tests_verify": Suite.VERIFY, "tests_chaos": Suite.CHAOS}

#: The checks whose facts arrive last, since a program is started in the backend for them: they run last, and the others
#: while it works.
_LATE = frozenset({"test_checklist.py", "test_health.py"})

#: How long one thread may keep the others from running, in seconds: the one that connects must not wait for imports.
_SWITCH_S = 0.0005

#: Options of pytest's own that show something and run nothing.
_TALK = (
    *("collectonly", "help", "version", "markers"),
    *("showfixtures", "show_fixtures_per_test", "setupplan", "cacheshow"),
)

#: Plugins of pytest's own that do something around every test, or at the end, that no check has a use for.
_IDLE = ("cacheprovider", "stepwise", "faulthandler", "unraisableexception", "threadexception", "logging", "warnings")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Read what was asked, and start gathering the facts before the rest of pytest is there."""
    options = early_config.known_args_namespace
    request = read_request(options, early_config.rootpath)
    if request is None or request.suite is None or _is_answered(request) or _only_talks(options):
        return
    for name in _IDLE:
        early_config.pluginmanager.unregister(name=name)
    gc.disable()  # a run of a second has no garbage that matters, and collecting takes a twentieth of it
    unknown = parser.parse_known_and_unknown_args(args)[1]
    paths = [str(path) for path in options.file_or_dir]
    in_doubt = unknown or options.keyword or options.pyargs or any("::" in path for path in paths)
    if not in_doubt and not _missing(early_config, paths):
        _start(early_config, request, connect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer here what needs no test; else let pytest go on, with the suite's own tests where none were named."""
    request = read_request(config.option, config.rootpath)
    if config.option.render is not None:
        from plugins.report.rerender import rerender  # noqa: PLC0415 - only paid for when asked

        return rerender(config, Path(config.option.render))
    if request is None:
        return None
    if _is_answered(request) and not _only_talks(config.option):
        from plugins.answering import answer  # noqa: PLC0415 - only paid for when asked

        return answer(request)
    if request.suite is not None and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(config.rootpath / f"tests_{request.suite}")]
        config.args_source = pytest.Config.ArgsSource.ARGS  # else pytest's header would name another folder
    current = active(config)
    if current is not None:
        _gather(current)
    elif request.suite is None or _only_talks(config.option):
        if config.option.collectonly:
            must_be_known(request)
        return None
    elif not config.option.pyargs and (missing := _missing(config, config.args)):
        raise pytest.UsageError(f"file or directory not found: {missing[0]}")
    else:
        current = _start(config, request, connect=False)
    if current.folder.path is not None:
        _write_into(current.folder.path, config, current)
    return None


def _missing(config: pytest.Config, paths: list[str]) -> list[str]:
    """Those of the paths, which may be tests in files, that do not exist."""
    return [path for path in paths if not (config.invocation_params.dir / path.partition("::")[0]).exists()]


def _write_into(folder: Path, config: pytest.Config, current: Active) -> None:
    """Have pytest's reports written into the run's folder; where the user named a place, a copy goes there."""
    option = config.option
    for name, place in (("report.html", "htmlpath"), ("junit.xml", "xmlpath")):
        if wanted := getattr(option, place, None):  # who writes it may have been left out: -p no:junitxml
            current.wanted[name] = Path(wanted).absolute()
        setattr(option, place, str(folder / name))
    option.self_contained_html = True


def _is_answered(request: Request) -> bool:
    """Whether the question needs no test."""
    return request.plan or request.recover or request.inspect is not None


def _only_talks(options: argparse.Namespace) -> bool:
    """Whether pytest itself was asked to show something, and to run nothing."""
    return any(getattr(options, name, None) not in (None, False, 0) for name in _TALK)


def _start(config: pytest.Config, request: Request, *, connect: bool) -> Active:
    """Open the record of the run, and connect in the background if it is time."""
    stack = ExitStack()
    config.add_cleanup(stack.close)
    interruption.arm(stack)
    located, stopped = _locate(request, stack)
    shell = located.shell()
    stack.callback(shell.close)
    if connect and stopped is None:
        sys.setswitchinterval(_SWITCH_S)
        threading.Thread(target=_connect, args=(shell,), daemon=True, name="connect").start()
    from plugins import course  # noqa: PLC0415 - imported while ssh connects, with all that it imports

    current = course.begin(request, located)
    stack.callback(course.forget_mistake, current)
    activate(config, current)
    if stopped is not None:
        current.run.stop(*stopped)
    else:
        _prepare(current, located, shell, stack)
    course.record_start(current)
    return current


def _locate(request: Request, stack: ExitStack) -> tuple[Located, tuple[Exit, str] | None]:
    """The host, and why the run ends before it is asked anything, if so. Raises ``pytest.UsageError``."""
    try:
        located = locate(request, stack)
    except Unreachable as error:
        return unlocated(), (Exit.UNJUDGED, str(error))
    refusal = guard.refusal(request.suite, located.host)
    return located, (Exit.REFUSED, refusal) if refusal else None


def _prepare(current: Active, located: Located, shell: Roads, stack: ExitStack) -> None:
    """Say how the facts will be gathered, or the target opened that experiments are played on; either once."""
    from plugins import course  # noqa: PLC0415 - imported while ssh connects, with all that it imports

    if current.run.request.suite is Suite.CHAOS:
        current.stage = Stage(located, located.open(shell))
        stack.callback(current.stage.target.close)
    else:
        # Not before pytest has all its plugins: its import hook fails where another thread imports meanwhile.
        current.gather = lambda: course.gather_facts(current, located.open(shell), stack)


def _gather(current: Active) -> None:
    """Start gathering the facts, once."""
    gather, current.gather = current.gather, lambda: None
    gather()


def _connect(shell: Shell) -> None:
    """Open the connection. A failure is kept by the shell, for whoever asks next."""
    with suppress(Unreachable):
        shell.open()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Copy the reports to where the user wanted them, now that all are written."""
    current = active(config)
    if current is not None and current.folder.path is not None and current.wanted:
        from plugins.report import folder  # noqa: PLC0415 - only paid for when asked

        for complaint in folder.copy(current.folder.path, current.wanted):
            print(complaint, file=sys.__stderr__)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> bool | None:
    """Collect nothing for a run that was refused."""
    current = active(session.config)
    return True if current is not None and current.run.stopped is not None else None


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what lies in a suite's folder with the suite's marker."""
    suite = _suite_of(item.path.parent)
    if suite is not None:
        item.add_marker(str(suite))


@cache
def _suite_of(folder: Path) -> Suite | None:
    """The suite whose folder this is, or is in, perhaps by another path that a link leads along."""
    real = folder.resolve()
    top = real.relative_to(project.ROOT).parts[:1] if real.is_relative_to(project.ROOT) else ()
    return _FOLDERS.get("".join(top))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Never run a check or an experiment that ``-m`` did not select positively."""
    chosen = chosen_suite(config.option.markexpr)
    unchosen = [item for item in items if any(item.get_closest_marker(suite) for suite in Suite if suite is not chosen)]
    if unchosen:
        items[:] = [item for item in items if item not in unchosen]
        config.hook.pytest_deselected(items=unchosen)
        left_out(config).update(suite for suite in Suite for item in unchosen if item.get_closest_marker(suite))
    if chosen is Suite.VERIFY:
        items.sort(key=lambda item: item.path.name in _LATE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Do not start forty checks on a host that cannot be reached: that is one answer, not forty."""
    current = active(session.config)
    if current is None:
        return None
    current.run.selected = len(session.items)
    if session.items:
        _gather(current)
    if current.run.stopped is None and session.items and current.facts is not None:
        _announce_wait(session.config, current.run.request)
        try:
            current.facts.reach()
        except Unreachable as error:
            current.run.stop(Exit.UNJUDGED, str(error))
    return True if current.run.stopped is not None else None


def _announce_wait(config: pytest.Config, request: Request) -> None:
    """Say what is waited for, at once: a pipeline's log would otherwise show nothing until the wait is over."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, pytest.TerminalReporter) or not (request.wait_s or request.stable_for_s):
        return
    parts = [f"at most {request.wait_s:g} s for the steady state"] if request.wait_s else []
    parts += [f"{request.stable_for_s:g} s for green to hold"] if request.stable_for_s else []
    reporter.write_line(f"waiting {', then '.join(parts)}", flush=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Come to the verdict and write it down; pytest's own reports follow."""
    current = active(session.config)
    if current is None:
        return
    from plugins import course  # noqa: PLC0415 - see above

    if exitstatus == pytest.ExitCode.INTERRUPTED and current.facts is not None:
        current.facts.close()  # whoever pressed Ctrl-C does not wait for what is still under way
    course.conclude(current, int(exitstatus))
    session.exitstatus = current.exit_code
