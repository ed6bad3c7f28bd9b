"""Mends: what a person in a hurry is told to paste must not do more harm than what it is to mend."""

from __future__ import annotations

import re
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from plugins.check import Check
from plugins.facts.info import Info
from plugins.facts.memory import Fit, Memory
from plugins.facts.mends import after_answer, after_fit
from plugins.inventory import Environment, Host, Limits
from plugins.probe import TIMEOUT, Answer, Vantage
from plugins.remedy import render
from plugins.report.readme import documented_checks
from tests_verify import test_memory as memory_checks
from tests_verify import test_performance as performance_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.facts import Facts

MIB = 1 << 20
HOST = Host(name="staging", environment=Environment.STAGING, redis_port=6380)
REMEDIES = {check.id: check.remedy for check in documented_checks()}


def after(code: str, detail: str = "", vantage: Vantage = Vantage.EXEC_PING) -> str:
    """The mend, ready to paste; a real shell can parse it."""
    answer = Answer(ok=False, detail=detail, took_s=0.0, vantage=vantage, code=code)
    text = render(after_answer(answer, "as it was", HOST), HOST)
    subprocess.run(["/bin/sh", "-n", "-c", text], check=True)
    return text


def set_to(mend: str) -> int | None:
    """The bytes of the ``maxmemory`` that a mend offers; None: it offers none."""
    found = re.search(r"CONFIG SET maxmemory (\d+)mb", mend)
    return int(found[1]) * MIB if found else None


@pytest.mark.parametrize("used", [1 * MIB, 100 * MIB, 300 * MIB])
def test_a_maxmemory_that_is_offered_holds_what_is_used_and_fits(used: int) -> None:
    """Nothing is evicted, and the limits that are judged are kept."""
    offered = set_to(after_fit(Fit(0, 512 * MIB), used, Limits()))
    assert offered == 384 * MIB
    assert used <= offered * Limits().used_memory_ratio


@pytest.mark.parametrize("used", [346 * MIB, 500 * MIB, 2048 * MIB])
def test_where_no_maxmemory_fits_none_is_offered(used: int) -> None:
    """One below what is used evicts keys at once, or refuses writes: the container is what is too small."""
    mend = after_fit(Fit(0, 512 * MIB), used, Limits())
    assert set_to(mend) is None
    found = re.search(r"\(mem_limit\) to (\d+)m or more", mend)
    assert found
    assert set_to(after_fit(Fit(0, int(found[1]) * MIB), used, Limits()))


def test_a_maxmemory_that_is_offered_is_below_the_containers_limit() -> None:
    """Also where the inventory allows all of it."""
    assert set_to(after_fit(Fit(0, 512 * MIB), MIB, Limits(maxmemory_ratio=1.0))) == 511 * MIB


@pytest.mark.parametrize(
    "check", [memory_checks.test_maxmemory_in_limited_container, memory_checks.test_maxmemory_ratio]
)
def test_the_checks_of_maxmemory_offer_what_fits(check: Callable[..., None]) -> None:
    """With the figures of the host, not those of an example."""
    memory = Memory(Info({"memory": {"used_memory": str(2048 * MIB), "maxmemory": str(500 * MIB)}}))
    facts = SimpleNamespace(
        redis=SimpleNamespace(memory=memory, fork_room=lambda limit: memory.fit(limit, "snapshots")),
        redis_container=SimpleNamespace(memory_limit=500 * MIB),
    )
    recorder = Check("")
    with pytest.raises(AssertionError):
        check(recorder, cast("Facts", facts), Limits())
    assert "mem_limit" in recorder.remedy
    assert "CONFIG SET" not in recorder.remedy


def test_the_slow_logs_threshold_is_mended_to_the_declared_one() -> None:
    """What is pasted turns the check green."""
    redis = SimpleNamespace(slowlog_threshold_us=-1, slowlog_described=lambda: "")
    recorder = Check("", remedy=REMEDIES["performance/slowlog_threshold_us"])
    with pytest.raises(AssertionError):
        performance_checks.test_slowlog_threshold_us(
            recorder, cast("Facts", SimpleNamespace(redis=redis)), Limits(slowlog_threshold_us=500)
        )
    assert "CONFIG SET slowlog-log-slower-than 500 " in recorder.remedy


def test_only_a_redis_that_is_silent_inside_its_container_is_killed() -> None:
    """Where it has just said PONG there, a kill loses data and mends nothing."""
    assert "kill redis_staging" in after(TIMEOUT)
    assert after(TIMEOUT).index("PING") < after(TIMEOUT).index("kill ")
    for vantage in (Vantage.PING, Vantage.WRITE, Vantage.BACKEND, Vantage.READINESS):
        assert not re.search(r"\b(kill|restart)\b", after(TIMEOUT, vantage=vantage))


def test_a_write_that_hangs_is_a_pause_as_a_rule() -> None:
    """CLIENT PAUSE … WRITE: PING answers, writes wait."""
    assert "CLIENT UNPAUSE" in after(TIMEOUT, vantage=Vantage.WRITE)
    assert "INFO clients" in after(TIMEOUT, vantage=Vantage.WRITE)


def test_a_wire_that_hangs_is_the_networks_affair() -> None:
    """The published port, and who is on the network."""
    mend = after(TIMEOUT, vantage=Vantage.PING)
    assert "port redis_staging 6380" in mend
    assert "docker network inspect" in mend


def test_a_script_that_runs_too_long_is_ended_and_not_redis() -> None:
    """BUSY: a restart would lose data."""
    mend = after("BUSY", "BUSY Redis is busy running a script.")
    assert mend.index("SCRIPT KILL") < mend.index("FUNCTION KILL")
    assert "restart" not in mend


def test_misconf_is_mended_where_it_comes_from() -> None:
    """No snapshot mends an append-only file that cannot be written."""
    assert "BGSAVE" in after("MISCONF", "MISCONF Redis is configured to save RDB snapshots, but …")
    of_aof = after("MISCONF", "MISCONF Errors writing to the AOF file: No space left on device")
    assert "BGSAVE" not in of_aof
    assert {"df -h", "BGREWRITEAOF"} <= set(re.findall(r"df -h|BGREWRITEAOF", of_aof))


@pytest.mark.parametrize("check", REMEDIES)
def test_no_mend_takes_the_port_for_granted(check: str) -> None:
    """The inventory knows it."""
    assert "6379" not in render(REMEDIES[check], HOST)


def test_no_mend_prints_the_environment() -> None:
    """``compose config`` prints every variable's value, and those of env_file whatever else it is told."""
    shown = [remedy for remedy in REMEDIES.values() if "{compose} config" in remedy]
    assert shown
    assert all(re.search(r"config --no-interpolate \S+ \| grep -n restart:", remedy) for remedy in shown)


def test_the_mend_of_the_restart_policy_names_one() -> None:
    """Looking at it mends nothing."""
    assert "--restart unless-stopped" in REMEDIES["container/restart_policy_brings_it_back"]


def test_keys_are_not_made_to_expire_blindly() -> None:
    """A key may be meant to stay."""
    mend = REMEDIES["keyspace/eternal_keys"]
    assert mend.index("TTL KEY") < mend.index("EXPIRE KEY SECONDS   # only where the key may go")
