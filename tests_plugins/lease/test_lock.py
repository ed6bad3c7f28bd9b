"""The lock on the host: one run at a time, whoever starts it, and nobody can slip something under it."""

from __future__ import annotations

import os
import pwd
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.lock import CannotLock, Entry, Held, NoLease, Owed, debts, entries, project_name, refuse, told
from plugins.target.ledger import Ledger, text
from plugins.target.local import LocalShell
from plugins.undo import Undo
from tests_plugins.leases import ENGINE, HERE, LEASE_S, Plan, lease_of, processes, runner
from tests_plugins.sshds import server, shell
from tests_plugins.staging import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.lease import Lease
    from plugins.target.ssh import SshShell


@contextmanager
def other_user(base: str) -> Iterator[tuple[Ledger, SshShell]]:
    """The same ledger as another user sees it, over SSH."""
    with server() as running, shell(running) as there:
        there.open()
        yield Ledger(there, ENGINE, "project", base=base), there


# --- one run at a time ----------------------------------------------------------------------------------------------


def test_a_second_run_is_held_and_told_by_whom(ledger: Ledger) -> None:
    """It touches nothing; when the first is over, it may begin."""
    first = lease_of(ledger)
    before = sorted(Path(ledger.folder).iterdir())
    with pytest.raises(Held, match=rf"run-1 \(tester@here, as {getuser()} since 20.*Z\) holds the lock"):
        lease_of(ledger, "run-2")
    assert sorted(Path(ledger.folder).iterdir()) == before
    assert first.disarm() == ""
    assert lease_of(ledger, "run-2").disarm() == ""


def test_of_many_that_begin_at_once_one_gets_the_lock(ledger: Ledger) -> None:
    """The others are held, and leave nothing behind."""

    def begin(number: int) -> Lease | None:
        with suppress(Held):
            return lease_of(ledger, f"run-{number}")
        return None

    with ThreadPoolExecutor(6) as pool:
        (got,) = filter(None, pool.map(begin, range(6)))
    assert [one for one in Path(ledger.folder).iterdir() if one.is_dir()] == [Path(got.page.folder)]
    assert got.disarm() == ""


def test_a_run_may_begin_while_another_ends(ledger: Ledger) -> None:
    """The folder that the last one takes away is made again by the next."""

    def run_after_run(number: int) -> int:
        begun = 0
        for turn in range(6):
            with suppress(Held):
                page = ledger.begin(LocalShell(os.environ), f"run-{number}-{turn}", "tester", LEASE_S)
                begun += page.disarm() == "disarmed"
        return begun

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(run_after_run, range(3))) >= 6


def test_another_project_is_another_lock(base: str, ledger: Ledger) -> None:
    """Also where engine and project would read the same put together."""
    first = lease_of(ledger)
    second = lease_of(Ledger(HERE, ENGINE + "p", "roject", base=base))
    assert (first.disarm(), second.disarm()) == ("", "")


def test_nothing_is_left_of_a_quiet_run(ledger: Ledger) -> None:
    """No watcher, and of the folders only the one that all projects share."""
    lease_of(ledger).disarm()
    assert list(Path(ledger.folder).parent.iterdir()) == []
    assert processes(ledger.folder) == []


def test_a_look_disturbs_nobody(base: str, ledger: Ledger) -> None:
    """Verify asks who holds the lock; nobody and nothing is there, and so it stays."""
    assert (ledger.holder(), ledger.reports(), ledger.owed(), Path(base).exists()) == ("", (), (), False)


def test_who_looks_at_the_same_time_is_not_taken_for_a_holder(ledger: Ledger) -> None:
    """What a dead run left is dead, however many look at it: a verify and a chaos run that begin together."""
    lease_of(ledger, "run-0").disarm()
    (Path(ledger.folder) / "run-1").mkdir(parents=True)

    def holders(_: int) -> list[str]:
        return [ledger.holder() for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        assert {one for found in pool.map(holders, range(4)) for one in found} == {""}


def test_a_run_that_was_killed_half_way_leaves_a_lock_that_can_be_had(ledger: Ledger) -> None:
    """Its folder was made and its watcher never armed: the next run begins at once."""
    first = lease_of(ledger, "run-0")
    (Path(ledger.folder) / "run-1").mkdir()
    first.disarm()
    assert lease_of(ledger, "run-2").disarm() == ""


def test_a_runner_that_dies_before_its_first_fault_gives_the_lock_back(base: str) -> None:
    """Its watcher ends with the lease; nothing was owed, which the next run tells."""
    plan = Plan(base, "project", "armed", (), (), ())
    with runner(plan) as killed:
        killed.kill()
        assert "tester" in plan.ledger().holder()
        eventually(plan.ledger().holder, lambda holder: holder == "", what="the lock is free", within_s=8)
    (report,) = plan.ledger().reports()
    assert "run-1" in str(report)
    assert str(report).endswith(
        "left without giving the lock back: no sign of life from the runner for 3 s: nothing was owed"
    )
    plan.ledger().acknowledge([report])
    assert not Path(plan.ledger().folder).exists()
    assert lease_of(plan.ledger(), "run-2").disarm() == ""


def test_after_a_reboot_what_was_owed_still_is(ledger: Ledger) -> None:
    """No watcher lives, its file says that it was armed: the undo is owed, and --recover runs it."""
    lease = lease_of(ledger)
    mended = Path(ledger.folder).parent / "mended"
    lease.write_undo(Undo("a fault", (("touch", str(mended)),), ("test", "-e", str(mended))))
    for process in processes(ledger.folder, "watch.sh"):
        os.kill(process, 9)
    eventually(ledger.holder, lambda holder: holder == "", what="the watcher is gone", within_s=3)
    with pytest.raises(Owed, match=r"run-1 .* left without undoing: a fault.* --recover$"):
        lease_of(ledger, "run-2")
    assert (ledger.recover()[0], mended.exists()) == ("run run-1: a fault: undone", True)
    assert "ended" in lease.disarm()
    assert lease_of(ledger, "run-2").disarm() == ""


# --- several users --------------------------------------------------------------------------------------------------


def test_another_users_lock_is_seen(base: str, ledger: Ledger) -> None:
    """Both ways: who holds it is told, and neither can break it."""
    with other_user(base) as (theirs, there):
        mine = lease_of(ledger)
        with pytest.raises(Held, match="run-1"):
            lease_of(theirs, "run-2", second=there)
        assert there.run(["rm", "-rf", ledger.folder]).exit_code != 0
        assert (mine.fired, mine.disarm()) == ("", "")
        there.close()


def test_what_another_user_owes_is_not_run(base: str, ledger: Ledger) -> None:
    """It may be a trap. It is named, with the user who can recover it, and only he does."""
    with other_user(base) as (theirs, there):
        make_debt(theirs, there, ("touch", f"{base}/trap"))
        with pytest.raises(Owed, match="as the host's user stagingdeploy-"):
            lease_of(ledger, "run-2")
        assert (ledger.recover(), Path(base, "trap").exists()) == ((), False)
        assert theirs.recover()[0] == "run run-1: theirs: undone"
        assert (Path(base, "trap").exists(), ledger.owed()) == (True, ())


def make_debt(ledger: Ledger, shell: SshShell, undo: tuple[str, ...]) -> None:
    """As after a reboot."""
    folder = f"{ledger.folder}/run-1"
    made = "mkdir -m 1777 $1 $1/$2; mkdir $3; echo theirs >$3/about; cat >$3/undo.sh"
    name = Path(ledger.folder).name
    text = f"case $1 in undo) {' '.join(undo)} ;; esac"
    done = shell.run(["sh", "-c", made, "sh", str(Path(ledger.folder).parent), name, folder], stdin=text.encode())
    assert done.exit_code == 0, done.errors


def test_what_another_users_lease_did_is_told_once(base: str, ledger: Ledger) -> None:
    """Who is told cannot take it away, but marks it."""
    with other_user(base) as (theirs, there):
        make_debt(theirs, there, ("true",))
        there.run(["sh", "-c", "cd $1; mv undo.sh undone.sh; echo it did >healed", "sh", f"{theirs.folder}/run-1"])
        (report,) = ledger.reports()
        assert str(report).endswith("left without undoing: theirs; its lease did: it did")
        ledger.acknowledge([report])
        assert (ledger.reports(), theirs.reports()) == ((), ())


# --- what could be planted ------------------------------------------------------------------------------------------


def test_a_link_in_the_base_s_place_is_refused(base: str, ledger: Ledger) -> None:
    """It leads where its maker wants; nothing is written there, and a look says so too."""
    elsewhere = Path(base).parent / "elsewhere"
    elsewhere.mkdir()
    Path(base).symlink_to(elsewhere)
    for attempt in (lambda: lease_of(ledger), ledger.look):
        with pytest.raises(CannotLock, match="suite is a symbolic link"):
            attempt()
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_another_user_that_is_not_sticky_is_refused(base: str, ledger: Ledger) -> None:
    """In it anybody could put his files in the place of ours. In a sticky one its owner could."""
    if os.geteuid() != 0:
        skip_or_fail("only root can give a folder to another user")
    Path(base).mkdir()
    Path(base).chmod(0o777)
    os.chown(base, 65534, 65534)
    with pytest.raises(CannotLock, match=r"suite \(drwxrwxrwx, made by user 65534\) is not shared by all users"):
        lease_of(ledger)
    Path(base).chmod(0o1777)
    with pytest.raises(CannotLock, match=r"suite was made by user 65534, who is in no group of ours: .* let root own"):
        lease_of(ledger)
    os.chown(base, 0, 0)
    assert lease_of(ledger).disarm() == ""


def test_a_folder_of_a_user_with_whom_we_share_a_group_is_trusted(base: str) -> None:
    """As with everybody in docker's group, who could do what he likes on the host anyway."""
    if os.geteuid() != 0:
        skip_or_fail("only root can be somebody else")
    maker, we = pwd.getpwnam("games"), pwd.getpwnam("nobody")
    Path(base).mkdir()
    os.chown(base, maker.pw_uid, maker.pw_gid)

    def complaint(group: int) -> str:
        who = ("--reuid", str(we.pw_uid), "--regid", str(we.pw_gid), "--groups", str(group))
        argv = ("setpriv", *who, "sh", "-c", f"{text('common')}\nforeign {base}")
        return HERE.run(argv).text

    assert complaint(maker.pw_gid) == ""
    assert complaint(we.pw_gid).startswith(f"{base} was made by user {maker.pw_uid}, who is in no group of ours")


def test_a_folder_of_ours_that_was_left_half_made_is_put_right(base: str, ledger: Ledger) -> None:
    """Who was killed between making it and opening it to all did no harm."""
    Path(base).mkdir(mode=0o700)
    assert (lease_of(ledger).disarm(), oct(Path(base).stat().st_mode)) == ("", "0o41777")


def test_a_file_in_the_base_s_place_is_refused(base: str, ledger: Ledger) -> None:
    """It is told what is in the way."""
    Path(base).touch()
    with pytest.raises(CannotLock, match=r"suite is no folder \(-rw.*\): remove it"):
        lease_of(ledger)


def test_a_folder_that_cannot_be_made_is_told(ledger: Ledger, base: str) -> None:
    """In the host's own words."""
    shutil.rmtree(Path(base).parent)
    with pytest.raises(CannotLock, match="cannot create directory"):
        lease_of(ledger)


def test_a_host_without_a_tool_is_told_which(base: str, tmp_path: Path) -> None:
    """No watcher, no fault; the name of what is missing says what to install."""
    for tool in ("sh", "ls", "id", "flock", "timeout", "sync", "mkdir", "chmod"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")

    class Poor(LocalShell):
        def __init__(self) -> None:
            super().__init__({})
            self._environ = {"PATH": str(tmp_path)}

    with pytest.raises(NoLease, match="has no setsid"):
        lease_of(Ledger(HERE, ENGINE, "project", base=base), second=Poor())


# --- words ----------------------------------------------------------------------------------------------------------


def test_what_others_have_left_is_hostile() -> None:
    """Names that are none of ours are passed over, and control characters are taken out of words."""
    found = entries("run -rf\nowed\nrun a b\nrun ok\nmine\nowed\nabout x\x1b[2J\ty\n")
    assert found == (Entry("ok", mine=True, owed=True, about="x [2J y"),)


def test_a_lease_that_is_undoing_is_told_from_a_run() -> None:
    """Whoever is held then knows that it will not take long."""
    undoing = Entry("r", owner="o", holder="h", alive=True, owed=True, fired=True)
    with pytest.raises(Held, match="whose lease has run out and is undoing, holds the lock"):
        refuse([undoing])
    assert told([replace(undoing, undone=True)]) == ()


def test_a_watcher_that_has_not_succeeded_so_far_owes_and_a_run_that_lives_does_not() -> None:
    """Whoever ends a run while its watcher still tries leaves a dirty host."""
    trying = Entry("r", alive=True, owed=True, fired=True)
    assert debts([trying, replace(trying, fired=False), replace(trying, owed=False)]) == (trying,)


def test_projects_are_told_apart() -> None:
    """By engine and by name; the folder's name gives neither away, and needs no quoting."""
    names = {project_name(*words) for words in (("a", "b"), ("a", "c"), ("ab", ""), ("a", "\udcff/../x"))}
    assert (len(names), all(name.isalnum() for name in names)) == (4, True)
