"""The lease: who keeps it, what fires it, and what may happen meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.lease import STILL_S
from plugins.lock import Held, LeaseFired, Owed
from plugins.target.ledger import NOT_BEGUN, Came, Cleared, Ledger
from plugins.target.local import LocalShell
from plugins.target.model import TimedOut
from plugins.undo import Restore, Undo
from tests_plugins.leases import (
    ENGINE,
    HERE,
    LEASE_S,
    Marks,
    Plan,
    end_watcher,
    gone,
    lease_of,
    processes,
    runner,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.lease import Lease
    from plugins.target.ledger import Page

RACES = 40


@pytest.fixture
def lease(ledger: Ledger) -> Iterator[Lease]:
    """A lease on this machine, given back."""
    made = lease_of(ledger)
    yield made
    made.disarm()


# --- who lives, and who does not ------------------------------------------------------------------------------------


def test_a_runner_that_lives_keeps_its_lease(lease: Lease, marks: Marks) -> None:
    """Longer than the lease, and also while it waits for an intervention."""
    lease.write_undo(marks.undo)
    assert HERE.run(lease.wrap(["sleep", str(LEASE_S + 2)])).exit_code == 0
    lease.clear_undo()
    assert (lease.fired, lease.disarm(), marks.seen) == ("", "", [])


def test_a_runner_that_was_held_up_learns_that_the_lease_has_fired(base: str, marks: Marks) -> None:
    """As after a laptop's sleep: it goes on, and knows."""
    with runner(Plan(base, "project", "written", marks.undo.commands, marks.undo.proof, ())) as stopped:
        stopped.signal(signal.SIGSTOP)
        eventually(lambda: gone(base), what="the lease has fired", within_s=30)
        stopped.signal(signal.SIGCONT)
        said = stopped.ask()
    assert "the lease ran out" in said or "the host undoes what is owed, or has" in said
    assert marks.seen == ["undone"]


def test_a_watcher_that_stands_still_is_no_lease(base: str, lease: Lease) -> None:
    """One that was stopped is alive, and would undo nothing; it is woken to go when the lease is given back."""
    end_watcher(base, signal.SIGSTOP)
    eventually(lambda: "has not ticked for" in lease.fired, what="the runner notices", within_s=STILL_S + 10)
    lease.disarm()
    assert gone(base)


def test_a_recovery_wakes_a_watcher_that_was_stopped(base: str, marks: Marks) -> None:
    """Its runner is dead: nobody else would, and it would hold the lock for ever. Then it undoes by itself."""
    with runner(Plan(base, "project", "written", marks.undo.commands, marks.undo.proof, ())) as dead:
        end_watcher(base, signal.SIGSTOP)
        dead.signal(signal.SIGKILL)
        ledger = dead.plan.ledger()
        with pytest.raises(Held):
            ledger.recover()
        eventually(lambda: gone(base), what="the watcher has undone", within_s=30)
    assert marks.seen == ["undone"]


def test_a_runner_that_asks_knows_at_once(base: str, lease: Lease) -> None:
    """Without waiting for its next beat."""
    assert lease.ask() == ""
    end_watcher(base, signal.SIGKILL)
    eventually(lambda: gone(base), what="the watcher is gone", within_s=10)
    assert "the watcher on the host has ended" in lease.ask()


def test_once_fired_nothing_more_is_begun(base: str, page: Page, marks: Marks) -> None:
    """No fault, no undo: whatever the network delivers late finds the host healed and leaves it so."""
    page.write(marks.undo)
    end_watcher(base)
    eventually(lambda: gone(base), what="the lease has fired", within_s=10)
    late = HERE.run(page.wrap(marks.fault('echo broken >>"$1"')))
    assert (late.exit_code, late.errors) == (
        NOT_BEGUN,
        "not begun: the lease has run out, and the host has undone what was owed\n",
    )
    assert (page.came().state, marks.seen) == ("never", ["undone"])
    with pytest.raises(LeaseFired, match="the lease ran out"):
        page.write(marks.undo)
    assert page.clear() is Cleared.FIRED


def test_a_watcher_that_is_told_to_end_undoes_first(base: str, ledger: Ledger, page: Page, marks: Marks) -> None:
    """As where the host goes down; the next run is told why."""
    page.write(marks.undo)
    end_watcher(base)
    eventually(lambda: gone(base), what="the watcher is gone", within_s=10)
    (told,) = ledger.reports()
    assert "its lease did: the host ended the watcher: undone and proven" in str(told)
    ledger.acknowledge([told])
    assert (ledger.look(), marks.seen) == ((), ["undone"])


def test_without_a_watcher_no_fault_is_begun(base: str, page: Page, marks: Marks) -> None:
    """Somebody killed it: what was written is owed, and nothing else happens."""
    page.write(marks.undo)
    end_watcher(base, signal.SIGKILL)
    eventually(lambda: gone(base), what="the watcher is gone", within_s=10)
    refused = HERE.run(page.wrap(marks.fault('echo broken >>"$1"')))
    assert (refused.exit_code, "no watcher lives" in refused.errors, marks.seen) == (NOT_BEGUN, True, [])
    assert page.clear() is Cleared.CLEARED


def test_a_lease_that_is_given_back_with_something_owed_is_used(lease: Lease, marks: Marks) -> None:
    """The runner could not undo, and the host does it for him."""
    lease.write_undo(marks.undo)
    assert "it has undone" in lease.disarm()
    assert marks.seen == ["undone"]


def test_an_undo_that_does_not_hold_is_not_taken_away(lease: Lease, marks: Marks) -> None:
    """It was carried out while the intervention was still at work, which then had the last word."""
    lease.write_undo(marks.undo)
    late = marks.fault(': >"$1.begun"; sleep 1; : >"$1"')
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(HERE.run, lease.wrap(late))
        eventually(marks.file.with_name("marks.begun").exists, what="the intervention is at work", within_s=5)
        assert HERE.run(marks.undo.commands[0]).exit_code == 0
        assert lease.clear_undo(proven="") is Cleared.UNPROVEN
        assert acting.result().exit_code == 0
    assert HERE.run(marks.undo.commands[0]).exit_code == 0
    assert lease.clear_undo(proven="") is Cleared.CLEARED
    assert (lease.disarm(), marks.seen) == ("", ["undone"])


def test_keys_that_went_into_another_container_do_not_clear_the_undo(lease: Lease, marks: Marks) -> None:
    """The proof names another than when they were put back: it stays, to be redone."""
    lease.write_undo(replace(marks.undo, proof=("cat", str(marks.file))))
    marks.file.write_text("one container\n", encoding="utf-8")
    assert lease.clear_undo(proven="another") is Cleared.UNPROVEN
    assert lease.clear_undo(proven="one container") is Cleared.CLEARED


def test_the_host_puts_keys_back_again_where_the_container_was_replaced(page: Page, marks: Marks) -> None:
    """Somebody deploys just after they were put back: the new container gets them, too, before all is well."""
    (keys := Path(page.keys) / "saved").touch()
    (there := marks.file.with_name("there")).write_text("old", encoding="utf-8")
    pipe = 'cat; cat "$2" >>"$1"; echo " " >>"$1"; echo new >"$2"; echo "errors: 0, replies: 1"'
    page.write(Undo("flush", (), ("cat", str(there)), Restore((*marks.fault(pipe), str(there)), str(keys))))
    assert (page.disarm(), marks.seen) == ("fired", ["old", "new"])


def test_a_folder_that_somebody_removed_is_told(base: str, lease: Lease, marks: Marks) -> None:
    """Nothing is there to be cleared, and nobody would have undone."""
    lease.write_undo(marks.undo)
    shutil.rmtree(lease.page.folder)
    assert lease.clear_undo(proven="") is Cleared.GONE
    assert "somebody recovered what it owed, or removed it" in lease.disarm()
    eventually(lambda: gone(base), what="the watcher is gone", within_s=10)


def test_either_the_runner_has_undone_or_the_lease_never_both_never_neither(base: str) -> None:
    """Many times, with the firing at any moment around the clearing."""

    def race(number: int) -> tuple[bool, int]:
        folder = Path(base).parent / str(number)
        folder.mkdir()
        marks = Marks(folder)
        page = Ledger(HERE, ENGINE, str(number), base=base).begin(LocalShell(os.environ), "run-1", "racer", LEASE_S)
        page.write(marks.undo)
        (watcher,) = processes(page.folder, "watch.sh")
        firing = Timer(number * 0.002, os.kill, [watcher, signal.SIGTERM])
        firing.start()
        Event().wait((RACES - number) * 0.002)
        cleared = page.clear() is Cleared.CLEARED
        firing.join()
        page.disarm()
        return cleared, len(marks.seen)

    Path(base).mkdir()
    with ThreadPoolExecutor(4) as pool:
        found = Counter(pool.map(race, range(RACES)))
    assert set(found) == {(True, 0), (False, 1)}, found


# --- interventions --------------------------------------------------------------------------------------------------


def test_an_intervention_says_what_its_command_says(page: Page, marks: Marks) -> None:
    """Both outputs and the exit code, and they can be asked for again."""
    page.write(marks.undo)
    done = HERE.run(page.wrap(["sh", "-c", 'printf "%s" "$1"; echo err >&2; exit 3', "sh", "it's $1"]))
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"it's $1", b"err\n")
    assert page.came() == Came("ended", 3, "err")
    page.clear()


def test_an_intervention_goes_on_when_nobody_waits_for_it(page: Page, marks: Marks) -> None:
    """Whoever lost sight of it can learn what came of it."""
    page.write(marks.undo)
    with pytest.raises(TimedOut):
        HERE.run(page.wrap(["sh", "-c", "sleep 1; exit 4"]), timeout_s=0.5)
    assert page.came().state == "running"
    assert eventually(page.came, lambda came: came.exit_code is not None, what="its end", within_s=10).exit_code == 4
    page.clear()


def test_the_watcher_waits_for_an_intervention(base: str, page: Page, marks: Marks) -> None:
    """An undo before its end would be undone by it."""
    page.write(marks.undo)
    with pytest.raises(TimedOut):
        HERE.run(page.wrap(marks.fault('sleep 2; echo broken >>"$1"')), timeout_s=0.5)
    end_watcher(base)
    eventually(lambda: gone(base), what="the lease has fired", within_s=10)
    assert marks.seen == ["broken", "undone"]


def test_without_an_undo_there_is_no_intervention(page: Page) -> None:
    """A fault whose undo was forgotten does not happen."""
    assert HERE.run(page.wrap(["true"])).errors == "not begun: no undo was written\n"


def test_what_goes_wrong_again_is_undone_again(base: str, page: Page, marks: Marks) -> None:
    """A stop that is still at work takes its turn after the start; the proof must hold for a while."""
    again = 'read -r looks <"$1.looks"; echo $((looks + 1)) >"$1.looks"; [ "$looks" != 1 ]'
    Path(f"{marks.file}.looks").write_text("0\n", encoding="utf-8")
    page.write(replace(marks.undo, proof=marks.fault(again)))
    end_watcher(base)
    eventually(lambda: gone(base), what="the lease has fired", within_s=15)
    assert marks.seen == ["undone", "undone"]


def test_after_a_command_that_was_killed_the_proof_must_hold_for_longer(base: str, page: Page, marks: Marks) -> None:
    """It may have left the engine at work, which stops Redis seconds after it was asked to."""
    page.write(replace(marks.undo, proof=marks.fault('[ ! -e "$1.broken" ] || grep -q undone "$1"')))
    engine = 'setsid sh -c "sleep 4; touch $1.broken; : >$1" >/dev/null 2>&1 7<&- & kill -9 $PPID $$'
    HERE.run(page.wrap(marks.fault(engine)))
    # Its shell is dead first; what it started may hold the lock for an instant longer, which is running still.
    eventually(page.came, lambda came: came.state == "killed", what="nobody is at work", within_s=10)
    end_watcher(base)
    broken = Path(f"{marks.file}.broken")
    eventually(lambda: broken.exists() and marks.seen == ["undone"], what="it is undone again", within_s=15)
    end_watcher(base, signal.SIGKILL)


def test_what_cannot_be_undone_stays_owed(ledger: Ledger, base: str, marks: Marks) -> None:
    """With what was tried; the next run does not begin, and --recover succeeds once it can."""
    impatient = LocalShell({**os.environ, "RUNBOOK_SUITE_ROUNDS": "2"})
    never = lease_of(ledger, second=impatient)
    never.write_undo(replace(marks.undo, proof=("test", "-e", f"{base}/mended")))
    assert "has not succeeded" in never.disarm()
    with pytest.raises(Owed, match=r"left without undoing: a fault; .*: tried 2 times, without success"):
        lease_of(ledger, "run-2")
    failing = Ledger(impatient, ENGINE, "project", base=base)
    assert failing.recover()[0] == "run run-1: a fault: still owed"
    Path(base, "mended").touch()
    assert (failing.recover()[0], ledger.look()) == ("run run-1: a fault: undone", ())
