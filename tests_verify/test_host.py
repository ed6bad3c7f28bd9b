"""The machine underneath, through testinfra and its container engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Limits


@pytest.mark.gate
@pytest.mark.runbook("Prerequisites")
@pytest.mark.remedy("{docker} info")
def test_engine_answer_s(check: Check, facts: Facts, limits: Limits) -> None:
    """The container engine runs and answers."""
    check.expected = f"an answer within {limits.engine_answer_s:g} s"
    check.observed = facts.introduction.describe()
    assert facts.introduction.took_s <= limits.engine_answer_s, check.observed


@pytest.mark.gate
@pytest.mark.runbook("Prerequisites")
@pytest.mark.remedy("{docker} info -f '{{.Name}} {{.ID}}'")
def test_engine_is_the_declared_one(check: Check, facts: Facts) -> None:
    """The engine is the one that the inventory means, not another machine behind the same name."""
    opinion = facts.engine_identity
    check.expected = f"engine {facts.host.chaos.engine_id}"
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.advice
@pytest.mark.runbook("Prerequisites", "Restart Redis")
@pytest.mark.remedy("sudo systemctl enable docker.service")
def test_engine_starts_at_boot(check: Check, facts: Facts) -> None:
    """The engine starts at boot, without which no restart policy works."""
    opinion = facts.machine.starts_at_boot
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.gate
@pytest.mark.runbook("Memory Management")
@pytest.mark.remedy("df -h\n{docker} system df")
def test_disk_has_room_for_a_save(check: Check, facts: Facts) -> None:
    """The disk that Redis writes to has room for a save: a tenth of the dataset's memory at the very least."""
    room = facts.room_for_save
    check.observed = room.describe()
    assert room.enough, room.describe()


@pytest.mark.advice
@pytest.mark.runbook("Memory Management")
@pytest.mark.remedy("df -h\n{docker} system df")
def test_disk_has_room_for_the_dataset(check: Check, facts: Facts) -> None:
    """The disk that Redis writes to has room for the whole dataset, as for one that cannot be compressed."""
    room = facts.room_for_save
    check.observed = room.describe()
    assert room.ample, room.describe()


@pytest.mark.advice
@pytest.mark.runbook("Memory Management")
@pytest.mark.remedy("df -h\n{docker} system df")
def test_disk_used_ratio(check: Check, facts: Facts, limits: Limits) -> None:
    """The disk that Redis writes to is not nearly full."""
    disk = facts.redis_disk
    check.expected = f"at most {limits.disk_used_ratio:.0%} used"
    check.observed = disk.describe()
    assert disk.used_ratio <= limits.disk_used_ratio, disk.describe()


@pytest.mark.advice
@pytest.mark.runbook("Memory Management", "Set Memory Limits")
@pytest.mark.remedy("sudo sysctl -w vm.overcommit_memory=1")
def test_overcommit_memory(check: Check, facts: Facts) -> None:
    """The kernel lets Redis fork to save even while memory is half full: vm.overcommit_memory is 1."""
    opinion = facts.machine.overcommit
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.advice
@pytest.mark.runbook("Performance Troubleshooting", "Memory Management")
@pytest.mark.remedy("echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled")
def test_transparent_huge_pages(check: Check, facts: Facts) -> None:
    """Transparent huge pages are not always on: they slow Redis down and make a save copy too much."""
    opinion = facts.machine.huge_pages
    check.observed = opinion.detail
    assert opinion.well, opinion.detail


@pytest.mark.advice
@pytest.mark.runbook("Verification Checklist 5")
@pytest.mark.remedy("timedatectl status\nsudo timedatectl set-ntp true")
def test_clock_skew_s(check: Check, facts: Facts, limits: Limits) -> None:
    """The host's clock and this machine's agree, so that times in logs and reports can be compared."""
    machine = facts.machine
    check.expected = f"at most {limits.clock_skew_s:g} s apart"
    check.observed = machine.clock()
    assert machine.clock_skew_s <= limits.clock_skew_s, machine.clock()
