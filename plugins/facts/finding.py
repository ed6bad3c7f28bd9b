"""What a look at many things came to: those that break a promise, and whether the look was whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from plugins.verdict import NotJudged

_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """The offenders among what was seen.

    ``unjudged`` says why *no* offender would mean nothing: nothing was declared, or the look was not whole. An
    offender found by half a look is one all the same.
    """

    seen: str
    found: tuple[str, ...] = ()
    unjudged: NotJudged | None = None

    @property
    def offenders(self) -> tuple[str, ...]:
        """Each offender in words. Raises ``unjudged`` where there are none and that proves nothing."""
        if not self.found and self.unjudged is not None:
            raise self.unjudged
        return self.found

    def describe(self) -> str:
        """The offenders first, at most five of them, then what was looked at."""
        if not self.found:
            return self.seen
        more = len(self.found) - _SHOWN
        named = list(self.found[:_SHOWN]) + ([f"and {more} more"] if more > 0 else [])
        return "; ".join(named) + f" ({self.seen})"


def declared(value: str | None, key: str) -> str:
    """A declaration of the inventory. Raises ``NotApplicable`` where the host's entry leaves ``key`` out."""
    if value is None:
        raise NotApplicable(f"the inventory declares no {key} for this host")
    return value
