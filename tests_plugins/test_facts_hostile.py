"""Servers that answer anything: no reply breaks the facts, and each question has a verdict or a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.keyspace import survey
from plugins.facts.server import COMMANDS, RedisFacts, read
from plugins.inventory import Environment, Host, Limits, Pattern
from plugins.target.model import Command, Reply, ReplyError
from plugins.verdict import NotJudged
from tests_plugins.hostile import any_text, hostile
from tests_plugins.judgements import JUDGEMENTS, of_keyspace
from tests_plugins.servers import Server, running, server_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROGRAMS = server_programs()


@pytest.fixture(scope="module", params=PROGRAMS)
def shared(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A stock server of every kind that there is."""
    with running(PROGRAMS[request.param]) as server:
        yield server


anything: st.SearchStrategy[Reply] = st.recursive(
    st.one_of(st.none(), st.integers(), st.binary(max_size=60), any_text.map(ReplyError)),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=4,
)


@hostile
@given(st.lists(anything, min_size=len(COMMANDS), max_size=len(COMMANDS)))
def test_no_answer_breaks_anything(replies: list[Reply]) -> None:
    """Whatever a server sends, each question has a verdict or a printable reason."""
    facts = read(replies)
    for judgement in JUDGEMENTS.values():
        try:
            judgement(facts)
        except NotJudged as why:
            assert why.reason.isprintable()  # noqa: PT017 - either form is right


@hostile
@given(st.data())
def test_no_damage_to_a_real_answer_breaks_anything(damaged: Callable[..., RedisFacts], data: st.DataObject) -> None:
    """Bytes of a real INFO and CLIENT LIST, exchanged for others."""
    facts = damaged(data)
    for judgement in JUDGEMENTS.values():
        try:
            judgement(facts)
        except NotJudged as why:
            assert why.reason.isprintable()  # noqa: PT017 - either form is right


@pytest.fixture(scope="module")
def damaged(shared: Server) -> Callable[[st.DataObject], RedisFacts]:
    """A way to damage one real answer."""
    real = shared.wire.ask(COMMANDS)

    def damage(data: st.DataObject) -> RedisFacts:
        replies = list(real)
        for index, reply in enumerate(replies):
            if isinstance(reply, bytes) and reply:
                at = data.draw(st.integers(0, len(reply)))
                piece = data.draw(st.binary(max_size=12))
                replies[index] = reply[:at] + piece + reply[at + len(piece) :]
        return read(replies)

    return damage


@hostile
@given(st.data())
def test_no_reply_breaks_the_survey(data: st.DataObject) -> None:
    """A server that answers nonsense leaves everything without a verdict, or judged on what could be read."""
    declared = Pattern(glob="*", type="string", ttl=True, max_ttl_s=1, max_count=1, max_bytes=1)
    host = Host(name="h", environment=Environment.STAGING, patterns=(declared,), limits=Limits(survey_s=0.05))
    keyspace = survey(Nonsense(data), host)
    for finding in of_keyspace(keyspace):
        try:
            assert isinstance(finding.offenders, tuple)
        except NotJudged as why:
            assert why.reason.isprintable()  # noqa: PT017 - either form is right


class Nonsense:
    """A wire that answers anything."""

    via = "a test"

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def ask(self, commands: Sequence[Command], *, timeout_s: float = 5.0) -> list[Reply]:
        """As many replies as commands."""
        assert timeout_s > 0
        drawn = [self._data.draw(anything) for _ in commands[:10]]
        return [*drawn, *[None] * (len(commands) - 10)]

    def close(self) -> None:
        """Nothing of its own."""
