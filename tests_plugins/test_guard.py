"""What chaos may do to which host: refused before anything is touched, with the line that would allow it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins import guard
from plugins.fault import registered
from plugins.inventory import Chaos, Environment, Host
from plugins.options import Suite
from plugins.target.model import Engine

ENGINE = Engine("ENGINE-1", "20.10", "vm", "docker", "/var/lib/docker")
HOST = Host(name="staging", environment=Environment.STAGING, chaos=Chaos(allowed=True, engine_id="ENGINE-1"))
FAULTS = {fault.name: fault for fault in registered()}


@pytest.mark.parametrize("allowed", [True, False])
def test_production_is_refused_whatever_else_is_set(allowed: bool) -> None:
    """Chaos and every write."""
    host = replace(HOST, environment=Environment.PRODUCTION, chaos=Chaos(allowed=allowed, engine_id="ENGINE-1"))
    assert "production" in guard.refusal(Suite.CHAOS, host)
    assert not guard.may_write(host)


def test_what_is_not_allowed_is_refused_with_the_line_that_allows_it() -> None:
    """The default is no."""
    assert "allowed = true" in guard.refusal(Suite.CHAOS, replace(HOST, chaos=Chaos()))
    assert not guard.refusal(Suite.CHAOS, HOST)


@pytest.mark.parametrize("meant", [None, "ENGINE-2", ""])
def test_another_engine_is_refused_with_the_line_to_paste(meant: str | None) -> None:
    """An alias or a copied inventory may lead elsewhere."""
    host = replace(HOST, chaos=Chaos(allowed=True, engine_id=meant))
    assert 'engine_id = "ENGINE-1"' in guard.engine_refusal(host, ENGINE)
    assert not guard.engine_refusal(HOST, ENGINE)


@pytest.mark.parametrize("name", ["crash", "pause"])
def test_what_the_words_only_imply_is_off_by_default(name: str) -> None:
    """And the reason says how to turn it on."""
    assert "add it to faults" in guard.family_refusal(HOST, FAULTS[name])
    assert not guard.family_refusal(HOST, FAULTS["restart"])


@pytest.mark.parametrize(("data_loss", "refused"), [("restore", False), ("allowed", False), ("forbidden", True)])
def test_only_forbidden_data_loss_refuses_a_fault(data_loss: str, refused: bool) -> None:
    """And only one that may lose keys."""
    host = replace(HOST, chaos=Chaos(allowed=True, data_loss=data_loss))  # type: ignore[arg-type]  # a word of the table
    assert bool(guard.loss_refusal(host, "the flush deletes what was written before it")) is refused
    assert not guard.loss_refusal(host, "")
