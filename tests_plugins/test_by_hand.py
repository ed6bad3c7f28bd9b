"""What was set by hand, told from what Redis starts with."""

from __future__ import annotations

import pytest

from plugins.by_hand import ByHand, by_hand
from plugins.facts.drift import Loss
from plugins.facts.startup import parse_startup

STARTUP = parse_startup(("redis-server", "/redis.conf"), b"user ada on nopass ~* +@all\n")
OWN = ("user default on nopass sanitize-payload ~* &* +@all", "user default on #5e88 ~* &* +@all")


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize(
    ("line", "file", "found"),
    [
        ("user ada on nopass ~* +@all", None, ()),
        ("user bob on nopass ~* +@all", None, ("bob",)),
        ("user bob on nopass ~* +@all", b"# users\n\nuser bob on nopass ~* +@all\n", ()),
        ("user default on nopass ~* &* +@all -debug", None, ("default",)),
        ("user default off", None, ("default",)),
    ],
)
def test_users_whom_the_next_start_does_not_know(own: str, line: str, file: bytes | None, found: tuple[str]) -> None:
    """Declared in the configuration, or in the ACL file, is not by hand; the default user has rules of its own."""
    assert by_hand((), (own, line), STARTUP, file).users == found


@pytest.mark.parametrize("text", [None, b"include other.conf\n"])
def test_where_it_is_not_known_who_is_there_at_the_start_nothing_is_said(text: bytes | None) -> None:
    """A file that was not read, or that includes one."""
    startup = parse_startup(("redis-server", "/redis.conf"), text) if text is not None else None
    assert by_hand((), ("user bob on",), startup, None) == ByHand()


def test_the_refusal_names_what_would_be_lost_and_what_mends_it() -> None:
    """Values are left out: one may be a secret."""
    found = by_hand([Loss("hz", "11", "10", "Redis's default")], ("user bob on",), STARTUP, None)
    assert found.refusal() == (
        '"hz" was set by hand, and would be lost: CONFIG REWRITE, or write it into the Compose file;'
        ' the ACL user "bob" was set by hand, and would be lost: ACL SAVE or CONFIG REWRITE,'
        " or write it into the configuration"
    )
