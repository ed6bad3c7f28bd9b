"""What breaks the suite itself, whoever breaks it, is pytest's 3: never the 1 of a gate that is red."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plugins import mishap
from tests_plugins.test_options import ROOT, on_a_trap, run_pytest

#: Where a plugin may break a run, from its beginning to its end; before or after everybody else.
HOOKS = (
    ("pytest_load_initial_conftests", "trylast"),
    ("pytest_cmdline_main", "tryfirst"),
    ("pytest_configure", "trylast"),
    ("pytest_sessionstart", "trylast"),
    ("pytest_collection", "tryfirst"),
    ("pytest_sessionfinish", "tryfirst"),
    ("pytest_sessionfinish", "trylast"),
    ("pytest_unconfigure", "trylast"),
)


@pytest.mark.parametrize(("hook", "order"), HOOKS)
def test_a_broken_hook_is_no_red_gate(tmp_path: Path, hook: str, order: str) -> None:
    """Exit 3; where there is a folder, its run.json says so, and nothing else is left."""
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        f"import pytest\n@pytest.hookimpl({order}=True)\ndef {hook}():\n    raise RuntimeError('oh dear')\n",
        encoding="utf-8",
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run_pytest(*on_a_trap(tmp_path), "-p", "broken", environ=environ)
    said = done.stdout + done.stderr
    assert (done.returncode, "oh dear" in said) == (3, True), said
    for folder in (tmp_path / "r").glob("2*"):
        document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert (document["exit_code"], document["verdict"], "oh dear" in document["reason"]) == (3, "unjudged", True)


@pytest.mark.parametrize(("unbuffered", "exit_code"), [({}, 10), ({"PYTHONUNBUFFERED": "1"}, 2)])
def test_a_reader_who_has_seen_enough_is_no_fault(tmp_path: Path, unbuffered: dict[str, str], exit_code: int) -> None:
    """As ``| head`` does: no traceback, no folder without its run.json, and the verdict's exit code or an interrupt's.

    That Python has buffered all of it until the verdict is known, and is then told, changes no verdict.
    """
    argv = [sys.executable, "-m", "pytest", *on_a_trap(tmp_path)]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | unbuffered
    with subprocess.Popen(
        argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, "Traceback" in said, "BrokenPipe" in said) == (exit_code, False, False), said
    documents = [one / "run.json" for one in (tmp_path / "r").glob("2*")]
    assert {json.loads(one.read_text(encoding="utf-8"))["exit_code"] for one in documents} <= {exit_code}


@pytest.mark.parametrize("ending", [KeyboardInterrupt, BrokenPipeError])
def test_last_words_that_nobody_reads_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]
) -> None:
    """A second Ctrl-C ends who waits for a reader, without a traceback; nor does Python wait for him at its own end."""
    with (tmp_path / "pipe").open("w", encoding="utf-8") as pipe:

        class Unread(io.StringIO):
            def flush(self) -> None:
                raise ending

            def fileno(self) -> int:
                return pipe.fileno()

        monkeypatch.setattr(sys, "stdout", Unread())
        mishap.flush_or_drop()
        assert os.fstat(pipe.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


def test_a_broken_plugin_of_the_suites_own_tests_is_pytests_business(tmp_path: Path) -> None:
    """Without a host there is no gate that could be mistaken: the traceback is pytest's."""
    (tmp_path / "broken.py").write_text("def pytest_cmdline_main():\n    raise RuntimeError('oh dear')\n", "utf-8")
    done = run_pytest("-p", "broken", environ={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, "fault in the suite" in done.stderr) == (1, False)
