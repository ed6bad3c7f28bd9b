"""The gate as a pipeline meets it: exit codes, files left, secrets kept, and nothing touched before it may be."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

import twin
from plugins.eventually import eventually
from tests_plugins.gate import ROOT, run_gate
from twin import standing
from twin.options import Options
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twin.handle import Twin

SECRET = "pl@nted/Se cret&7"  # noqa: S105 - planted, to be looked for in everything that is written
NOTHING_THERE = "nobody@127.0.0.1"


@pytest.fixture(scope="module")
def up() -> Iterator[Twin]:
    """One twin for all tests here; each leaves it as it was."""
    with twin.up(kind="processes", options=Options(password=SECRET)) as fresh:
        yield fresh


@pytest.fixture
def environ(up: Twin, tmp_path: Path) -> dict[str, str]:
    """What a gate needs to know to judge that twin, which is well: an earlier test may only just have started Redis."""
    eventually(lambda: up.redis("PING"), what="PONG of the twin", within_s=10, catch=(OSError,))
    file = tmp_path / "twin.json"
    standing.save(up, file)
    return {**os.environ, **up.environ, standing.VARIABLE: str(file)}


def write_inventory(folder: Path, **keys: object) -> Path:
    """An inventory with one host, ``there``."""
    file = folder / "hosts.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"environment": "staging", **keys}.items()]
    file.write_text("\n".join(["[hosts.there]", *lines, ""]), encoding="utf-8")
    return file


def test_a_healthy_host_is_green(environ: dict[str, str], tmp_path: Path) -> None:
    """Exit 0, the verdict in run.json, and all the files of the contract."""
    gate = run_gate("--host", "twin", reports=tmp_path / "r", environ=environ)
    left = {path.name for path in (tmp_path / "r" / "latest").iterdir()}
    assert (gate.exit_code, gate.document["verdict"]) == (0, "pass"), gate.output
    assert left == {"report.html", "junit.xml", "run.json", "journal.jsonl", "summary.md"}


def test_reports_are_also_where_the_user_wants_them(environ: dict[str, str], tmp_path: Path) -> None:
    """``--html`` and ``--junitxml`` get a copy; the run's own folder stays whole."""
    page, xml = tmp_path / "mine" / "own.html", tmp_path / "own.xml"
    run_gate("--host", "twin", "--html", str(page), "--junitxml", str(xml), reports=tmp_path / "r", environ=environ)
    latest = tmp_path / "r" / "latest"
    assert page.read_bytes() == (latest / "report.html").read_bytes()
    assert xml.read_bytes() == (latest / "junit.xml").read_bytes()


def test_a_planted_secret_is_in_no_file_and_in_no_output(up: Twin, environ: dict[str, str], tmp_path: Path) -> None:
    """Neither as it is nor in any usual disguise, though the host itself sends it back."""
    up.write_log(f"redis.exceptions.ConnectionError: AUTH {SECRET} at redis://:{SECRET}@redis_staging refused")
    try:
        gate = run_gate("--host", "twin", "-v", "--since", "5m", reports=tmp_path / "r", environ=environ)
    finally:
        up.restart("redis_staging")  # the planted line is from before Redis started, so no other gate counts it
    texts = [gate.output, *(file.read_text(errors="replace") for file in (tmp_path / "r").rglob("*") if file.is_file())]
    disguises = {SECRET, quote(SECRET), quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()}
    assert gate.exit_code == 1, gate.output
    assert [text for text in texts if any(disguise in text for disguise in disguises)] == []


def test_no_piece_of_a_planted_secret_is_left_where_a_text_is_cut(
    up: Twin, environ: dict[str, str], tmp_path: Path
) -> None:
    """A log line, a key's name and a readiness message, each cut short in the middle of it: no file tells a piece."""
    key = "k" * 70 + SECRET
    up.redis("SET", key, "x" * 1_000_000)
    for cut_after in (5, 9, 13):
        up.write_log("ERROR redis is not there ".ljust(300 - cut_after, "x") + SECRET + "y" * 20 + "\n")
    up.orders.write_text(json.dumps({"redis": {"status": "down", "message": "m" * 150 + SECRET}}), encoding="utf-8")
    try:
        gate = run_gate("--host", "twin", "-v", "--since", "5m", reports=tmp_path / "r", environ=environ)
    finally:
        up.behave()
        up.redis("DEL", key)
        up.restart("redis_staging")
    texts = [gate.output, *(file.read_text(errors="replace") for file in (tmp_path / "r").rglob("*") if file.is_file())]
    pieces = {SECRET[at : at + 5] for at in range(len(SECRET) - 4)}  # four are in common words
    assert all(sign * 50 in gate.output for sign in "kmx"), gate.output
    assert [piece for text in texts for piece in pieces if piece in text] == []


def test_nothing_but_skipped_checks_is_not_green(environ: dict[str, str], tmp_path: Path) -> None:
    """A gate that judged nothing must not say pass."""
    gate = run_gate("--host", "twin", "-k", "image_is_as_declared", reports=tmp_path / "r", environ=environ)
    assert (gate.exit_code, gate.document["verdict"]) == (10, "unjudged")


def test_a_fault_around_a_check_is_not_green(environ: dict[str, str], tmp_path: Path) -> None:
    """The check itself has passed; whether all of it was judged nobody knows."""
    fault = (
        "import pytest\n@pytest.fixture(autouse=True)\ndef fault():\n    yield\n    raise RuntimeError('after it')\n"
    )
    (tmp_path / "faulty.py").write_text(fault, encoding="utf-8")
    known = {**environ, "PYTHONPATH": str(tmp_path)}
    only = ("-k", "wire_ping", "-p", "faulty")
    gate = run_gate("--host", "twin", *only, reports=tmp_path / "r", environ=known)
    assert (gate.exit_code, gate.those("passed")) == (10, frozenset({"health/wire_ping"})), gate.output
    assert "a fault in the suite: tests_verify/test_health.py::test_wire_ping, tear-down" in gate.output


def test_no_check_selected_keeps_pytests_own_code(environ: dict[str, str], tmp_path: Path) -> None:
    """A ``-k`` that matches nothing is pytest's 5."""
    gate = run_gate("--host", "twin", "-k", "no_such_check", reports=tmp_path / "r", environ=environ)
    assert gate.exit_code == 5


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--strict",), 1)])
def test_strict_makes_advice_fatal(
    up: Twin, environ: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    """The same warning is green without ``--strict`` and red with it."""
    up.redis("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    try:
        gate = run_gate(
            "--host", "twin", "-k", "slowlog_threshold", *arguments, reports=tmp_path / "r", environ=environ
        )
    finally:
        up.redis("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    assert gate.exit_code == code, gate.output


def test_an_unreachable_host_is_one_clear_error_within_ten_seconds(tmp_path: Path) -> None:
    """Exit 10, one sentence, no check, and a run.json that says the same."""
    (port,) = free_ports(1)
    inventory = write_inventory(tmp_path, ssh=f"ssh://{NOTHING_THERE}:{port}")
    gate = run_gate("--host", "there", "--inventory", str(inventory), reports=tmp_path / "r")
    assert (gate.exit_code, gate.document["verdict"], gate.checks) == (10, "unjudged", {}), gate.output
    assert "refused" in gate.document["reason"]
    assert gate.took_s < 10


@pytest.mark.parametrize(
    ("keys", "word"), [({"environment": "production"}, "production"), ({"environment": "staging"}, "allowed = true")]
)
def test_chaos_is_refused_before_anything_is_connected_to(tmp_path: Path, keys: dict[str, str], word: str) -> None:
    """Exit 12 where the inventory does not allow it, whatever else is set."""
    (port,) = free_ports(1)
    inventory = write_inventory(tmp_path, ssh=f"ssh://{NOTHING_THERE}:{port}", **keys)
    gate = run_gate("--host", "there", "--inventory", str(inventory), "-m", "chaos", reports=tmp_path / "r")
    assert (gate.exit_code, gate.document["verdict"]) == (12, "refused"), gate.output
    assert word in gate.document["reason"]


@pytest.mark.parametrize("option", ["--plan", "--collect-only"])
def test_looking_ahead_connects_to_nothing(tmp_path: Path, option: str) -> None:
    """A host that cannot be reached can still be planned for, and leaves no report."""
    (port,) = free_ports(1)
    inventory = write_inventory(tmp_path, ssh=f"ssh://{NOTHING_THERE}:{port}")
    gate = run_gate("--host", "there", "--inventory", str(inventory), option, reports=tmp_path / "r")
    assert (gate.exit_code, (tmp_path / "r").exists()) == (0, False), gate.output


def test_a_report_directory_that_cannot_be_written_costs_only_the_report(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """The verdict is still printed, the exit code still right."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    gate = run_gate("--host", "twin", reports=tmp_path / "file" / "r", environ=environ)
    assert (gate.exit_code, "no report can be written" in gate.output) == (0, True), gate.output


def test_waiting_ends_when_the_host_is_well_again(up: Twin, environ: dict[str, str], tmp_path: Path) -> None:
    """As after a deploy: Redis comes back while the gate waits, green must hold, and the verdict is about then."""
    up.stop("redis_staging")
    back = threading.Timer(1.5, up.start, ["redis_staging"])
    back.start()
    gate = run_gate("--host", "twin", "--wait", "30", "--stable-for", "1", reports=tmp_path / "r", environ=environ)
    back.join()
    assert gate.exit_code == 0, gate.output
    assert gate.checks["health/green_holds"].outcome == "passed"


def test_a_wait_that_expires_is_judged_anyway(up: Twin, environ: dict[str, str], tmp_path: Path) -> None:
    """What is broken when the time is up is red, not unjudged."""
    up.stop("redis_staging")
    try:
        gate = run_gate("--host", "twin", "--wait", "1", reports=tmp_path / "r", environ=environ)
    finally:
        up.start("redis_staging")
    assert gate.exit_code == 1, gate.output
    assert "container/redis_is_running" in gate.those("failed")
    assert "note: waited for the steady state: not steady within " in gate.output


def test_the_report_begins_with_what_is_amiss(up: Twin, environ: dict[str, str], tmp_path: Path) -> None:
    """Failed, unjudged, warned, passed, skipped: in whatever order they ran."""
    up.stop("redis_staging")
    try:
        gate = run_gate("--host", "twin", reports=tmp_path / "r", environ=environ)
    finally:
        up.start("redis_staging")
    page = (tmp_path / "r" / "latest" / "report.html").read_text(encoding="utf-8")
    (blob,) = re.findall(r'data-jsonblob="([^"]*)"', page)
    rows = [row["outcome"] for rows in json.loads(html.unescape(blob))["tests"].values() for row in rows]
    assert set(rows) >= {"failed", "passed", "skipped"}, gate.output
    assert rows == sorted(rows, key=["failed", "unjudged", "warned", "passed", "skipped"].index)


@pytest.mark.parametrize("option", ["-rs", "-vv", "-qrA"])
def test_skips_are_shown_where_they_are_asked_for(environ: dict[str, str], tmp_path: Path, option: str) -> None:
    """Each with its reason; the ``-q`` of these gates takes one ``-v`` back."""
    gate = run_gate("--host", "twin", "-k", "image_is_as_declared", option, reports=tmp_path / "r", environ=environ)
    assert "skipped container/image_is_as_declared: the inventory declares no image" in gate.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_pipelines_cancel_end_it_soon_and_say_so(
    up: Twin, environ: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """Exit 2, never a pass, though the host would have been waited for."""
    up.stop("redis_staging")
    argv = [sys.executable, "-m", "pytest", "-m", "verify", "--host", "twin", "--wait", "60"]
    reports, output = tmp_path / "r", tmp_path / "output"
    buffered = {name: value for name, value in environ.items() if name != "PYTHONUNBUFFERED"}  # as a pipeline has it
    with (
        output.open("w") as file,
        subprocess.Popen([*argv, "--report-dir", str(reports)], cwd=ROOT, env=buffered, stdout=file) as gate,
    ):
        try:
            said = "waiting at most 60 s for the steady state"
            eventually(lambda: said in output.read_text(), what="the gate says that it waits", within_s=20)
            gate.send_signal(number)
            start = time.monotonic()
            gate.wait(timeout=20)
        finally:
            gate.kill()
            up.start("redis_staging")
    (document,) = [json.loads(path.read_text(encoding="utf-8")) for path in reports.glob("2*/run.json")]
    assert (gate.returncode, document["verdict"]) == (2, "unjudged")
    assert time.monotonic() - start < 10


def test_a_part_of_the_checks_is_not_green_on_a_stopped_redis(
    up: Twin, environ: dict[str, str], tmp_path: Path
) -> None:
    """The check that would be red was not selected: then the others are unjudged, not passed."""
    up.stop("redis_staging")
    try:
        gate = run_gate("--host", "twin", "-k", "test_checklist", reports=tmp_path / "r", environ=environ)
    finally:
        up.start("redis_staging")
    assert gate.exit_code == 10, gate.output
