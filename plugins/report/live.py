"""What a person sees while an experiment runs: the phase, every vantage point, and how much of the window is used.

On a terminal one block that redraws itself (rich); elsewhere a plain line for each step. Whoever reads may go away in
the middle of it (``| head``, a terminal that is closed), or pause: nothing here raises then, or waits, for a host is to
be undone.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol, cast

from plugins.report.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from rich.console import Console, RenderableType


#: So many texts wait for a reader at most, and for so long (seconds) at the end.
_MOST_TEXTS, _FAREWELL_S = 10_000, 1.0


@dataclass(frozen=True)
class Standing:
    """One vantage point as it is seen now; ``well`` None: nothing was seen yet."""

    name: str
    well: bool | None
    said: str = ""

    @property
    def mark(self) -> str:
        """One word for a person."""
        return {True: "well", False: "away", None: "waiting"}[self.well]


class Watcher(Protocol):
    """Whoever watches an experiment. Nothing that he is told raises ``OSError``, or ``ValueError`` of a closed file."""

    def begin(self, title: str) -> None:
        """An experiment begins."""
        ...

    def phase(self, name: str, said: str = "") -> None:
        """It came to this phase; ``said``: what is done in it."""
        ...

    def recovery(self, used_s: float, window_s: float, standings: Sequence[Standing]) -> None:
        """The window runs: seconds used of it, and who is well."""
        ...


class Unwatched:
    """Nobody watches (yet)."""

    def begin(self, title: str) -> None:
        """See ``Watcher``."""

    def phase(self, name: str, said: str = "") -> None:
        """See ``Watcher``."""

    def recovery(self, used_s: float, window_s: float, standings: Sequence[Standing]) -> None:
        """See ``Watcher``."""


@dataclass
class PlainWatcher:
    """Lines, for a log: a step each, and a vantage point when it changes."""

    out: TextIO
    _title: str = ""
    _seen: dict[str, str] = field(default_factory=dict)

    def begin(self, title: str) -> None:
        """See ``Watcher``."""
        self._title, self._seen = title, {}
        self._line("begins")

    def phase(self, name: str, said: str = "") -> None:
        """See ``Watcher``."""
        self._line(f"{name}: {said}" if said else name)

    def recovery(self, used_s: float, window_s: float, standings: Sequence[Standing]) -> None:
        """See ``Watcher``."""
        for one in standings:
            if self._seen.get(one.name) != one.mark:
                self._seen[one.name] = one.mark
                self._line(f"{one.name} {one.mark} at {used_s:.2f} s of {window_s:g} s")

    def _line(self, text: str) -> None:
        self.out.write(printable(f"{self._title}: {text}") + "\n")


_COLOURS = {"well": "green", "away": "red", "waiting": "yellow"}


@dataclass
class RichWatcher:
    """One block at the end of the terminal that redraws itself, gone when the experiment is over."""

    console: Console
    _title: str = ""
    _phase: str = ""
    _used: tuple[float, float] | None = None
    _standings: Sequence[Standing] = ()

    def begin(self, title: str) -> None:
        """See ``Watcher``."""
        self._title, self._phase, self._used, self._standings = title, "begins", None, ()

    def phase(self, name: str, said: str = "") -> None:
        """See ``Watcher``."""
        self._phase = f"{name}: {said}" if said else name

    def recovery(self, used_s: float, window_s: float, standings: Sequence[Standing]) -> None:
        """See ``Watcher``."""
        self._used, self._standings = (used_s, window_s), standings

    def __rich__(self) -> RenderableType:
        """The block, as rich asks for it."""
        from rich.console import Group  # noqa: PLC0415 - only a person at a terminal pays for it
        from rich.progress_bar import ProgressBar  # noqa: PLC0415 - the same
        from rich.table import Table  # noqa: PLC0415 - the same
        from rich.text import Text  # noqa: PLC0415 - the same

        rows: list[RenderableType] = [Text(printable(f"{self._title}  {self._phase}"), style="bold")]
        if self._used is not None:
            used, window = self._used
            rows.append(Text(f"  {used:.1f} s of the window's {window:g} s"))
            bar = Table.grid(padding=(0, 0, 0, 2))
            bar.add_row("", ProgressBar(total=window, completed=min(used, window), width=40))
            rows.append(bar)
        rows += [
            Text.assemble("  ", (f"{one.mark:<8}", _COLOURS[one.mark]), f"{one.name}  ", printable(one.said)[:80])
            for one in self._standings
        ]
        return Group(*rows)


class Aside:
    """A file that a thread of its own writes, so that a reader who pauses (Ctrl-S, ``less``) keeps nobody waiting.

    It takes what it is given also where nobody reads any more. Of what has found no reader by the end, only the last is
    written when he goes on: on a terminal it brings the cursor back.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._texts: SimpleQueue[str | None] = SimpleQueue()
        self._missed = ""  # the newest text for which there was no room
        self._over = threading.Event()
        with suppress(OSError, ValueError):
            out.flush()  # from here on its buffer, and the lock on that, are left to others
        try:
            self._number: int | None = os.dup(out.fileno())  # what others put in its place is not ours to write into
        except (OSError, ValueError):  # it is in memory
            self._number = None
        self._thread = threading.Thread(target=self._write_on, daemon=True, name="live")
        self._thread.start()

    def write(self, text: str) -> int:
        """See ``TextIO``."""
        if self._texts.qsize() < _MOST_TEXTS:
            self._texts.put(text)
        else:
            self._missed = text
        return len(text)

    def flush(self) -> None:
        """See ``TextIO``; it happens by itself."""

    def close(self) -> None:
        """Wait a moment for what is not written yet."""
        self._texts.put(None)
        self._thread.join(_FAREWELL_S)
        self._over.set()

    def __getattr__(self, name: str) -> object:
        """Everything else is the file's own: whether it is a terminal, how wide, in which encoding."""
        return getattr(self._out, name)

    def _write_on(self) -> None:
        last = ""
        while (text := self._texts.get()) is not None:
            if self._over.is_set():
                last = text
            else:
                self._write(text)
        self._write(self._missed or last)
        if self._number is not None:
            os.close(self._number)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            if self._number is None:
                self._out.write(text)
                return
            data = text.encode(self._out.encoding or "utf-8", "replace")
            while data:
                data = data[os.write(self._number, data) :]


@contextmanager
def watching(out: TextIO, *, colour: bool) -> Iterator[Watcher]:
    """Somebody who watches, for as long as the block runs; ``out`` is the terminal, or a pipeline's log."""
    with closing(Aside(out)) as aside:
        if out.isatty():
            with _on_a_terminal(cast("TextIO", aside), colour=colour) as watcher:
                yield watcher
        else:
            yield PlainWatcher(cast("TextIO", aside))


@contextmanager
def _on_a_terminal(out: TextIO, *, colour: bool) -> Iterator[Watcher]:
    from rich.console import Console  # noqa: PLC0415 - only a person at a terminal pays for it
    from rich.live import Live  # noqa: PLC0415 - the same

    console = Console(file=out, no_color=not colour)
    watcher = RichWatcher(console)
    with Live(watcher, console=console, refresh_per_second=8, transient=True, redirect_stdout=False):
        yield watcher
