"""The one polling loop of the suite: monotonic, never without a deadline, and its error quotes what was seen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: How many of the last differing observations the error quotes, and how much of each.
QUOTED = 5
QUOTED_CHARACTERS = 300


@dataclass(frozen=True)
class Observation:
    """What consecutive looks showed, as long as they showed the same."""

    after_s: float  # of the first such look, from the loop's start
    said: str
    looks: int = 1

    def __str__(self) -> str:
        """One line: when, what, how often."""
        times = f" ({self.looks} times)" if self.looks > 1 else ""
        return f"after {self.after_s:.2f} s{times}: {self.said}"


class NotInTime(TimeoutError):
    """The deadline passed first; ``observations`` are the last differing ones, oldest first."""

    def __init__(self, what: str, within_s: float, looks: int, observations: tuple[Observation, ...]) -> None:
        seen = "\n  ".join(str(one) for one in observations)
        super().__init__(f"{what}: not within {within_s:g} s ({looks} looks); last seen:\n  {seen}")
        self.observations = observations


class _Memory:
    """The last differing observations."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.looks = 0
        self.seen: list[Observation] = []

    def note(self, said: str) -> None:
        """Remember one look; an unchanged one only counts."""
        self.looks += 1
        if len(said) > QUOTED_CHARACTERS:
            said = said[:QUOTED_CHARACTERS] + "…"
        if self.seen and self.seen[-1].said == said:
            last = self.seen[-1]
            self.seen[-1] = Observation(last.after_s, said, last.looks + 1)
            return
        self.seen.append(Observation(time.monotonic() - self.start, said))
        del self.seen[:-QUOTED]


def eventually(  # noqa: PLR0913 - every option is keyword-only and has a default but the deadline and its name
    observe: Callable[[], T],
    satisfied: Callable[[T], bool] = bool,
    *,
    what: str,
    within_s: float,
    every_s: float = 0.05,
    hold_s: float = 0.0,
    catch: tuple[type[Exception], ...] = (),
    describe: Callable[[T], str] = repr,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """Look until ``satisfied``, and return that observation.

    Looks at least once, then every ``every_s`` seconds (of pause between two looks), and for the last time
    at the deadline, ``within_s`` seconds after the call. With ``hold_s``, what satisfied must go on
    satisfying for that long; one look that does not starts the hold anew, and it must end by the deadline.
    ``catch`` names the exceptions that mean "not yet"; every other one ends the loop. ``observe`` bounds its
    own time: the loop cannot interrupt it. ``pause`` may be an ``Event.wait``, to be woken early.

    Raises ``NotInTime``; ``what`` is the promise in its message.
    """
    start = time.monotonic()
    deadline = start + within_s
    memory = _Memory(start)
    held_since: float | None = None
    while True:
        begun = time.monotonic()
        try:
            value = observe()
        except catch as error:
            memory.note(f"{type(error).__name__}: {error}")
            held_since = None
        else:
            memory.note(describe(value))
            if not satisfied(value):
                held_since = None
            elif held_since is None:
                held_since = begun
            if held_since is not None and time.monotonic() - held_since >= hold_s:
                return value
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotInTime(what, within_s, memory.looks, tuple(memory.seen))
        pause(min(every_s, left))
