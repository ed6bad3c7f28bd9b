"""What became of each check, or experiment, run by run. Pure, and imported by every gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: So many of the newest runs are shown side by side.
SHOWN = 30
#: No more checks than these are shown; no suite has so many.
_MOST = 200
_AMISS = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.WARNED})


class Strip(NamedTuple):
    """What became of one check, or experiment, in each of the runs shown, oldest first; empty: not in that run."""

    name: str
    outcomes: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing was ever amiss."""
        return _AMISS.isdisjoint(self.outcomes)


def strips(columns: Sequence[Mapping[str, str]]) -> tuple[Strip, ...]:
    """A strip for every name, in the order in which the newest run has them; those that were amiss first."""
    names = dict.fromkeys(name for column in reversed(columns) for name in column)
    found = [Strip(name, tuple(column.get(name, "") for column in columns)) for name in names]
    return tuple(sorted(found, key=lambda strip: strip.is_well)[:_MOST])


def median(values: Iterable[float]) -> float:
    """The middle of some numbers, of which there is at least one: ``statistics`` takes 10 ms to import."""
    ranked = sorted(values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2
