"""What a person sees while an experiment runs, on a terminal and in a pipeline's log."""

from __future__ import annotations

import io
import os
import time
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from plugins.eventually import eventually
from plugins.report.live import PlainWatcher, RichWatcher, Standing, watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

WELL, AWAY, WAITING = Standing("ping", well=True), Standing("write", well=False), Standing("backend", well=None)


def test_a_log_has_a_line_for_each_step_and_each_change() -> None:
    """And none for what stays the same."""
    out = io.StringIO()
    with watching(out, colour=False) as watcher:
        watcher.begin("restart")
        watcher.phase("fault", "Redis is away")
        for _ in range(3):
            watcher.recovery(0.5, 5.0, [WELL, AWAY])
        watcher.recovery(1.5, 5.0, [WELL, Standing("write", well=True)])
    assert out.getvalue().splitlines() == [
        "restart: begins",
        "restart: fault: Redis is away",
        "restart: ping well at 0.50 s of 5 s",
        "restart: write away at 0.50 s of 5 s",
        "restart: write well at 1.50 s of 5 s",
    ]


def test_what_the_host_sent_does_not_steer_the_terminal() -> None:
    """Control characters show as what they are."""
    out = io.StringIO()
    watcher = PlainWatcher(out)
    watcher.begin("kill")
    watcher.phase("fault", "\x1b[2J\x07 wiped")
    assert "\x1b" not in out.getvalue()
    assert "\\x1b[2J" in out.getvalue()


class Gone(io.StringIO):
    """A pipe, or a terminal, whose other end was closed."""

    def __init__(self, error: Exception, *, terminal: bool) -> None:
        super().__init__()
        self._error, self._terminal = error, terminal

    def isatty(self) -> bool:
        """A pipe is none."""
        return self._terminal

    def write(self, text: str) -> int:
        """Nobody reads it."""
        del text
        raise self._error

    def flush(self) -> None:
        """The same."""
        raise self._error


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(5, "EIO"), ValueError("I/O operation on closed file")])
def test_whoever_goes_away_stops_nothing(error: Exception, terminal: bool) -> None:
    """An experiment goes on, and undoes what it has done."""
    with watching(Gone(error, terminal=terminal), colour=True) as watcher:
        watcher.begin("stop_start")
        watcher.phase("undo", "stop_start of redis_staging")
        watcher.recovery(0.5, 5.0, [WELL, AWAY])


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Its end to read from, and the other as a file."""
    reading, writing = os.pipe()
    try:
        with open(writing, "w", encoding="utf-8") as file:  # noqa: PTH123 - it has no path
            yield reading, file
    finally:
        os.close(reading)


def test_whoever_pauses_keeps_nobody_waiting(pipe: tuple[int, TextIO]) -> None:
    """A pipe takes sixty kilobytes; more than that is said, and the experiment goes on. What is read is in order."""
    reading, out = pipe
    begun = time.monotonic()
    with watching(out, colour=False) as watcher:
        watcher.begin("stop_start")
        for number in range(2000):
            watcher.phase("recovery", f"{number} {'.' * 100}")
    assert time.monotonic() - begun < 10
    said = os.read(reading, 1 << 16).decode().splitlines()[:-1]
    assert said == ["stop_start: begins", *(f"stop_start: recovery: {at} {'.' * 100}" for at in range(len(said) - 1))]
    assert len(said) > 100


def test_whoever_goes_on_reading_late_gets_the_end(pipe: tuple[int, TextIO]) -> None:
    """On a terminal it brings back the cursor; what was said in between is dropped."""
    reading, out = pipe
    with watching(out, colour=False) as watcher:
        watcher.begin("stop_start")
        for number in range(2000):
            watcher.phase("recovery", f"{number} {'.' * 100}")
        watcher.phase("over")

    said: list[bytes] = []

    def rest() -> bytes:
        said.append(os.read(reading, 1 << 20))
        return b"".join(said)

    read = eventually(rest, lambda read: read.endswith(b"stop_start: over\n"), what="the end", within_s=10)
    assert read.count(b"\n") < 2000


def test_what_is_read_at_once_is_whole(pipe: tuple[int, TextIO]) -> None:
    """After what was written to the file before, and before what is written to it afterwards."""
    reading, out = pipe
    out.write("before\n")
    with watching(out, colour=False) as watcher:
        watcher.begin("restart")
        watcher.phase("fault")
    out.write("after\n")
    out.flush()
    assert os.read(reading, 1 << 16).decode() == "before\nrestart: begins\nrestart: fault\nafter\n"


def test_the_block_shows_phase_window_and_every_vantage_point() -> None:
    """As rich draws it; words in brackets are not taken for markup."""
    out = io.StringIO()
    watcher = RichWatcher(Console(file=out, width=100, force_terminal=False))
    watcher.begin("restart")
    watcher.phase("recovery", "[bold]within 5 s")
    watcher.recovery(1.2, 5.0, [WELL, AWAY, WAITING])
    watcher.console.print(watcher)
    shown = out.getvalue()
    for words in ("restart", "[bold]within 5 s", "1.2 s of the window's 5 s", "well", "away", "waiting", "backend"):
        assert words in shown
