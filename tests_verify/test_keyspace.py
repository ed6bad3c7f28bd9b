"""Keyspace Inspection: how many keys there are, and whether they are what the inventory declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.check import Check
    from plugins.facts import Facts
    from plugins.inventory import Host, Limits


@pytest.mark.advice
@pytest.mark.runbook("List All Keys", "Keyspace Statistics")
@pytest.mark.remedy("{redis_cli} DBSIZE\n{redis_cli} INFO keyspace")
def test_dbsize_agrees(check: Check, facts: Facts, host: Host) -> None:
    """DBSIZE and INFO keyspace count the same keys, but for those that come and go in between."""
    agreement = facts.redis.databases.agreement(host.redis_db)
    check.observed = agreement.describe()
    assert agreement.gap == 0


@pytest.mark.advice
@pytest.mark.runbook("List All Keys", "Keyspace Statistics")
@pytest.mark.remedy("{redis_cli} INFO keyspace   # then declare that database as redis_db in the inventory")
def test_database_in_use(check: Check, facts: Facts, host: Host) -> None:
    """The inventory's database is not empty while another one holds the keys."""
    databases = facts.redis.databases
    check.observed = f"redis_db is {host.redis_db}; {databases.describe()}"
    assert databases.elsewhere(host.redis_db) == 0


@pytest.mark.gate
@pytest.mark.runbook("Inspect Specific Key", "List All Keys")
@pytest.mark.remedy("{redis_cli} TYPE KEY   # for each key that is named above")
def test_pattern_types(check: Check, facts: Facts) -> None:
    """Every key of a declared pattern has the declared type."""
    types = facts.keyspace.types
    check.observed = types.describe()
    assert types.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("Inspect Specific Key")
@pytest.mark.remedy("{redis_cli} TTL KEY   # -1: it never expires\n{redis_cli} EXPIRE KEY 3600   # to mend this one")
def test_pattern_ttls(check: Check, facts: Facts) -> None:
    """Every key of a pattern that is declared with a TTL has one."""
    ttls = facts.keyspace.ttls
    check.observed = ttls.describe()
    assert ttls.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("Inspect Specific Key")
@pytest.mark.remedy("{redis_cli} TTL KEY   # in seconds\n{redis_cli} EXPIRE KEY 3600   # to mend this one")
def test_pattern_max_ttls(check: Check, facts: Facts) -> None:
    """No key of a declared pattern lives longer than declared."""
    max_ttls = facts.keyspace.max_ttls
    check.observed = max_ttls.describe()
    assert max_ttls.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("List All Keys", "Flush Specific Keys")
@pytest.mark.remedy("{redis_cli} --scan --pattern PATTERN | wc -l   # SCAN; KEYS would block the server meanwhile")
def test_pattern_max_counts(check: Check, facts: Facts) -> None:
    """No declared pattern matches more keys than declared, counted with SCAN."""
    counts = facts.keyspace.counts
    check.observed = counts.describe()
    assert counts.offenders == ()


@pytest.mark.gate
@pytest.mark.runbook("Keyspace Statistics", "Check Memory Usage")
@pytest.mark.remedy("{redis_cli} --memkeys   # bytes; --bigkeys counts elements")
def test_pattern_max_bytes(check: Check, facts: Facts) -> None:
    """The keys of no declared pattern take more memory together than declared."""
    sizes = facts.keyspace.sizes
    check.observed = sizes.describe()
    assert sizes.offenders == ()


@pytest.mark.advice
@pytest.mark.runbook("Inspect Specific Key", "Set Memory Limits")
@pytest.mark.remedy(
    "{redis_cli} TTL KEY   # -1: it never expires\n"
    "{redis_cli} EXPIRE KEY SECONDS   # only where the key may go; else a volatile- policy spares it"
)
def test_eternal_keys(check: Check, facts: Facts, limits: Limits) -> None:
    """Every key expires under a policy that evicts, so that nothing is dropped which nobody meant to lose."""
    eternal = facts.redis.eternal_keys
    check.expected = f"at most {limits.eternal_keys} keys without a TTL under a policy that evicts"
    check.observed = eternal.describe()
    assert eternal.judged <= limits.eternal_keys


@pytest.mark.advice
@pytest.mark.runbook("Check Memory Usage")
@pytest.mark.remedy("{redis_cli} --memkeys   # bytes; --bigkeys counts elements\n{redis_cli} MEMORY USAGE KEY")
def test_big_key_bytes(check: Check, facts: Facts, limits: Limits) -> None:
    """No key among those that were drawn is big: reading or deleting one would hold everybody up."""
    big = facts.keyspace.sample.bigger(limits.big_key_bytes)
    check.expected = f"no key of more than {limits.big_key_bytes} bytes among at most {limits.sampled_keys} drawn"
    check.observed = big.describe()
    assert big.offenders == ()
