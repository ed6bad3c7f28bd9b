"""The command line: which suite ``-m`` selects, where it may be started, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugins.options import Suite, chosen_suite, read_request
from twin import standing

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]


def run_pytest(
    *args: str, cwd: Path = ROOT, environ: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """The real command line, in a process of its own."""
    command = [sys.executable, "-m", "pytest", *args]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("expression", "suite"),
    [
        ("verify", Suite.VERIFY),
        ("chaos", Suite.CHAOS),
        ("verify and gate", Suite.VERIFY),
        ("verify and not chaos", Suite.VERIFY),
        ("(chaos) and not slow", Suite.CHAOS),
        ("not verify", None),
        ("not chaos", None),
        ("gate or advice", None),
        ("", None),
    ],
)
def test_a_suite_runs_only_where_it_is_selected_positively(expression: str, suite: Suite | None) -> None:
    """``-m "not verify"`` is no request for chaos."""
    assert chosen_suite(expression) is suite


@pytest.mark.parametrize("expression", ["verify or chaos", "chaos or (verify and gate)"])
def test_both_suites_at_once_are_a_usage_error(expression: str) -> None:
    """One suite a run; the message says what to do."""
    with pytest.raises(pytest.UsageError, match="run one at a time"):
        chosen_suite(expression)


@pytest.mark.parametrize("form", [["--inventory", "{file}"], ["--inventory={file}"]])
def test_an_inventory_may_lie_anywhere(tmp_path: Path, form: list[str]) -> None:
    """Pytest takes a path after an unknown option for a test, and looks for the project there; the suite mends that."""
    file = tmp_path / "hosts.toml"
    file.write_text('[hosts.there]\nenvironment = "staging"\n', encoding="utf-8")
    done = run_pytest("-m", "verify", "--host", "nobody", *(part.format(file=file) for part in form))
    assert (done.returncode, "there is no such host" in done.stderr) == (4, True)


def test_the_suite_can_be_started_from_any_folder(tmp_path: Path) -> None:
    """Paths are then relative to that folder."""
    (tmp_path / "my.toml").write_text('[hosts.there]\nenvironment = "staging"\n', encoding="utf-8")
    done = run_pytest("-m", "verify", "--host", "nobody", "--inventory", "my.toml", cwd=tmp_path)
    assert (done.returncode, str(tmp_path / "my.toml") in done.stderr) == (4, True)


def test_reports_lie_at_the_root_whatever_the_folder() -> None:
    """As the inventory does, so that the trend is one."""
    option = Namespace(markexpr="verify", **dict.fromkeys(GIVEN), host="there", debug=None, strict=False)
    request = read_request(option, ROOT)
    assert request is not None
    assert (request.inventory, request.report_dir) == (ROOT / "hosts.toml", ROOT / "reports")


GIVEN = (
    *("render", "inspect", "inventory", "report_dir", "wait", "stable_for", "since", "plan", "redact", "recover"),
    *("lease", "keep", "fail_on_regression"),
)


def test_the_suites_own_configuration_may_be_named_from_any_folder(tmp_path: Path) -> None:
    """As a pipeline does that keeps the suite beside its own sources."""
    arguments = ["-c", str(ROOT / "pyproject.toml"), *on_a_trap(tmp_path)]
    done = run_pytest(*arguments, "--junitxml=mine.xml", cwd=tmp_path)
    assert (done.returncode, trap(tmp_path).exists()) == (10, True), done.stderr
    assert (tmp_path / "mine.xml").exists()


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    """Once, in words: starting over cannot help where the user names one."""
    other = tmp_path / "pytest.ini"
    other.write_text("[pytest]\n", encoding="utf-8")
    done = run_pytest("-m", "verify", "--host", "staging", "-c", str(other))
    assert (done.returncode, f"pytest reads {other} instead of" in done.stderr) == (4, True), done.stderr


def test_a_link_leads_to_the_suite_too(tmp_path: Path) -> None:
    """Tests that are named by another path are the same tests."""
    link = tmp_path / "link"
    link.symlink_to(ROOT)
    done = run_pytest(*on_a_trap(tmp_path), str(link / "tests_verify"))
    assert (done.returncode, trap(tmp_path).exists()) == (10, True), done.stdout


@pytest.mark.parametrize("without", [["-o", "addopts="], ["-p", "no:plugins.session"]])
def test_the_suite_runs_whole_or_not_at_all(without: list[str]) -> None:
    """Without its plugins nothing would be judged, or something worse."""
    done = run_pytest("-m", "verify", "--host", "staging", *without)
    assert (done.returncode, "addopts are not in force" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize(("plugin", "lacking"), [("junitxml", {"junit.xml"}), ("terminal", set()), ("capture", set())])
def test_a_plugin_of_pytests_own_may_be_left_out(tmp_path: Path, plugin: str, lacking: set[str]) -> None:
    """Who wants no junit.xml, and no word, gets none, and everything else."""
    done = run_pytest(*on_a_trap(tmp_path), "-p", f"no:{plugin}")
    assert done.returncode == 10, done.stderr
    left = {path.name for path in (tmp_path / "r" / "latest").iterdir()}
    assert left == {"journal.jsonl", "report.html", "run.json", "junit.xml", "summary.md"} - lacking


def test_chaos_never_plays_unseen() -> None:
    """Said before the host is touched."""
    done = run_pytest("-m", "chaos", "--host", "staging", "-p", "no:terminal")
    assert (done.returncode, "leave out -p no:terminal" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize("cwd", [ROOT, ROOT.parent])
def test_a_python_without_asserts_is_refused(cwd: Path) -> None:
    """Every check would pass."""
    done = run_pytest("-m", "verify", "--host", "staging", cwd=cwd, environ={**os.environ, "PYTHONOPTIMIZE": "1"})
    assert (done.returncode, "PYTHONOPTIMIZE" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize(("option", "variables"), [(["--debug={file}"], {}), ([], {"PYTEST_DEBUG": "1"})])
def test_pytests_tracing_is_refused(tmp_path: Path, option: list[str], variables: dict[str, str]) -> None:
    """It would write what the host says before anything is masked in it."""
    file = tmp_path / "trace"
    arguments = [part.format(file=file) for part in option]
    done = run_pytest(*on_a_trap(tmp_path), *arguments, environ={**os.environ, **variables})
    assert (done.returncode, "secrets too" in done.stderr) == (4, True), done.stderr
    assert (file.exists(), trap(tmp_path).exists()) == (False, False)


TALK = ("--fixtures", "--fixtures-per-test", "--markers", "--setup-plan", "--cache-show", "--collect-only", "--help")


@pytest.mark.parametrize("option", TALK)
def test_what_only_shows_something_starts_nothing(tmp_path: Path, option: str) -> None:
    """No connection, and no run that judged nothing in the trend."""
    done = run_pytest(*on_a_trap(tmp_path), option)
    assert (done.returncode, trap(tmp_path).exists(), (tmp_path / "r").exists()) == (0, False, False), done.stdout


def test_collecting_for_a_host_that_is_nowhere_is_a_usage_error(tmp_path: Path) -> None:
    """It reads the inventory, and connects to nothing."""
    done = run_pytest(*on_a_trap(tmp_path), "--host=nowhere", "--collect-only")
    assert (done.returncode, "there is no such host" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize(
    "content", ['{"host": 3}', '{"host": {"environment": "staging"}}', '{"host": {}}', "[]", "\udcff"]
)
def test_a_twins_file_that_describes_none_is_a_usage_error(tmp_path: Path, content: str) -> None:
    """Whatever is in it."""
    file = tmp_path / "twin.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    done = run_pytest("-m", "verify", "--host", "twin", environ={**os.environ, standing.VARIABLE: str(file)})
    assert (done.returncode, f"{file}: no twin is described there" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize("suite", ["verify", "chaos"])
def test_a_twin_that_does_not_come_up_is_unjudged_and_reported(tmp_path: Path, suite: str) -> None:
    """Exit 10 always leaves a run.json."""
    server = tmp_path / "redis-server"
    server.write_text("#!/nonexistent\n", encoding="utf-8")
    server.chmod(0o755)
    known = {name: value for name, value in os.environ.items() if name != standing.VARIABLE}
    environ = known | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///nonexistent"}
    done = run_pytest("-m", suite, "--host", "twin", f"--report-dir={tmp_path / 'r'}", environ=environ)
    assert done.returncode == 10, done.stdout + done.stderr
    document = json.loads((tmp_path / "r" / "latest" / "run.json").read_text(encoding="utf-8"))
    assert (document["exit_code"], "the twin did not come up" in document["reason"]) == (10, True)


@pytest.mark.parametrize("suite", [[], ["-m", "chaos"]])
def test_recovering_needs_no_suite(tmp_path: Path, suite: list[str]) -> None:
    """It asks the host at once; no check is run, and no report is left."""
    done = run_pytest("--recover", *on_a_trap(tmp_path)[2:], *suite)
    assert (done.returncode, trap(tmp_path).exists(), (tmp_path / "r").exists()) == (10, True, False), done.stderr
    assert "there: nothing could be recovered" in done.stdout


@pytest.mark.parametrize("suite", ["verify", "chaos"])
def test_a_suite_without_a_host_is_a_usage_error(suite: str) -> None:
    """There is no silent fall-back to this machine."""
    done = run_pytest("-m", suite)
    assert (done.returncode, "needs --host NAME" in done.stderr) == (4, True)


def test_a_host_without_a_suite_is_a_usage_error() -> None:
    """``pytest --host staging`` runs nothing, above all no chaos."""
    done = run_pytest("--host", "staging")
    assert (done.returncode, "add -m verify or -m chaos" in done.stderr) == (4, True)


def test_several_hosts_are_reserved() -> None:
    """``--host a,b`` is kept for a later release and says so."""
    done = run_pytest("-m", "verify", "--host", "a,b")
    assert (done.returncode, "reserved" in done.stderr) == (4, True)


@pytest.mark.parametrize(
    ("option", "words"), [("--wait=5x", "'5x' is no time"), ("--keep=all", "'all' is no number of")]
)
def test_what_is_no_quantity_is_told_what_is_one(option: str, words: str) -> None:
    """Refused before anything is connected to; what is one is told in ``test_quantity``."""
    done = run_pytest("-m", "verify", "--host", "staging", option)
    assert (done.returncode, words in done.stderr) == (4, True), done.stderr


def test_a_duration_may_have_a_unit(tmp_path: Path) -> None:
    """As everywhere else where a person writes one."""
    done = run_pytest(*on_a_trap(tmp_path), "--wait", "5m")
    assert "waiting at most 300 s for the steady state" in done.stdout, done.stdout


OWN = ("--recover", "--plan", "--redact", "--wait=0", "--stable-for=5", "--since=5m", "--inventory=x", "--lease=20")


@pytest.mark.parametrize("option", [*OWN, "--inspect=a*", "--report-dir=x", "--keep=5", "--fail-on-regression"])
def test_an_option_of_the_suites_own_needs_a_host(option: str) -> None:
    """Who writes one means a live host, not the suite's own tests."""
    done = run_pytest(option)
    assert (done.returncode, f"{option.partition('=')[0]} needs --host NAME" in done.stderr) == (4, True)


@pytest.mark.parametrize("arguments", [["--recover"], ["-mverify"]])
def test_a_host_is_missed_from_any_folder(tmp_path: Path, arguments: list[str]) -> None:
    """A flag, too, says that a suite is meant."""
    done = run_pytest(*arguments, cwd=tmp_path)
    assert (done.returncode, "needs --host NAME" in done.stderr) == (4, True)


def trap(folder: Path) -> Path:
    """What is there once anybody has tried to connect."""
    return folder / "connected"


def on_a_trap(folder: Path) -> list[str]:
    """The options for a host that cannot be reached, and keeps the trace of an attempt."""
    (folder / "ssh_config").write_text(f"Host *\n  ProxyCommand touch '{trap(folder)}'\n", encoding="utf-8")
    inventory = folder / "hosts.toml"
    inventory.write_text(
        '[hosts.there]\nenvironment = "staging"\nssh = "nobody@127.0.0.1"\nssh_config = "ssh_config"\n',
        encoding="utf-8",
    )
    return ["-m", "verify", "--host=there", f"--inventory={inventory}", f"--report-dir={folder / 'r'}"]


def test_the_trap_works(tmp_path: Path) -> None:
    """What the next test does not find is there when something is connected to."""
    done = run_pytest(*on_a_trap(tmp_path))
    assert (done.returncode, trap(tmp_path).exists(), len([*(tmp_path / "r").glob("2*")])) == (10, True, 1), done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--strct"],
        ["-n", "2"],
        ["-p", "xdist", "-n", "2"],
        ["-p", "xdist", "-d", "--tx", "2*popen"],
        ["--lf"],
        ["--ff"],
        ["--sw"],
        ["--report-dir="],
        ["--inventory="],
        ["tests_verify/nope.py"],
        ["tests_verify/test_health.py::test_nope"],
        ["-k", "health and"],
    ],
)
def test_a_wrong_command_line_connects_to_nothing_and_leaves_nothing(tmp_path: Path, wrong: list[str]) -> None:
    """Whoever finds it out, the suite or pytest: exit 4, and the host was not touched."""
    done = run_pytest(*on_a_trap(tmp_path), *wrong)
    assert (done.returncode, trap(tmp_path).exists()) == (4, False), done.stdout + done.stderr
    assert [*(tmp_path / "r").glob("*")] == []


def test_the_suites_folder_without_a_host_says_how_it_is_run() -> None:
    """Nothing runs; the way to run it is one line."""
    done = run_pytest("tests_verify")
    assert (done.returncode, "pytest -m verify --host NAME" in done.stdout) == (5, True)
