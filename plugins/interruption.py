"""SIGTERM, as a pipeline sends it to cancel a job, ends a run as Ctrl-C does: undone, written down, exit 2.

Without this a cancelled run would leave its host as the fault left it until the lease runs out.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

import pytest

from plugins.verdict import Exit

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_Handlers = Mapping[signal.Signals, Callable[[int, "FrameType | None"], object]]


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """As soon as this is loaded, the first of this project's plugins: importing the others takes a while."""
    config = pluginmanager.get_plugin("pytestconfig")
    if not isinstance(config, pytest.Config):
        return
    if any(str(arg).startswith("--host") for arg in config.invocation_params.args):
        stack = ExitStack()
        config.add_cleanup(stack.close)
        arm(stack)


def arm(stack: ExitStack) -> None:
    """Until ``hand_over``, SIGINT and SIGTERM end the process with exit 2; ``stack`` puts back what was before."""
    if threading.current_thread() is not threading.main_thread():
        return  # Python hands signals to the main thread only
    for number in _SIGNALS:
        before = signal.getsignal(number)
        if before in (signal.SIG_DFL, signal.default_int_handler):  # a job in the background is deaf on purpose
            signal.signal(number, _leave)
            stack.callback(signal.signal, number, before)


def hand_over() -> None:
    """From here on pytest is there, which ends its session in good order on ``KeyboardInterrupt``."""
    _replace(_leave, dict.fromkeys(_SIGNALS, _interrupt))


def over() -> None:
    """The verdict is out, and is what the process exits with: what is left is tidying up, which has deadlines."""
    for handler in (_interrupt, *_CLEANING_UP.values()):
        _replace(handler, dict.fromkeys(_SIGNALS, _go_on))


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    _replace(_leave, _CLEANING_UP)
    print("interrupted", file=sys.__stderr__)
    raise SystemExit(Exit.INTERRUPTED)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _replace(_interrupt, _CLEANING_UP)
    raise KeyboardInterrupt


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Not ``SIG_IGN``: the programs that the clean-up starts would inherit that."""


#: Some pipelines send SIGTERM seconds after SIGINT: that must not cut the clean-up short. A second Ctrl-C is meant.
_CLEANING_UP: _Handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _go_on}


def _replace(handler: object, by: _Handlers) -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is handler:
            signal.signal(number, by[number])
