"""The grammar of the inventory's durability."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given

from plugins.durability import Durability
from tests_plugins.hostile import any_text, hostile


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("none", Durability("off", frozenset())),
        ("appendfsync everysec", Durability("everysec", None)),
        ("save 60 1", Durability(None, frozenset({(60, 1)}))),
        ("save 60 1 900 10", Durability(None, frozenset({(900, 10), (60, 1)}))),
        ("  AppendFsync  ALWAYS ,save 60 1", Durability("always", frozenset({(60, 1)}))),
    ],
)
def test_a_declaration_is_read(text: str, meaning: Durability) -> None:
    """Clauses in any order, in either case, with any blanks."""
    assert Durability.parse(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "none, save 60 1",
        "appendfsync",
        "appendfsync sometimes",
        "save",
        "save 60",
        "save a b",
        "save 60 1,save 60 1",
    ],
)
def test_what_is_no_declaration_says_what_is_legal(text: str) -> None:
    """The error quotes what was written and gives the grammar."""
    with pytest.raises(ValueError, match="appendfsync always"):
        Durability.parse(text)


LIVE = {"appendonly": "yes", "appendfsync": "everysec", "save": "3600 1 60 100"}


@pytest.mark.parametrize(
    ("text", "live", "unlike"),
    [
        ("appendfsync everysec", LIVE, 0),
        ("save 60 100 3600 1", LIVE, 0),
        ("none", LIVE, 2),
        ("appendfsync always", LIVE, 1),
        ("appendfsync everysec", {**LIVE, "appendonly": "no"}, 1),
        ("save 60 1", {**LIVE, "save": ""}, 1),
        ("none", {"appendonly": "no", "appendfsync": "everysec", "save": ""}, 0),
    ],
)
def test_each_difference_is_told(text: str, live: dict[str, str], unlike: int) -> None:
    """What no clause speaks of may be as it likes."""
    assert len(Durability.parse(text).unlike(**live)) == unlike


@hostile
@given(any_text)
def test_no_text_breaks_the_parser(text: str) -> None:
    """An inventory holds what people write."""
    with suppress(ValueError):
        assert Durability.parse(text) != Durability()
