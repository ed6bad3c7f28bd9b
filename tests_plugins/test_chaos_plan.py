"""``--plan`` of chaos tells everything before anything is touched."""

from __future__ import annotations

import pytest

from plugins.chaos_plan import chaos_plan
from plugins.fault import Fault, fault_name, registered
from plugins.inventory import Chaos, Environment, Host, Windows

HOST = Host(
    name="staging",
    environment=Environment.STAGING,
    ssh="deploy@staging.example.org",
    project_dir="~/exam-platform-staging",
    backend_service="backend_staging",
    windows=Windows(kill=7.5),
    chaos=Chaos(allowed=True, engine_id="ENGINE-1"),
)


def part(fault: Fault, host: Host = HOST) -> str:
    """What the plan says of one experiment."""
    blocks = chaos_plan(host, 15).split("\n\n")
    (found,) = [block for block in blocks if block.startswith(f"{fault.name}  ")]
    return found


@pytest.mark.parametrize("fault", registered(), ids=fault_name)
def test_every_experiment_is_told_with_its_commands_and_outage(fault: Fault) -> None:
    """Or why it is not played."""
    told = part(fault)
    if fault.family not in HOST.chaos.faults:
        assert "NOT PLAYED" in told
        return
    lines = [line.strip() for command in fault.commands(HOST) for line in command.strip().splitlines()]
    assert fault.outage in told
    assert [line for line in lines if line not in told] == []


def test_the_window_is_the_inventorys() -> None:
    """And readiness has its own."""
    kill = next(fault for fault in registered() if fault.name == "kill")
    assert "within 7.5 s (readiness 5 s)" in part(kill)


def test_what_the_guards_refuse_is_said_at_once() -> None:
    """The plan of a host on which nothing would run."""
    plan = chaos_plan(Host(name="live", environment=Environment.PRODUCTION, chaos=Chaos(allowed=True)), 15)
    assert "refused: chaos on live: its environment is production" in plan


def test_what_a_stop_may_lose_is_said() -> None:
    """It is saved first, though Redis means to save it."""
    told = {fault.name: "may fail, or take longer than the stop's grace" in part(fault) for fault in registered()}
    assert {name for name, said in told.items() if said} == {"restart", "stop_start"}
