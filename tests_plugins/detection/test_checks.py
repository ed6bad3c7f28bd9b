"""Checks that no broken host can turn red, judged on what a real Redis says, altered in one figure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from plugins.check import Check
from plugins.facts import server
from plugins.facts.replies import QUESTIONS
from tests_plugins.servers import running, server_programs
from tests_verify import test_keyspace as checks

if TYPE_CHECKING:
    from plugins.facts import Facts
    from plugins.inventory import Host


@pytest.mark.parametrize(("gone", "fails"), [(0, False), (1, True)])
def test_databases_that_differ_are_warned(gone: int, *, fails: bool) -> None:
    """DBSIZE that counts another number of keys than INFO, before and after, is found out."""
    program = next(iter(server_programs().values()))
    with running(program) as redis:
        redis.ask("MSET", "a", "1", "b", "2")
        replies = dict(zip(QUESTIONS, redis.wire.ask(server.COMMANDS), strict=True))
    altered = {**replies, "dbsize_before": 2 - gone, "dbsize_after": 2 - gone}
    facts = SimpleNamespace(redis=server.read(list(altered.values())))
    check = Check("")
    try:
        checks.test_dbsize_agrees(check, cast("Facts", facts), cast("Host", SimpleNamespace(redis_db=0)))
    except AssertionError:
        assert fails
    else:
        assert not fails
    assert check.observed == f"DBSIZE {2 - gone}, INFO keyspace 2, DBSIZE {2 - gone}"
