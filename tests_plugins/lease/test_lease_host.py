"""The lease's host: where none can be had, what is written there, and for whom."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.lease import Lease
from plugins.lock import NoLease, Owed
from plugins.target.keyfile import replaying
from plugins.target.ledger import Ledger, say
from plugins.target.local import LocalShell
from plugins.undo import LOGIN, Restore, Undo, script
from tests_plugins.keyspaces import here
from tests_plugins.leases import ENGINE, HERE, Marks, end_watcher, gone, lease_of, processes, reaping
from tests_plugins.redises import PASSWORD, need_redis_cli, redis
from tests_plugins.servers import packed
from tests_plugins.sshds import server, shell
from tests_plugins.staging import skip_or_fail
from twin.ports import free_ports

if TYPE_CHECKING:
    from plugins.target.ledger import Page


# --- no lease -------------------------------------------------------------------------------------------------------


def test_where_the_host_ends_what_a_session_leaves_there_is_no_lease(base: str) -> None:
    """Nothing would undo a fault: there is none, and the reason is told with what would help."""
    with server(reaping(Path(base).parent)) as running, shell(running) as first, shell(running) as second:
        first.open()
        lease = lease_of(Ledger(first, ENGINE, "project", base=base), second=second)
        with pytest.raises(NoLease, match=r"did not outlive the session .*KillUserProcesses"):
            lease.write_undo(Undo("a fault"))
        lease.disarm()
        assert gone(base)


def test_where_no_second_connection_can_be_made_there_is_no_lease(base: str) -> None:
    """It would not be known whether the watcher outlives the first."""
    with server() as running, shell(running) as first, shell(running, free_ports(1)[0]) as second:
        with pytest.raises(NoLease, match="no watcher can be started through a second connection"):
            lease_of(Ledger(first, ENGINE, "project", base=base), second=second)
        assert gone(base)


def test_a_lease_that_is_too_short_is_refused(ledger: Ledger) -> None:
    """A busy host would fire it falsely."""
    with pytest.raises(ValueError, match=r"a lease of 2 s is too short .* 3 s or more"):
        Lease.take(ledger, lambda: HERE, run_id="run-1", holder="x", lease_s=2)


# --- what is written ------------------------------------------------------------------------------------------------


def test_the_password_is_only_in_the_watcher_s_environment(base: str, marks: Marks) -> None:
    """In no command line, in no file, not in what is told."""
    login = b"*2\r\n$4\r\nAUTH\r\n$12\r\na'pass\n$word\n\r\n"
    ledger = Ledger(HERE, ENGINE, "project", base=base, login=login)
    page = ledger.begin(LocalShell(os.environ), "run-1", "tester@here", 60)
    page.write(marks.undo)
    (watcher,) = processes(base, "watch.sh")
    environ = Path(f"/proc/{watcher}/environ").read_bytes().split(b"\0")
    assert [one for one in environ if one.startswith(LOGIN.encode())] == [f"{LOGIN}=".encode() + login]
    lines = [Path(f"/proc/{one}/cmdline").read_bytes() for one in processes(base)]
    files = [one.read_bytes() for one in Path(base).rglob("*") if one.is_file()]
    assert not [one for one in (*lines, *files) if b"a'pass" in one]
    page.clear()
    page.disarm()


def test_only_the_holders_words_are_for_all(page: Page, marks: Marks) -> None:
    """What would be run, and the keys that were saved, are the user's own."""
    page.write(marks.undo)
    modes = {one.name: oct(one.stat().st_mode & 0o777) for one in Path(page.folder).iterdir()}
    page.clear()
    readable = {name for name, mode in modes.items() if mode == "0o644"}
    assert (readable, modes["undo.sh"], modes["keys"]) == ({"holder", "about"}, "0o600", "0o700")


def test_keys_go_with_the_undo_that_needs_them(page: Page, marks: Marks) -> None:
    """They are somebody's data."""
    page.write(marks.undo)
    (Path(page.keys) / "saved.resp").touch()
    page.clear()
    assert list(Path(page.keys).iterdir()) == []


def test_the_lease_puts_keys_back(base: str) -> None:
    """With the password that it was given at the start; then it keeps neither keys nor password."""
    need_redis_cli()
    with redis(None, "--requirepass", PASSWORD) as server:
        server.server.wire.ask([("AUTH", PASSWORD), ("SET", "a key", "its value")])
        dump = server.server.ask("DUMP", "a key")
        assert isinstance(dump, bytes)
        ledger = Ledger(HERE, ENGINE, "project", base=base, login=packed(("AUTH", PASSWORD)))
        page = ledger.begin(LocalShell(os.environ), "run-1", "tester@here", 60)
        file = Path(page.keys) / "saved.resp"
        file.write_bytes(packed(("SELECT", 0)) + packed(("RESTORE", "a key", 0, dump)))
        page.write(Undo("flush", restore=Restore(("redis-cli", "-p", str(server.port), "--pipe"), str(file))))
        server.server.ask("FLUSHALL")
        assert page.disarm() == "fired"
        assert (server.server.ask("GET", "a key"), file.exists(), len(ledger.reports())) == (b"its value", False, 1)


def test_a_refused_login_is_known_in_seconds() -> None:
    """Putting keys back then fails at once, instead of using up a lease's time half a minute at a time."""
    with here("--requirepass", PASSWORD, word=PASSWORD) as place:
        command = replaying(place.target, place.redis)
        assert place.target.shell.run(command, stdin=packed(("DBSIZE",)), timeout_s=10).exit_code == 1


def test_the_runs_folder_has_a_copy(page: Page, marks: Marks, tmp_path: Path) -> None:
    """The same text, also where the host is lost."""
    page.write(marks.undo, tmp_path / "undo.sh")
    copy = (tmp_path / "undo.sh").read_bytes()
    assert copy == (Path(page.folder) / "undo.sh").read_bytes() == script(marks.undo).encode()
    page.clear()


def test_an_undo_that_was_cut_short_is_not_put_in_place(page: Page) -> None:
    """As where the connection ends halfway: half a script is worse than none."""
    assert say(HERE, "write", page.folder, "100", "a fault", stdin=b"half").strip() == "cut short"
    assert not (Path(page.folder) / "undo.sh").exists()


def test_one_undo_at_a_time(page: Page, marks: Marks) -> None:
    """The last one must be cleared first, or it would be forgotten."""
    page.write(marks.undo)
    with pytest.raises(Owed, match="was not cleared; 'a fault' was not begun"):
        page.write(marks.undo)
    page.clear()


# --- any host's shell -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dash", "busybox", "bash"])
def test_any_posix_shell_will_do(base: str, marks: Marks, tmp_path: Path, name: str) -> None:
    """Debian's, Alpine's with its own tools, Red Hat's: armed, acted, fired, undone."""
    there = LocalShell({"PATH": str(tools(tmp_path, name))})
    ledger = Ledger(there, ENGINE, "project", base=base)
    lease = lease_of(ledger, second=there)
    lease.write_undo(marks.undo)
    assert there.run(lease.wrap(marks.fault('echo broken >>"$1"; exit 3'))).exit_code == 3
    end_watcher(base)
    eventually(lambda: gone(base), what="the lease has fired", within_s=10)
    assert (marks.seen, len(ledger.reports())) == (["broken", "undone"], 1)
    lease.disarm()


def tools(folder: Path, shell: str) -> Path:
    """A folder in which ``sh`` is this shell, and with busybox every other tool that it has, too."""
    program = shutil.which(shell) or skip_or_fail(f"no {shell} on this machine")
    listed = ["sh"]
    if shell == "busybox":
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for tool in listed:
        (folder / tool).symlink_to(str(program))
    return folder
