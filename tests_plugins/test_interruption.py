"""What a run makes of SIGINT and SIGTERM, which pipelines send one after the other."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from plugins import interruption
from tests_plugins.test_options import on_a_trap, run_pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def stack() -> Iterator[ExitStack]:
    """The handlers of a run, taken back afterwards."""
    with ExitStack() as stack:
        interruption.arm(stack)
        yield stack


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_the_session_the_process_ends_with_2(number: signal.Signals) -> None:
    """Without a traceback: nothing was begun."""
    with pytest.raises(SystemExit) as ended:
        signal.raise_signal(number)
    assert ended.value.code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_session_is_interrupted_once(number: signal.Signals) -> None:
    """The SIGTERM that follows does not cut the clean-up short."""
    interruption.hand_over()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    signal.raise_signal(signal.SIGTERM)


def test_a_second_ctrl_c_is_meant() -> None:
    """A person who presses it again does not want to wait for the clean-up."""
    interruption.hand_over()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_run_that_is_over_keeps_its_exit_code(interrupted: bool) -> None:
    """What comes between the verdict and the end of the process does not become 130."""
    interruption.hand_over()
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    interruption.over()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)


def test_afterwards_all_is_as_before(stack: ExitStack) -> None:
    """The handlers are the run's only."""
    stack.close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


#: When a run is interrupted, from its beginning to its end; before or after everybody else.
MOMENTS = (
    ("pytest_plugin_registered", "trylast"),
    ("pytest_load_initial_conftests", "trylast"),
    ("pytest_cmdline_main", "tryfirst"),
    ("pytest_configure", "trylast"),
    ("pytest_sessionstart", "trylast"),
    ("pytest_collection", "tryfirst"),
    ("pytest_sessionfinish", "trylast"),
    ("pytest_unconfigure", "trylast"),
)


@pytest.mark.parametrize(("hook", "order"), MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_good_order(tmp_path: Path, hook: str, order: str, number: signal.Signals) -> None:
    """Whenever it is: exit 2, no traceback, and no folder that lacks its run.json."""
    (tmp_path / "interrupts.py").write_text(
        f"import pytest, signal\ndone = []\n@pytest.hookimpl({order}=True)\ndef {hook}():\n"
        f"    if not done:\n        done.append(1)\n        signal.raise_signal({int(number)})\n",
        encoding="utf-8",
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run_pytest(*on_a_trap(tmp_path), "-p", "interrupts", environ=environ)
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (2, False), done.stdout + done.stderr
    for folder in (tmp_path / "r").glob("2*"):
        document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert document["verdict"] == "unjudged"
