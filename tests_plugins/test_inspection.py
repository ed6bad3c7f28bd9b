"""``--inspect`` on a whole host: the twin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.inventory import Environment
from plugins.keys import run_inspection
from plugins.redact import Redactor
from plugins.target.open import open_target
from plugins.verdict import Exit
from twin import up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.inventory import Host
    from twin.handle import Twin

KEY = "session:abc123"


@pytest.fixture(scope="module")
def host_that_is_up() -> Iterator[Twin]:
    with up(kind="processes") as made:
        yield made


@pytest.fixture
def twin(host_that_is_up: Twin) -> Twin:
    """A twin whose Redis holds one key."""
    eventually(
        lambda: host_that_is_up.redis("SET", KEY, "user 7, token hunter2", "EX", 600),
        what="a Redis that takes a key, also after it was started again",
        within_s=10,
        catch=(OSError,),
    )
    return host_that_is_up


def inspected(twin: Twin, host: Host | None = None, *, hide: bool = False, secrets: tuple[str, ...] = ()) -> int:
    target = open_target(host or twin.host, supervisor=twin.supervisor, environ=twin.environ)
    return run_inspection(target, "session:*", redact_values=hide, redact=Redactor(secrets))


def test_a_key_is_shown_with_its_value(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is what a person on call asks for."""
    assert inspected(twin) == Exit.PASS
    shown = capsys.readouterr().out
    assert f'"{KEY}"  string' in shown
    assert '"user 7, token hunter2"' in shown
    assert '"session:*": 1 match (' in shown


def test_values_can_be_hidden(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    """For a shared screen, or a pipeline's log."""
    assert inspected(twin, hide=True) == Exit.PASS
    shown = capsys.readouterr().out
    assert "(hidden)" in shown
    assert "user 7" not in shown


def test_values_of_production_are_always_hidden(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    """They are other people's."""
    assert inspected(twin, replace(twin.host, environment=Environment.PRODUCTION)) == Exit.PASS
    assert "user 7" not in capsys.readouterr().out


def test_the_hosts_own_secrets_are_never_shown(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    """Even where an application keeps one in a key."""
    inspected(twin, secrets=("hunter2",))
    assert '"user 7, token ***"' in capsys.readouterr().out


def test_a_service_that_is_not_there_cannot_be_judged(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence on standard error, and the exit code of what could not be asked."""
    assert inspected(twin, replace(twin.host, redis_service="nope")) == Exit.UNJUDGED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "nope" in printed.err


def test_a_redis_that_is_down_cannot_be_judged(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says what state its container is in."""
    twin.stop(twin.host.redis_service)
    try:
        assert inspected(twin) == Exit.UNJUDGED
    finally:
        twin.start(twin.host.redis_service)
    assert f"no container of {twin.host.redis_service} is running" in capsys.readouterr().err
