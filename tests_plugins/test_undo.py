"""The undo's script, run by real shells against a real Redis."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.target.local import LocalShell
from plugins.undo import LOGIN, Restore, Undo, one_line, script
from tests_plugins.hostile import hostile
from tests_plugins.redises import PASSWORD, need_redis_cli, redis
from tests_plugins.servers import packed
from tests_plugins.staging import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.target.model import Completed
    from tests_plugins.redises import Redis

#: Prints its arguments, each ended by a NUL.
ARGUMENTS = (sys.executable, "-I", "-S", "-c", r"import sys; print(*sys.argv[1:], sep='\0', end='\0')")


def run(undo: Undo, *part: str, shell: tuple[str, ...] = ("sh",), login: bytes = b"") -> Completed:
    """The script, as the host's shell would run it."""
    environ = {**os.environ, LOGIN: login.decode()}
    text = script(undo).encode(errors="surrogateescape")
    return LocalShell(environ).run([*shell, "-s", *part], stdin=text)


@pytest.mark.parametrize("shell", [("dash",), ("busybox", "sh"), ("bash", "--posix")], ids=lambda words: words[0])
def test_any_posix_shell_runs_it(shell: tuple[str, ...]) -> None:
    """Debian's, Alpine's and Red Hat's: undone, proven, and nothing to restore."""
    if shutil.which(shell[0]) is None:
        skip_or_fail(f"no {shell[0]} on this machine")
    done = run(Undo("it", (("echo", "undone"),), ("echo", "proven")), shell=shell)
    assert (done.exit_code, done.stdout, done.stderr) == (0, b"undone\nproven\n", b"")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5))
def test_any_word_arrives_as_it_is(words: list[str]) -> None:
    """Quotes, dollars, line ends: nothing in a command is the script's own."""
    assert run(Undo("it", ((*ARGUMENTS, *words),)), "undo").stdout.decode().split("\0")[:-1] == words


def test_a_word_with_a_nul_is_refused() -> None:
    """No command line can carry it."""
    with pytest.raises(ValueError, match="NUL"):
        script(Undo("it", (("echo", "a\0b"),)))


@hostile
@given(st.text())
def test_what_is_undone_stays_a_comment(what: str) -> None:
    """Whatever the words hold, they are one line, so that none of them is a command."""
    assert len(one_line(what).splitlines()) <= 1


def test_one_command_that_fails_does_not_keep_the_next_from_running() -> None:
    """A start on a paused container fails, and the unpause after it is what counts; the failure is told."""
    done = run(Undo("it", (("false",), ("no-such-program",), ("echo", "next"))), "undo")
    assert done.exit_code == 0
    assert done.text.splitlines() == ["exit code 1: false", "exit code 127: no-such-program", "next"]


def test_by_hand_it_fails_where_the_proof_does() -> None:
    """A person sees by the exit code whether all is well."""
    assert run(Undo("it", (("true",),), ("sh", "-c", "exit 3"))).exit_code == 3


# --- keys -----------------------------------------------------------------------------------------------------------

LOGIN_COMMAND = packed(("AUTH", PASSWORD))


@pytest.fixture
def server() -> Iterator[Redis]:
    """A Redis that wants a password."""
    need_redis_cli()
    with redis(None, "--requirepass", PASSWORD) as made:
        made.server.ask("AUTH", PASSWORD)
        yield made


def saved(server: Redis, folder: Path, *keys: str) -> Undo:
    """An undo that puts these keys back, as they are now."""
    file = folder / "it's saved.resp"
    dumps = [(key, server.server.ask("DUMP", key)) for key in keys]
    file.write_bytes(b"".join(packed(("RESTORE", key, 0, dump)) for key, dump in dumps if isinstance(dump, bytes)))
    pipe = ("redis-cli", "-p", str(server.port), "--pipe", "--pipe-timeout", "1")
    return Undo("flush", restore=Restore(pipe, str(file)))


def test_keys_come_back_where_they_are_absent(server: Redis, tmp_path: Path) -> None:
    """What somebody wrote meanwhile is left as it is; that a key is there counts as success; twice is once."""
    server.server.ask("MSET", "lost", "old", "rewritten", "old")
    undo = saved(server, tmp_path, "lost", "rewritten")
    server.server.ask("FLUSHALL")
    server.server.ask("SET", "rewritten", "new")
    codes = [run(undo, "restore", login=LOGIN_COMMAND).exit_code for _ in range(2)]
    assert (codes, server.server.ask("MGET", "lost", "rewritten")) == ([0, 0], [b"old", b"new"])


def test_a_login_that_the_server_does_not_want_does_no_harm(tmp_path: Path) -> None:
    """Redis without a password complains about AUTH, and does the rest."""
    need_redis_cli()
    with redis() as server:
        server.server.ask("SET", "lost", "old")
        undo = saved(server, tmp_path, "lost")
        server.server.ask("FLUSHALL")
        done = run(undo, "restore", login=LOGIN_COMMAND)
        assert (done.exit_code, done.text, server.server.ask("GET", "lost")) == (0, "", b"old")


def test_without_the_password_nothing_is_restored_and_that_is_a_failure(server: Redis, tmp_path: Path) -> None:
    """redis-cli's words are told."""
    server.server.ask("SET", "lost", "old")
    done = run(saved(server, tmp_path, "lost"), "restore")
    assert (done.exit_code, "NOAUTH" in done.text) == (1, True)


def test_a_server_that_is_away_is_a_failure(server: Redis, tmp_path: Path) -> None:
    """The watcher will try again."""
    server.server.ask("SET", "lost", "old")
    undo = saved(server, tmp_path, "lost")
    server.server.wire.send(("SHUTDOWN", "NOSAVE"))
    done = run(undo, "restore", login=LOGIN_COMMAND)
    assert (done.exit_code, "Connect" in done.text or "refused" in done.text) == (1, True)


def test_saved_keys_that_are_gone_are_a_failure(server: Redis, tmp_path: Path) -> None:
    """Nothing is put back from nothing."""
    undo = saved(server, tmp_path)
    Path(undo.restore.file if undo.restore else "").unlink()
    done = run(undo, "restore", login=LOGIN_COMMAND)
    assert (done.exit_code, "are not there" in done.text) == (1, True)
