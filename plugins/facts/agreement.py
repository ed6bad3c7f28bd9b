"""Whether the vantage points tell the same story. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.readiness import Kind
from plugins.probe import DETOUR, TIMEOUT, Vantage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.facts.readiness import Readiness
    from plugins.probe import Answer


@dataclass(frozen=True)
class Agreement:
    """The stories side by side; ``odd`` names the vantage points that tell another one than Redis itself."""

    odd: tuple[str, ...]
    story: str

    def describe(self) -> str:
        """Who stands apart, and what each one said."""
        if not self.odd:
            return f"all agree: {self.story}"
        return f"the odd one out: {', '.join(self.odd)} - {self.story}"


def compare(
    answers: Mapping[Vantage, Answer], readiness: Readiness | None, *, other_server: str | None = None
) -> Agreement:
    """Name the odd one out among the vantage points that could be asked.

    What Redis says of itself (in-container and wire PING) is the measure: where it is well, whoever says
    otherwise stands apart, and the other way round. Two servers behind one name are the wire's oddity: the
    container is the one that Compose runs. A write that Redis refuses in its own words is no contradiction, and a
    readiness that says nothing of Redis tells no other story: it is red by itself.
    """
    says = {
        vantage: _well(vantage, answer)
        for vantage, answer in answers.items()
        if answer.ok is not None and answer.code != DETOUR
    }
    if readiness is not None and readiness.kind.spoken:
        says[Vantage.READINESS] = readiness.kind is Kind.OK
    told = [f"{vantage.words}: {_told(vantage, answers, readiness)}" for vantage in says]
    measure = _measure(says)
    odd = [vantage.words for vantage, well in says.items() if well is not measure]
    if other_server is not None:
        odd = [Vantage.PING.words, *(name for name in odd if name != Vantage.PING.words)]
        told.append(other_server)
    return Agreement(tuple(odd), "; ".join(told))


def _measure(says: Mapping[Vantage, bool]) -> bool:
    """What is held to be true: Redis's own word; where its two words differ, what most say."""
    own = {says[vantage] for vantage in (Vantage.EXEC_PING, Vantage.PING) if vantage in says}
    if len(own) == 1:
        return own.pop()
    well = sum(says.values())
    return well * 2 >= len(says)


def _well(vantage: Vantage, answer: Answer) -> bool:
    refused_in_words = vantage is Vantage.WRITE and answer.code not in {"", TIMEOUT}
    return bool(answer.ok) or refused_in_words


def _told(vantage: Vantage, answers: Mapping[Vantage, Answer], readiness: Readiness | None) -> str:
    if vantage is Vantage.READINESS and readiness is not None:
        return readiness.reason
    return answers[vantage].detail
