"""What a checker is: a pure function from what was observed to a finding, which is valid, invalid or unknown.

Unknown is never a pass. A checker that crashes, or that has nothing to judge, has found nothing out.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ParamSpec

from plugins.verdict import NotJudged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

P = ParamSpec("P")


class Verdict(StrEnum):
    """What a checker comes to."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """A checker's verdict, why in words (they may hold what the host sent), and the figures that it rests on."""

    checker: str
    verdict: Verdict
    said: str
    evidence: Mapping[str, str | float | None] = field(default_factory=dict)


def judged(checker: Callable[P, Finding], *args: P.args, **kwargs: P.kwargs) -> Finding:
    """The checker's finding; unknown where it could not judge, or fell over what was observed."""
    name = getattr(checker, "__name__", str(checker))
    try:
        return checker(*args, **kwargs)
    except NotJudged as absent:
        return Finding(name, Verdict.UNKNOWN, absent.reason)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no verdict on the host
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = "".join(traceback.format_exception_only(error)).strip()
        return Finding(name, Verdict.UNKNOWN, f"fault in the suite: {told} ({where.name}, line {where.lineno})")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """What several come to: one that is invalid outweighs what is unknown. None at all is unknown."""
    found = set(verdicts)
    for verdict in (Verdict.INVALID, Verdict.UNKNOWN, Verdict.VALID):
        if verdict in found:
            return verdict
    return Verdict.UNKNOWN
