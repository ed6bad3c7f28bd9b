"""Keys drawn by chance before a fault, and looked for by name after it: on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.checkers.keys import Sought
from plugins.sample import draw, seek
from tests_plugins.keyspaces import OWN, here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_plugins.keyspaces import Place


@pytest.fixture
def place() -> Iterator[Place]:
    """A Redis with two keys that stay, one that lives for long and one that does not, and one of the suite's own."""
    with here() as made:
        made.ask("SET", b"a b\n\xff", "1")
        made.ask_all([("SET", "elsewhere", "1")], database=3)
        made.ask("SET", "session", "1", "EX", 600)
        made.ask("SET", "brief", "1", "PX", 900)
        made.ask("SET", OWN + b"canary", "1")
        yield made


def test_only_what_is_gone_before_its_time_is_missing(place: Place) -> None:
    """In every database, whatever bytes a name has, and however many have come instead."""
    drawn = draw(place.target, place.redis, [0, 3], leave_out=OWN)
    assert seek(place.target, place.redis, drawn) == Sought(eternal=2, mortal=1)
    place.ask("UNLINK", "brief", OWN + b"canary")
    assert seek(place.target, place.redis, drawn) == Sought(eternal=2, mortal=1)
    place.ask("UNLINK", b"a b\n\xff", "session")
    place.ask("MSET", "new", "1", "newer", "1")
    assert seek(place.target, place.redis, drawn) == Sought(eternal=2, mortal=1, missing=2)


def test_nothing_is_drawn_where_there_is_nothing(place: Place) -> None:
    """Which is known, unlike what a user may not draw."""
    assert seek(place.target, place.redis, draw(place.target, place.redis, [], leave_out=OWN)) == Sought()
    place.ask("ACL", "SETUSER", "default", "-randomkey")
    found = seek(place.target, place.redis, draw(place.target, place.redis, [0], leave_out=OWN))
    assert found.why_not.startswith("no keys could be drawn: RANDOMKEY was refused (NOPERM)")
