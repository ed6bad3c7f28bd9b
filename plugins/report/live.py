"""What a person sees while an experiment runs: the phase, every vantage point, and how much of the window is used.

On a terminal one block that redraws itself (rich); elsewhere a plain line for each step. Whoever reads may go away in
the middle of it (``| head``, a terminal that is closed): nothing here raises then, for a host waits to be undone.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Protocol, cast

from plugins.report.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from rich.console import Console, RenderableType


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
        with suppress(OSError, ValueError):
            self.out.write(printable(f"{self._title}: {text}") + "\n")
            self.out.flush()


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


@dataclass(frozen=True)
class Forgiving:
    """A file that takes what it is given where nobody reads any more."""

    out: TextIO

    def write(self, text: str) -> int:
        """See ``TextIO``."""
        with suppress(OSError, ValueError):
            return self.out.write(text)
        return len(text)

    def flush(self) -> None:
        """See ``TextIO``."""
        with suppress(OSError, ValueError):
            self.out.flush()

    def __getattr__(self, name: str) -> object:
        """Everything else is the file's own: whether it is a terminal, how wide, in which encoding."""
        return getattr(self.out, name)


@contextmanager
def watching(out: TextIO, *, colour: bool) -> Iterator[Watcher]:
    """Somebody who watches, for as long as the block runs; ``out`` is the terminal, or a pipeline's log."""
    if not out.isatty():
        yield PlainWatcher(out)
        return
    from rich.console import Console  # noqa: PLC0415 - only a person at a terminal pays for it
    from rich.live import Live  # noqa: PLC0415 - the same

    console = Console(file=cast("IO[str]", Forgiving(out)), no_color=not colour)
    watcher = RichWatcher(console)
    with Live(watcher, console=console, refresh_per_second=8, transient=True, redirect_stdout=False):
        yield watcher
