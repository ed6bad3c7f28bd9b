"""What each outcome looks like: a sign for who sees no colours, and the word for it. For all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNS: Mapping[str, str] = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.ERROR: "?",
    Outcome.WARNED: "!",
    Outcome.SKIPPED: "·",
}
#: What people read where the contract's word would puzzle them.
WORDS: Mapping[str, str] = {Outcome.ERROR: "unjudged"}


def word_of(outcome: str) -> str:
    """The outcome as people read it."""
    return WORDS.get(outcome, str(outcome))
