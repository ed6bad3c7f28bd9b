"""What reaches the disk, and from whom the data comes."""

from __future__ import annotations

import pytest

from plugins.facts.config import Config
from plugins.facts.info import parse_info
from plugins.facts.persistence import Persistence
from plugins.verdict import NotApplicable, Unjudged

FIELDS = {
    "loading": "0",
    "rdb_last_bgsave_status": "ok",
    "rdb_last_save_time": "1767322800",
    "rdb_changes_since_last_save": "3",
    "aof_enabled": "0",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "connected_slaves": "0",
    "role": "master",
}


def refused() -> Config:
    """A CONFIG GET that may not be run."""
    raise Unjudged("NOPERM")


def persistence(**fields: str) -> Persistence:
    """A server that reports these fields, and whose configuration may not be read."""
    lines = "".join(f"{name}:{value}\r\n" for name, value in {**FIELDS, **fields}.items())
    return Persistence(parse_info(f"# Replication\r\n{lines}".encode()), refused)


def configured(**values: str) -> Persistence:
    """A server with these directives."""
    live = {"appendonly": "no", "appendfsync": "everysec", "save": ""} | values
    info = persistence(aof_enabled="1" if live["appendonly"] == "yes" else "0").info
    return Persistence(info, lambda: Config(live))


def test_a_snapshot_that_failed_is_told_with_what_a_crash_would_lose() -> None:
    """The status, the last good write, and the changes since."""
    broken = persistence(rdb_last_bgsave_status="err")
    assert broken.snapshot == "err"
    assert broken.describe_snapshot() == (
        'last RDB write "err", last good one (or start) 2026-01-02T03:00:00Z, 3 changes since'
    )


def test_without_an_append_only_file_there_is_nothing_to_fail() -> None:
    """A stock server writes none, and is skipped."""
    with pytest.raises(NotApplicable, match="appendonly no"):
        persistence().append_only_file.offenders  # noqa: B018 - the property raises


@pytest.mark.parametrize("field", ["aof_last_write_status", "aof_last_bgrewrite_status"])
def test_either_failure_of_the_append_only_file_is_told(field: str) -> None:
    """Writes and rewrites fail apart."""
    assert len(persistence(aof_enabled="1", **{field: "err"}).append_only_file.offenders) == 1


def test_loading_is_told_with_its_progress() -> None:
    """While it loads, Redis answers nobody."""
    loading = persistence(loading="1", loading_loaded_perc="45.00")
    assert loading.loading
    assert loading.describe_loading() == 'loading, "45.00" % read'


@pytest.mark.parametrize(("role", "word"), [("master", "master"), ("slave", "replica"), ("primary", "master")])
def test_a_role_has_one_word(role: str, word: str) -> None:
    """INFO still says slave where the inventory says replica."""
    assert persistence(role=role).role == word


def test_a_master_follows_nobody() -> None:
    """Its link is no question."""
    with pytest.raises(NotApplicable):
        persistence().link.offenders  # noqa: B018 - the property raises


@pytest.mark.parametrize(("status", "offenders"), [("up", 0), ("down", 1)])
def test_a_replica_needs_its_master(status: str, offenders: int) -> None:
    """The link is told with the master's address."""
    link = persistence(role="slave", master_link_status=status, master_host="db1", master_port="6379").link
    assert len(link.offenders) == offenders
    assert "db1:6379" in link.describe()


def test_durability_that_is_not_declared_needs_no_permission() -> None:
    """CONFIG GET is refused here, and nobody asked for it."""
    with pytest.raises(NotApplicable, match="durability"):
        persistence().durability(None).offenders  # noqa: B018 - the property raises


def test_durability_that_cannot_be_read_is_unjudged() -> None:
    """What was declared cannot be compared without CONFIG GET."""
    with pytest.raises(Unjudged, match="NOPERM"):
        persistence().durability("none")


@pytest.mark.parametrize(("declaration", "offenders"), [("none", 0), ("appendfsync everysec", 1), ("save 60 1", 1)])
def test_durability_is_compared_with_the_live_configuration(declaration: str, offenders: int) -> None:
    """A server that writes nothing is durable as "none"."""
    assert len(configured().durability(declaration).offenders) == offenders


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (configured(), ""),
        (configured(save="60 1"), "snapshots"),
        (configured(appendonly="yes"), "rewriting the append-only file"),
    ],
)
def test_redis_forks_for_a_reason(server: Persistence, reason: str) -> None:
    """Snapshots, rewrites and replicas each need a child process."""
    assert server.forks == reason
