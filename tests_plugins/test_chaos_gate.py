"""Chaos as a pipeline meets it: guards, exit codes, cancelled runs, what is left on the host and in the report."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest

from plugins.eventually import eventually
from plugins.lock import BASE
from tests_plugins.chaos import PATIENCE_S, ROOT, environ_for, play, playing, select
from tests_plugins.gate import run_gate
from tests_plugins.staging import BACKEND as BACKEND_IMAGE
from tests_plugins.staging import REDIS as REDIS_IMAGE
from tests_plugins.staging import need_staging_host
from twin import up
from twin.compose import ComposeActions
from twin.options import Options
from twin.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests_plugins.chaos import Played
    from twin.handle import Twin

REDIS = "redis_staging"
SECRET = "pl@nted/Se cret&7"  # noqa: S105 - planted, to be looked for in everything that is written
VANTAGES = {"exec_ping", "ping", "write", "backend", "readiness"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Twin]:
    """One twin for all tests here; Redis has a password, and can be told to take its time to start."""
    options = Options(password=SECRET, start_delay_s=0, redis_args=("--appendonly", "yes"))
    with up(kind="processes", options=options) as made:
        yield made


@pytest.fixture
def twin(shared: Twin) -> Iterator[Twin]:
    """It behaves, and is well."""
    yield shared
    shared.delay_start(0)
    shared.behave()


def happened(twin: Twin) -> int:
    """The number of the last event that the engine tells of Redis and its backend."""
    assert twin.supervisor is not None
    return int(client.call(twin.supervisor, "events", after=None)["last"])


@pytest.fixture(scope="module")
def mixed(shared: Twin, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One run of what may be played, what may not, and what would lose keys."""
    folder = tmp_path_factory.mktemp("mixed")
    environ = environ_for(shared, folder, faults=("restart", "client_kill", "flush"), data_loss="forbidden")
    faults = select("restart", "client_kill_one", "flushall", "kill")
    return play(*faults, "--junitxml", str(folder / "own.xml"), reports=folder / "r", environ=environ)


def test_what_may_not_be_played_is_skipped_with_its_reason(mixed: Played) -> None:
    """A family that the inventory leaves out, and a flush where no key may be lost; the rest is green.

    So is a restart, for an append-only file keeps all; a snapshot that is saved at the stop might not.
    """
    assert (mixed.exit_code, mixed.document["verdict"]) == (0, "pass"), mixed.output
    skipped, passed = {"kill": "skipped", "flushall": "skipped"}, {"restart": "passed", "client_kill_one": "passed"}
    assert mixed.outcomes == skipped | passed
    assert mixed.experiments["kill"]["reason"].startswith("kill is not among the faults that may run on twin (restart,")
    assert mixed.experiments["flushall"]["reason"].startswith("keys could be lost (the flush deletes")
    assert mixed.experiments["flushall"]["reason"].endswith("data_loss is forbidden on twin")


def test_run_json_has_all_of_the_contract(mixed: Played, shared: Twin) -> None:
    """Who was meant, what was measured from where, what became of the writes, and the checklist afterwards."""
    document, found = mixed.document, mixed.experiments["restart"]
    assert (document["schema"], document["suite"], document["host"], document["exit_code"]) == (1, "chaos", "twin", 0)
    target = document["target"]
    assert target["engine_id"] == shared.host.chaos.engine_id
    assert all(target[name] for name in ("hostname", "redis_run_id", "redis_version"))
    assert len(target["containers"]) == 2
    assert found["window_s"] == dict.fromkeys(VANTAGES, 5.0)
    for figures in ("recovery_s", "outage_s", "uncertainty_s"):
        assert set(found[figures]) == VANTAGES
    assert all(0 <= found["recovery_s"][vantage] <= 5 for vantage in VANTAGES)
    # A process may be back between two questions, 20 ms apart; longer outages are the negative twins' tests' business.
    assert all(found["outage_s"][vantage] is None or 0 < found["outage_s"][vantage] < 5 for vantage in VANTAGES)
    assert all(0 < found["uncertainty_s"][vantage] < 5 for vantage in VANTAGES)
    writes = found["writes"]
    assert (writes["acknowledged"] > 20, writes["lost"], writes["unknown"] >= 0) == (True, 0, True)
    assert ("→" in found["evidence"]["run_id"], found["undone"], found["reason"]) == (True, True, "")
    after = {check["id"]: check["outcome"] for check in document["checks"]}
    assert len([one for one in after if one.startswith("restart/checklist/")]) == 5
    assert set(after.values()) == {"passed"}


def test_a_run_leaves_its_reports_and_nothing_on_the_host(mixed: Played, shared: Twin) -> None:
    """The four files of the contract, filled; no undo, lock or lease."""
    left = {path.name for path in mixed.folder.iterdir()}
    assert {"report.html", "junit.xml", "run.json", "journal.jsonl"} <= left
    page = (mixed.folder / "report.html").read_text(encoding="utf-8")
    junit = (mixed.folder / "junit.xml").read_text(encoding="utf-8")
    assert all(fault in page and fault in junit for fault in mixed.experiments)
    events = [json.loads(line)["event"] for line in (mixed.folder / "journal.jsonl").read_text().splitlines()]
    assert {"run", "phase", "operations", "deed", "moments", "experiment", "end"} <= set(events)
    assert files_of_runs(shared) == []


def files_of_runs(twin: Twin) -> list[Path]:
    """What runs have left on the host."""
    return [path for path in (Path(twin.host.project_dir) / "runbook-suite").rglob("*") if path.is_file()]


def assert_secret_nowhere(played: Played) -> None:
    """Neither as it is nor in any usual disguise, in no file of the run and not in what it said."""
    texts = [path.read_text(errors="replace") for path in played.folder.parent.rglob("*") if path.is_file()]
    disguises = {SECRET, quote(SECRET), quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()}
    assert [text for text in (played.output, *texts) if any(one in text for one in disguises)] == []


def test_the_password_is_in_no_file_and_in_no_output(mixed: Played) -> None:
    """A run that has used it for everything does not tell it."""
    assert_secret_nowhere(mixed)


def test_a_host_that_is_not_well_gets_no_fault(twin: Twin, tmp_path: Path) -> None:
    """That is an error, never a skip; what stands in the way is told, but for the password that it repeats."""
    twin.orders.write_text(json.dumps({"redis": {"status": "down", "message": f"refused {SECRET}"}}), encoding="utf-8")
    before = happened(twin)
    played = play(*select("restart", "kill"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert (played.exit_code, played.document["verdict"]) == (10, "unjudged"), played.output
    assert played.outcomes == {"restart": "error", "kill": "error"}
    assert all("not in the steady state: readiness: " in one["reason"] for one in played.experiments.values())
    assert happened(twin) == before
    assert_secret_nowhere(played)


def test_nothing_but_skipped_experiments_is_not_green(twin: Twin, tmp_path: Path) -> None:
    """A run that played nothing must not say pass."""
    played = play(*select("crash"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path))
    assert (played.exit_code, played.outcomes) == (10, {"crash": "skipped"}), played.output


@pytest.mark.parametrize("meant", [None, "some-other-engine"])
def test_another_engine_than_the_one_that_is_meant_is_refused(twin: Twin, tmp_path: Path, meant: str | None) -> None:
    """Exit 12 before anything is done, with the line that would allow it."""
    before = happened(twin)
    played = play(*select("restart"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path, engine_id=meant))
    assert (played.exit_code, played.document["verdict"], played.experiments) == (12, "refused", {}), played.output
    assert f'engine_id = "{twin.host.chaos.engine_id}"' in played.output.splitlines()
    assert f"the inventory means {meant}" in played.document["reason"] or meant is None
    assert happened(twin) == before


def test_production_is_refused_whatever_else_is_set(tmp_path: Path) -> None:
    """Exit 12 though chaos is allowed and the engine named; nothing is connected to."""
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(
        '[hosts.live]\nenvironment = "production"\nssh = "nobody@127.0.0.1"\n'
        '[hosts.live.chaos]\nallowed = true\nengine_id = "x"\n',
        encoding="utf-8",
    )
    played = play("--inventory", str(inventory), reports=tmp_path / "r", environ=os.environ, host="live")
    assert (played.exit_code, played.document["verdict"]) == (12, "refused"), played.output
    assert "production" in played.document["reason"]


@pytest.mark.parametrize(("option", "words"), [("--numprocesses", "one process"), ("--reruns", "once")])
def test_parallel_and_repeated_experiments_are_refused(tmp_path: Path, option: str, words: str) -> None:
    """Where the plugins that would do so are there; exit 4, and nothing is left."""
    plugin = f"def pytest_addoption(parser):\n    parser.addoption({option!r}, type=int)\n"
    (tmp_path / "would_do_so.py").write_text(plugin, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    played = play("-p", "would_do_so", option, "2", reports=tmp_path / "r", environ=environ)
    assert (played.exit_code, words in played.output) == (4, True), played.output
    assert not (tmp_path / "r").exists()


def test_a_second_run_is_turned_away_and_touches_nothing(twin: Twin, tmp_path: Path) -> None:
    """Exit 11, and who holds the host. The first sleeps meanwhile, so that all that happens would be the second's."""
    environ = environ_for(twin, tmp_path)
    with playing(*select("client_kill_one"), reports=tmp_path / "first", environ=environ) as first:
        first.await_said("warm-up")
        first.send(signal.SIGSTOP)
        before = settled(twin)
        second = play(*select("restart"), reports=tmp_path / "second", environ=environ)
        after = traces(twin)
        first.send(signal.SIGCONT)
    assert (second.exit_code, second.document["verdict"], second.experiments) == (11, "dirty", {}), second.output
    assert "holds the lock" in second.document["reason"]
    assert "The host is busy: twin: run " in (second.folder / "report.html").read_text("utf-8")
    assert after == before
    assert (first.end().exit_code, first.end().outcomes) == (0, {"client_kill_one": "passed"}), first.output


def traces(twin: Twin) -> tuple[int, Mapping[str, str], frozenset[str]]:
    """The last event, what was called how often, and the suite's connections; not what the twin itself does."""
    stats, listed = twin.redis("INFO", "commandstats"), twin.redis("CLIENT", "LIST")
    assert isinstance(stats, bytes)
    assert isinstance(listed, bytes)
    calls = dict(line.split(":", 1) for line in stats.decode().splitlines() if ":calls=" in line)
    own = {"cmdstat_ping", "cmdstat_info", "cmdstat_auth", "cmdstat_client|list", "cmdstat_client"}  # the last: 6.2
    clients = frozenset(line.split()[0] for line in listed.decode().splitlines() if "name=runbook-suite" in line)
    return happened(twin), {name: said for name, said in calls.items() if name not in own}, clients


def settled(twin: Twin) -> tuple[int, Mapping[str, str], frozenset[str]]:
    """Its traces once what was already under way has come to its end: for so long nothing more is added."""
    seen = [traces(twin)]

    def unchanged() -> bool:
        seen.append(traces(twin))
        return seen[-1] == seen[-2]

    eventually(unchanged, what="what was under way is over", within_s=5, hold_s=0.3)
    return seen[-1]


def test_a_lease_that_runs_out_leaves_no_verdict(twin: Twin, tmp_path: Path) -> None:
    """A runner that sleeps for longer: the host has undone, the experiment is an error, and the next run says so."""
    environ = environ_for(twin, tmp_path)
    with playing(*select("kill", "restart"), "--lease", "3", reports=tmp_path / "r", environ=environ) as run:
        run.await_said("kill: recovery")
        run.send(signal.SIGSTOP)
        eventually(lambda: any(path.name == "healed" for path in files_of_runs(twin)), what="healed", within_s=20)
        run.send(signal.SIGCONT)
    played = run.end()
    assert (played.exit_code, played.outcomes) == (10, {"kill": "error", "restart": "error"}), played.output
    # Its channel to the host may have ended as well by then.
    assert re.search("lease (ran out|cannot be renewed)", played.experiments["kill"]["reason"])
    assert played.experiments["restart"]["evidence"] == {}
    following = play(*select("crash"), reports=tmp_path / "r", environ=environ)
    assert [note for note in following.document["notes"] if f"before this run: run {played.document['run_id']}" in note]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_undoes_and_writes_it_down(twin: Twin, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, or a pipeline's cancel, while Redis is away: exit 2, and Redis is back when the run has ended."""
    twin.delay_start(2.5)
    with playing(*select("restart", "stop_start"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)) as run:
        run.await_said("ping away")
        run.send(number)
    assert twin.redis("PING") == b"PONG"
    played = run.end()
    assert (played.exit_code, played.document["verdict"]) == (2, "unjudged"), played.output
    found = played.experiments["restart"]
    assert (found["outcome"], found["undone"]) == ("error", True), found
    assert found["reason"] == "ended by Ctrl-C, or by a pipeline that cancelled it"
    assert played.document["reason"] == "interrupted: 0 of 2 were judged"
    assert twin.redis("KEYS", "*chaos:*") == []
    assert "UNJUDGED restart: ended by Ctrl-C, or by a pipeline that cancelled it; the fault is undone" in played.output
    assert "twin chaos: INTERRUPTED (exit 2): 0 of 2 experiments judged, in " in played.output
    assert "Interrupted: 0 of 2 experiments judged (exit 2)." in (played.folder / "report.html").read_text("utf-8")
    assert "stop_start" not in played.experiments
    assert files_of_runs(twin) == []


def test_a_reader_that_goes_away_keeps_nobody_from_undoing(twin: Twin, tmp_path: Path) -> None:
    """``| head``, while Redis is away: the experiment is played to its end by the runner itself, and says so."""
    twin.delay_start(1)
    environ = environ_for(twin, tmp_path)
    argv = [sys.executable, "-m", "pytest", "-m", "chaos", "--host", "twin", "--report-dir", str(tmp_path / "r")]
    with subprocess.Popen(
        [*argv, *select("stop_start")],
        cwd=ROOT,
        env={name: value for name, value in environ.items() if not name.startswith("PYTEST_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "stop_start: fault" in line:
                break
        process.stdout.close()
        code = process.wait(PATIENCE_S)
    document = json.loads((tmp_path / "r" / "latest" / "run.json").read_text(encoding="utf-8"))
    (found,) = document["experiments"]
    assert (found["outcome"], found["undone"]) == ("passed", True), found["reason"]
    assert (code, document["exit_code"]) == (2, 2)
    assert twin.redis("PING") == b"PONG"
    assert files_of_runs(twin) == []


def test_a_gate_beside_a_run_says_whose_doing_it_may_see(twin: Twin, tmp_path: Path) -> None:
    """It takes no lock: red is red, and the note keeps a pipeline's reader from mending what is about to be undone."""
    twin.delay_start(6)
    environ = environ_for(twin, tmp_path)
    with playing(*select("restart"), reports=tmp_path / "r", environ=environ) as run:
        run.await_said("ping away")
        gate = run_gate("--host", "twin", reports=tmp_path / "g", environ=environ)
        run.send(signal.SIGINT)
    (note,) = [note for note in gate.document["notes"] if "may be its doing" in note]
    assert (gate.exit_code, run.end().document["run_id"] in note) == (1, True), gate.output


def sweep(twin: Twin) -> None:
    """Somebody cleans up on the host, and takes away what runs keep there."""
    for folder in (Path(twin.host.project_dir) / "runbook-suite").iterdir():
        shutil.rmtree(folder)


def test_saved_keys_that_somebody_removed_are_put_back_all_the_same(twin: Twin, tmp_path: Path) -> None:
    """The runner has them, too. Nothing is owed; without a lease there is no verdict."""
    twin.redis("SET", "precious", "1")
    with playing(*select("flushall"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)) as run:
        run.await_said("flushall: recovery")
        sweep(twin)
    played = run.end()
    assert twin.redis("GET", "precious") == b"1"
    assert (played.exit_code, played.outcomes) == (10, {"flushall": "error"}), played.output
    assert (played.experiments["flushall"]["undone"], files_of_runs(twin)) == (True, [])
    assert not list(Path(BASE).parent.glob(f"{Path(BASE).name}-keys.*"))


def test_what_nobody_can_undo_any_more_leaves_the_host_dirty(twin: Twin, tmp_path: Path) -> None:
    """Neither the runner nor the host could: exit 11, though nothing is written down there that would be owed."""
    twin.redis("SET", "precious", "1")
    _, most = cast("list[bytes]", twin.redis("CONFIG", "GET", "maxmemory"))
    with playing(*select("flushall"), reports=tmp_path / "r", environ=environ_for(twin, tmp_path)) as run:
        run.await_said("flushall: recovery")
        twin.redis("CONFIG", "SET", "maxmemory", "1")
        sweep(twin)
    twin.redis("CONFIG", "SET", "maxmemory", most.decode())
    played = run.end()
    assert (played.exit_code, played.experiments["flushall"]["undone"]) == (11, False), played.output
    assert "not everything was undone (flushall of " in played.document["reason"]
    assert "has undone" not in played.output


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    """A Compose twin of its own."""
    need_staging_host()
    monkeypatch.setenv("TWIN_REDIS_IMAGE", REDIS_IMAGE)
    monkeypatch.setenv("TWIN_BACKEND_IMAGE", BACKEND_IMAGE)
    with up(kind="compose") as twin:
        yield twin


def test_a_run_that_is_cancelled_while_redis_is_stopping_waits_for_its_end(composed: Twin, tmp_path: Path) -> None:
    """A start does nothing to what is about to stop: Redis takes a second to end, and is back all the same."""
    assert isinstance(composed.actions, ComposeActions)
    state = composed.actions.inspect(REDIS)
    send = ["docker", "kill", state["Id"], "--signal"]
    with playing(*select("stop_start"), reports=tmp_path / "r", environ=environ_for(composed, tmp_path)) as run:
        run.await_said("stop_start: fault")
        subprocess.run([*send, "STOP"], check=True, stdout=subprocess.DEVNULL)
        eventually(lambda: is_pending(state["State"]["Pid"], signal.SIGTERM), what="the stop is at work", within_s=5)
        run.send(signal.SIGTERM)
        run.await_said("stop_start: undo")
        Timer(1.0, subprocess.run, [[*send, "CONT"]]).start()
    played = run.end()
    assert (played.exit_code, played.experiments["stop_start"]["undone"]) == (2, True), played.output
    assert (composed.redis("PING"), files_of_runs(composed)) == (b"PONG", [])


def is_pending(process: int, number: signal.Signals) -> bool:
    """Whether the signal waits for a process that is stopped."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text("utf-8").splitlines())
    return bool(int(status["ShdPnd"], 16) >> (number - 1) & 1)


def test_a_container_that_is_replaced_meanwhile_ends_the_run(composed: Twin, tmp_path: Path) -> None:
    """Somebody deploys while Redis recovers: an error, no further fault, and nothing is owed to what is no more."""
    environ = environ_for(composed, tmp_path)
    with playing(*select("kill", "restart"), reports=tmp_path / "r", environ=environ) as run:
        run.await_said("kill: recovery")
        deploy(composed)
    played = run.end()
    assert (played.exit_code, played.outcomes) == (10, {"kill": "error", "restart": "error"}), played.output
    assert files_of_runs(composed) == []
    assert "changed under our feet: does somebody deploy?" in played.experiments["kill"]["reason"]
    assert played.experiments["restart"]["reason"].startswith("not begun: ")


@pytest.mark.parametrize("fault", ["flushall", "kill"])
def test_keys_go_into_the_container_that_a_deployment_has_made(composed: Twin, tmp_path: Path, fault: str) -> None:
    """They were saved from the one before it: an error, and nothing is lost or owed."""
    composed.redis("SET", "precious", "1")
    with playing(*select(fault), reports=tmp_path / "r", environ=environ_for(composed, tmp_path)) as run:
        run.await_said(f"{fault}: recovery")
        deploy(composed)
    played = run.end()
    assert (played.exit_code, played.outcomes[fault]) == (10, "error"), played.output
    assert (played.experiments[fault]["undone"], files_of_runs(composed)) == (True, [])
    assert composed.redis("GET", "precious") == b"1"


def test_the_lease_finds_the_container_that_a_deployment_has_made(composed: Twin, tmp_path: Path) -> None:
    """The runner is dead by then; the host puts the keys into the new one, and owes nothing."""
    composed.redis("SET", "precious", "1")
    environ = environ_for(composed, tmp_path)
    with playing(*select("kill"), "--lease", "3", reports=tmp_path / "r", environ=environ) as run:
        run.await_said("kill: recovery")
        run.send(signal.SIGKILL)
        deploy(composed)
    eventually(lambda: any(path.name == "healed" for path in files_of_runs(composed)), what="healed", within_s=30)
    assert composed.redis("GET", "precious") == b"1"


def deploy(twin: Twin) -> None:
    """Make Redis's container anew, as a deployment does."""
    actions: Any = twin.actions
    assert isinstance(actions, ComposeActions)
    argv = actions.compose("up", "--detach", "--force-recreate", "--no-deps", REDIS)
    subprocess.run(argv, cwd=actions.folder, env=dict(actions.env), check=True, capture_output=True, timeout=60)
