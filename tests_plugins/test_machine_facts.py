"""What the machine says through testinfra, and what is made of it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facts.machine import Disk, Machine, Room, ask, host_paths, read
from plugins.target.local import LocalShell
from plugins.target.machine import machine as on_shell
from plugins.target.model import Container, Engine
from plugins.verdict import Blocked, NotApplicable, Unjudged
from tests_plugins.hostile import hostile

if TYPE_CHECKING:
    from pathlib import Path

SAID = """\
clock 1767323045.250000000
system Linux
file /proc/sys/vm/overcommit_memory 0
file /sys/kernel/mm/transparent_hugepage/enabled always [madvise] never
boot enabled
disk /srv/redis data
/dev/sdb1 1000 400 600 40% /srv/redis data
disk /var/lib/docker
overlay 2000 1900 100 95% /
disk /nowhere
"""


def said(text: str = SAID, *, asked: float = 1767323045.0, took_s: float = 0.5) -> Machine:
    mounts = {"/data": "/srv/redis data", "/data/deep": "/nowhere"}
    return read(text, mounts=mounts, storage="/var/lib/docker", asked=asked, took_s=took_s)


def test_what_the_kernel_says() -> None:
    """Overcommit off is advice to mend; huge pages by request are fine."""
    assert (said().overcommit.well, said().huge_pages.well) == (False, True)


def test_huge_pages_always_on_are_told() -> None:
    """The word in brackets is the chosen one."""
    machine = said(SAID.replace("always [madvise]", "[always] madvise"))
    assert (machine.huge_pages.well, machine.huge_pages.detail) == (False, "transparent huge pages are 'always'")


@pytest.mark.parametrize(
    ("path", "mount"),
    [("/data", "/srv/redis data"), ("/data/sub", "/srv/redis data"), ("/database", "/"), ("/", "/")],
)
def test_a_folder_lies_on_the_disk_of_its_mount(path: str, mount: str) -> None:
    """The nearest mount counts, by whole names; what is in none lies where the engine keeps it."""
    assert said().disk_of(path).mount == mount


def test_a_disk_that_df_does_not_know_is_unjudged() -> None:
    """No figure is no verdict."""
    with pytest.raises(Unjudged):
        said().disk_of("/data/deep")


def test_a_full_disk_is_counted_as_df_does() -> None:
    """Used of what unprivileged users may use."""
    assert said().disk_of("/").used_ratio == pytest.approx(0.95)


def test_room_for_a_save() -> None:
    """Red where not even a tenth of the dataset fits, as no snapshot would; warned where not all of it does."""
    disk = Disk("/", 1000, 100)
    assert (Room(disk, 1000).enough, Room(disk, 1001).enough) == (True, False)
    assert (Room(disk, 100).ample, Room(disk, 101).ample) == (True, False)
    with pytest.raises(Blocked, match="disk_has_room_for_a_save"):
        _ = Room(disk, 1001).ample


@pytest.mark.parametrize(("clock", "skew"), [("1767323045.25", 0.0), ("1767323046.25", 0.75), ("1767323035.25", 9.75)])
def test_the_clocks_distance_is_what_the_round_trip_leaves_certain(clock: str, skew: float) -> None:
    """Half a round trip either way is doubt, and is given to the host."""
    assert said(f"clock {clock}\n").clock_skew_s == pytest.approx(skew)


def test_a_clock_without_fractions_is_doubted_more() -> None:
    """BusyBox's date knows no nanoseconds: half a second more, either way."""
    assert said("clock 1767323045.N\n").doubt_s == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["overcommit", "huge_pages", "starts_at_boot"])
def test_what_a_system_lacks_is_skipped(name: str) -> None:
    """A machine that is no Linux has no such settings."""
    with pytest.raises(NotApplicable):
        getattr(said("system Darwin\n"), name)


def test_what_starts_a_rootless_engine_is_not_docker_service() -> None:
    """The system's own unit may be off or missing: the engine is its user's."""
    off = said(SAID.replace("boot enabled", "boot disabled"))
    assert not off.starts_at_boot.well
    with pytest.raises(NotApplicable, match="systemctl --user"):
        _ = replace(off, rootless=True).starts_at_boot


def test_no_clock_is_unjudged() -> None:
    """No time, no verdict on it."""
    with pytest.raises(Unjudged):
        _ = said("").clock_skew_s


def test_a_mount_in_memory_is_no_path_on_the_host() -> None:
    """Tmpfs and the like are left out; volumes and binds lie somewhere."""
    mounts = {"/data": "volume:/var/lib/docker/volumes/x/_data", "/run": "tmpfs:", "/etc/c": "bind:/srv/c"}
    container = Container(id="c", name="n", service="s", mounts=mounts)
    assert host_paths(container) == {"/data": "/var/lib/docker/volumes/x/_data", "/run": "", "/etc/c": "/srv/c"}


def test_a_folder_in_memory_is_on_no_disk() -> None:
    """A tmpfs is not judged by the disk beneath the engine."""
    machine = replace(said(), mounts={"/data": ""})
    with pytest.raises(NotApplicable):
        machine.disk_of("/data")


def test_the_disks_of_a_virtual_machine_are_not_the_hosts() -> None:
    """Docker Desktop: df on the host says nothing of where Redis writes."""
    with pytest.raises(NotApplicable):
        replace(said(), local=False).disk_of("/data")


@hostile
@given(st.text())
def test_any_output_is_read(text: str) -> None:
    """A login shell's banner, half an answer, or nothing: no crash."""
    assert isinstance(said(text), Machine)


def test_this_machine_answers_through_testinfra(tmp_path: Path) -> None:
    """The real thing: hostile path and all, in one command."""
    folder = tmp_path / "-o 'quoted' $(touch pwned)\n"
    folder.mkdir()
    container = Container(id="c", name="n", service="s", mounts={"/data": f"bind:{folder}"})
    engine = Engine(id="e", version="1", name="n", kind="docker", storage_dir="/", clock=None, rootless=True)
    begun = time.time()
    machine = ask(on_shell(LocalShell(os.environ)), container, engine)
    assert machine.disk_of("/").size > 0
    assert machine.rootless
    assert machine.offset_s == pytest.approx(0, abs=1 + time.time() - begun)
    assert not list(tmp_path.rglob("pwned"))


def test_a_folder_that_nobody_may_enter_is_measured_by_its_parent(tmp_path: Path) -> None:
    """Df climbs until it may look: the engine's folders are closed to most users."""
    container = Container(id="c", name="n", service="s", mounts={"/data": f"bind:{tmp_path}/closed/deeper"})
    engine = Engine(id="e", version="1", name="n", kind="docker", storage_dir="/", clock=None)
    machine = ask(on_shell(LocalShell(os.environ)), container, engine)
    assert machine.disk_of("/data").size > 0
