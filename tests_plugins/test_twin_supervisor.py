"""The supervisor: services are started, stopped, killed and brought back as a container engine would do it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_UNIX, socket
from typing import TYPE_CHECKING, Any

import pytest

from plugins.eventually import eventually
from tests_plugins.pids import alive
from twin.supervisor import client, policy
from twin.supervisor.spec import Health, ServiceSpec, StackSpec, dump, load

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
WORKER = "worker"


def stack(folder: Path, *script: str, restart: str = "unless-stopped", grace_s: float = 5.0) -> StackSpec:
    """One service that runs a shell script; its health check finds nobody."""
    worker = ServiceSpec(
        name=WORKER,
        container_id=secrets.token_hex(32),
        container_name=f"test-{WORKER}-1",
        argv=("sh", "-c", "\n".join(script)),
        cwd=str(folder),
        env={"PATH": os.environ["PATH"]},
        health=Health(kind="redis", port=1),
        restart=restart,
        stop_timeout_s=grace_s,
    )
    return StackSpec(project="test", engine_id="test", socket=str(folder / "s"), folder=str(folder), services=(worker,))


@dataclass(frozen=True)
class Supervised:
    """A supervisor under test."""

    process: subprocess.Popen[bytes]
    folder: Path

    def ask(self, op: str, **parameters: object) -> Any:
        """One operation on the service."""
        return client.call(self.folder / "s", op, service=WORKER, **parameters)  # type: ignore[arg-type] # JSON

    @property
    def worker(self) -> dict[str, Any]:
        """The service's description."""
        (described,) = client.call(self.folder / "s", "containers")
        return dict(described)

    def until(self, **wanted: object) -> dict[str, Any]:
        """Wait until the description has these values, and return it."""
        return eventually(
            lambda: self.worker,
            lambda found: all(found[name] == value for name, value in wanted.items()),
            what=f"a worker with {wanted}",
            within_s=5,
            every_s=0.01,
            catch=(FileNotFoundError, ConnectionError),
        )

    def logged(self) -> list[str]:
        """The log's lines."""
        found = self.ask("logs", since="0001-01-01T00:00:00+00:00")
        return [text for _, _, text in found["records"]]


@contextmanager
def supervised(*script: str, ttl_s: float = 60.0, **settings: Any) -> Iterator[Supervised]:
    """A supervisor with one service, owned by this process."""
    folder = Path(tempfile.mkdtemp(prefix="twin-"))
    (folder / "spec.json").write_text(dump(stack(folder, *script, **settings)), encoding="utf-8")
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "twin.supervisor",
            str(folder / "spec.json"),
            "--owner",
            str(os.getpid()),
            "--ttl",
            str(ttl_s),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        made = Supervised(process, folder)
        made.until()
        yield made
    assert not folder.exists()


@pytest.fixture(scope="module")
def steady() -> Iterator[Supervised]:
    """One for tests that leave it running."""
    with supervised("exec sleep 600") as made:
        made.until(state="running")
        yield made


def test_a_crash_is_followed_by_a_restart_that_counts() -> None:
    """Under unless-stopped a process that dies comes back, and RestartCount says how often."""
    with supervised("exec sleep 60") as made:
        before = made.until(state="running")
        made.ask("crash")
        after = made.until(state="running", restart_count=1)
    assert after["exit_code"] == 128 + signal.SIGKILL
    assert after["pid"] != before["pid"]
    assert after["finished_at"] < after["started_at"]


@pytest.mark.parametrize(("verb", "exit_code"), [("kill", 128 + signal.SIGKILL), ("stop", 128 + signal.SIGTERM)])
def test_what_a_person_ends_stays_down(verb: str, exit_code: int) -> None:
    """A kill and a stop count as manual: no restart policy undoes them."""
    with supervised("exec sleep 60", restart="always") as made:
        made.until(state="running")
        made.ask(verb)
        assert (made.worker["state"], made.worker["exit_code"]) == ("exited", exit_code)
        with pytest.raises(TimeoutError):
            eventually(lambda: made.worker["state"] == "running", what="it runs again", within_s=0.5)


def test_start_begins_the_count_anew() -> None:
    """After a stop and a start nothing is left of earlier restarts."""
    with supervised("exec sleep 60") as made:
        made.until(state="running")
        made.ask("crash")
        made.until(state="running", restart_count=1)
        made.ask("stop")
        made.ask("start")
        assert (made.worker["state"], made.worker["restart_count"]) == ("running", 0)


def test_a_process_that_ignores_the_stop_is_killed_in_the_end() -> None:
    """SIGTERM first; SIGKILL when the grace is over."""
    with supervised("trap '' TERM", "echo ready", "while :; do sleep 60; done", grace_s=0.3) as made:
        eventually(made.logged, lambda lines: "ready" in lines, what="the trap is set", within_s=5)
        made.ask("stop")
        assert (made.worker["state"], made.worker["exit_code"]) == ("exited", 128 + signal.SIGKILL)


def test_a_graceful_stop_lets_the_process_finish() -> None:
    """What it does upon SIGTERM still happens, and its exit code is kept."""
    script = ("trap 'echo bye; exit 3' TERM", "echo ready", "while :; do sleep 0.05; done")
    with supervised(*script) as made:
        eventually(made.logged, lambda lines: "ready" in lines, what="the trap is set", within_s=5)
        made.ask("stop")
        assert made.worker["exit_code"] == 3
        assert made.logged()[-1] == "bye"


def test_a_paused_service_can_be_stopped() -> None:
    """Stop reaches a frozen process, too."""
    with supervised("exec sleep 60") as made:
        made.until(state="running")
        made.ask("pause")
        made.ask("stop")
        assert made.worker["exit_code"] == 128 + signal.SIGTERM


def test_a_frozen_process_does_nothing_until_it_is_thawed() -> None:
    """Pause stops the clock of everything in the service."""
    with supervised("i=0", "while :; do i=$((i+1)); echo $i; sleep 0.01; done") as made:
        eventually(made.logged, what="it counts", within_s=5)
        made.ask("pause")
        first = len(made.logged())
        with pytest.raises(TimeoutError):
            eventually(lambda: len(made.logged()) > first + 1, what="it counts on", within_s=0.3)
        made.ask("unpause")
        eventually(lambda: len(made.logged()) > first + 1, what="it counts on", within_s=5)


def test_what_the_state_forbids_is_refused() -> None:
    """As the engine, the supervisor refuses to kill, crash, pause or unpause what does not run."""
    with supervised("exec sleep 60") as made:
        made.until(state="running")
        made.ask("stop")
        for verb in ("kill", "pause", "crash", "unpause"):
            with pytest.raises(client.Refusal, match=r"is not (running|paused)") as refused:
                made.ask(verb)
            assert refused.value.code == "conflict"


def test_a_paused_service_is_not_started() -> None:
    """Starting what is paused is an error, as with the engine."""
    with supervised("exec sleep 60") as made:
        made.until(state="running")
        made.ask("pause")
        with pytest.raises(client.Refusal, match="try unpause"):
            made.ask("start")


def test_on_failure_gives_up_after_its_number() -> None:
    """on-failure:2 restarts twice and then leaves it."""
    with supervised("echo again; exit 5", restart="on-failure:2") as made:
        ended = made.until(state="exited", restart_count=2)
        assert ended["exit_code"] == 5
        assert made.logged() == ["again"] * 3


def test_what_a_service_forked_ends_with_it() -> None:
    """No child of a service survives it."""
    with supervised("sleep 60 & echo $!", "exec sleep 60") as made:
        [child] = eventually(made.logged, what="the child's pid", within_s=5)
        made.ask("kill")
        eventually(lambda: not alive(int(child)), what="the child is gone", within_s=5)


def test_a_stack_ends_when_its_time_is_over() -> None:
    """A forgotten stack goes down by itself."""
    with supervised("exec sleep 60", ttl_s=0.5) as made:
        pid = made.until(state="running")["pid"]
        eventually(lambda: not made.folder.exists(), what="it has gone", within_s=5)
        assert made.process.wait() == 0
        assert not alive(pid)


def test_the_log_outlives_the_process() -> None:
    """A restart keeps what was logged before; a last line without an end counts."""
    with supervised('printf "one\\ntwo"', "exec sleep 60") as made:
        eventually(made.logged, lambda lines: "one" in lines, what="the first line", within_s=5)
        made.ask("restart")
        eventually(made.logged, lambda lines: lines.count("one") == 2, what="both runs' lines", within_s=5)
        assert made.logged()[:3] == ["one", "two", "one"]


@pytest.mark.parametrize(
    "request_line", [b"{}", b"[]", b"nonsense", b'{"op": "dance"}', b'{"op": "logs", "service": 1}', b"\xff"]
)
def test_a_nonsensical_request_is_answered(steady: Supervised, request_line: bytes) -> None:
    """Whatever is asked, the supervisor answers and goes on."""
    with socket(AF_UNIX) as connection, connection.makefile("rb") as stream:
        connection.connect(str(steady.folder / "s"))
        connection.sendall(request_line + b"\n")
        assert b'"error"' in stream.readline()
    assert steady.worker["state"] == "running"


def test_a_specification_survives_its_file(tmp_path: Path) -> None:
    """What was written is what is read."""
    spec = stack(tmp_path, "true")
    assert load(dump(spec)) == spec


@pytest.mark.parametrize(
    ("word", "exit_code", "restarts", "by_hand", "expected"),
    [
        ("no", 1, 0, False, False),
        ("always", 0, 9, False, True),
        ("unless-stopped", 0, 9, False, True),
        ("always", 1, 0, True, False),
        ("on-failure", 0, 0, False, False),
        ("on-failure", 1, 99, False, True),
        ("on-failure:3", 1, 2, False, True),
        ("on-failure:3", 1, 3, False, False),
    ],
)
def test_restart_policies(word: str, exit_code: int, restarts: int, by_hand: bool, expected: bool) -> None:
    """Each policy decides as the engine's documentation says."""
    assert expected == policy.comes_back(word, exit_code=exit_code, restarts=restarts, by_hand=by_hand)


def test_the_backoff_doubles_up_to_a_minute() -> None:
    """0.1 s, 0.2 s, … and never more than 60 s."""
    assert [policy.backoff_s(ends) for ends in (1, 2, 3, 11, 10_000)] == [0.1, 0.2, 0.4, 60.0, 60.0]


def test_what_happens_is_told_in_an_engine_s_words() -> None:
    """Interventions name their signal; an end from nowhere is an end alone."""
    with supervised("exec sleep 60") as made:
        made.until(state="running")
        last = made.ask("events", after=None)["last"]
        for verb in ("pause", "unpause", "crash"):
            made.ask(verb)
        made.until(state="running", restart_count=1)
        for verb in ("restart", "kill"):
            made.ask(verb)
        told = made.ask("events", after=last)["events"]
        (container_id,) = {event["id"] for event in told}
        assert container_id == made.worker["container_id"]
    assert [(event["action"], *event["attributes"].values()) for event in told] == [
        ("pause",),
        ("unpause",),
        ("die", "137"),
        ("start",),
        ("kill", "15"),
        ("die", "143"),
        ("stop",),
        ("start",),
        ("restart",),
        ("kill", "9"),
        ("die", "137"),
    ]


def test_news_is_told_as_it_happens(steady: Supervised) -> None:
    """Who waits for the next event hears of it at once; where there is none, when the time is over."""
    last = steady.ask("events", after=None)["last"]
    assert steady.ask("events", after=last, timeout_s=0.05) == {"last": last, "events": []}
    asker = threading.Timer(0.1, steady.ask, ["pause"])
    asker.start()
    begun = time.monotonic()
    heard = steady.ask("events", after=last, timeout_s=5.0)
    took_s = time.monotonic() - begun
    asker.join()
    steady.ask("unpause")
    assert [event["action"] for event in heard["events"]] == ["pause"]
    assert took_s < 2
