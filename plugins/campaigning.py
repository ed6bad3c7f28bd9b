"""How a campaign of chaos is driven by pytest: it begins before the first experiment, and ends whatever happens."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import pytest
from _pytest.capture import CaptureManager  # pytest has no public way to let a fixture speak

from plugins.active import active
from plugins.options import Suite
from plugins.report.experiments import observed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.campaign import Campaign
    from plugins.check import Check
    from plugins.experiment import Experiment
    from plugins.experiment_result import ExperimentResult
    from plugins.fault import Fault
    from plugins.report.live import Watcher

_campaign = pytest.StashKey["Campaign"]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Take the host's lock and see that it is well; where that cannot be, play nothing."""
    current = active(session.config)
    if current is None or current.run.request.suite is not Suite.CHAOS or current.stage is None:
        return None
    current.run.selected = len(session.items)
    current.write("selected", experiments=len(session.items))
    if current.run.stopped is not None or not session.items:
        return None
    from plugins.campaign import Campaign, Stopped  # noqa: PLC0415 - a verify run pays for no chaos

    campaign = Campaign(current)
    session.config.stash[_campaign] = campaign
    try:
        campaign.begin()
    except Stopped as stopped:
        current.run.stop(stopped.code, stopped.reason)
        return True
    _show(session.config, campaign)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the lock back before the verdict is written: a host that is left dirty is part of it."""
    campaign = session.config.stash.get(_campaign, None)
    if campaign is not None:
        campaign.end()


@pytest.fixture
def experiment(request: pytest.FixtureRequest, check: Check) -> Experiment:
    """Plays a fault on the host, watched and undone; its result is kept whatever becomes of the test."""
    campaign = request.config.stash.get(_campaign, None)
    if campaign is None:
        raise pytest.UsageError("experiments need a host: pytest -m chaos --host NAME")
    from plugins.experiment import Experiment  # noqa: PLC0415 - a verify run pays for no chaos

    return Experiment(campaign, partial(_watching, request.config), told=partial(_note, check))


@contextmanager
def _watching(config: pytest.Config) -> Iterator[Watcher]:
    """Whoever sits at the terminal, or reads the pipeline's log; capturing is off as long as something is shown."""
    from plugins.report.live import watching  # noqa: PLC0415 - a verify run pays for no chaos

    capture = config.pluginmanager.get_plugin("capturemanager")
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, pytest.TerminalReporter):
        raise pytest.UsageError("chaos shows what it does: leave out -p no:terminal")
    with capture.global_and_fixture_disabled() if isinstance(capture, CaptureManager) else nullcontext():
        reporter.ensure_newline()
        with watching(sys.stdout, colour=reporter.hasmarkup) as watcher:
            yield watcher


def _note(check: Check, fault: Fault, result: ExperimentResult) -> None:
    """Let the report's row say what was expected of the fault, and seen."""
    check.runbook = fault.sections
    if result.window_s:
        windows = " or ".join(sorted({f"{seconds:g} s" for seconds in result.window_s.values()}))
        check.expected = f"well again within {windows}, and nothing lost that persistence promises"
    check.observed = observed(result)


def _show(config: pytest.Config, campaign: Campaign) -> None:
    """What is about to be touched, before it is."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter):
        for line in campaign.describe():
            reporter.write_line(line, flush=True)
