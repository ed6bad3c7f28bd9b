"""Gathering on a real staging host, where only real networks, engines and SSH servers tell the difference."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugins.facts import causes
from plugins.facts.gather import gather
from plugins.target.open import open_target
from plugins.verdict import Blocked, NotApplicable, Unjudged
from tests_plugins.staging import SshdOptions, Stack, StagingHost, StagingOptions, need_staging_host, staging_host
from tests_plugins.staging.requirements import path_of
from twin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.facts import Facts
    from plugins.inventory import Host

#: A backend that holds no connection: it connects when its check is run, and never else.
LAZY = Stack(
    changes={
        "services": {
            "backend_staging": {
                "command": ["python3", "-c", "import time; time.sleep(3600)"],
                "healthcheck": None,
                "logging": {"driver": "none"},
            }
        }
    }
)


#: Its application connects as it is asked for readiness, and closes again; it holds no connection.
_PER_REQUEST = """
import http.server, redis

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with redis.Redis("redis_staging") as client:
            client.ping()
        body = b'{"checks": {"redis": {"status": "ok"}}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Ready).serve_forever()
"""
PER_REQUEST = Stack(changes={"services": {"backend_staging": {"command": ["python3", "-c", _PER_REQUEST]}}})


@contextmanager
def looking(staging: StagingHost, host: Host | None = None) -> Iterator[Facts]:
    target = open_target(host or staging.host, environ=staging.environ)
    facts = gather(target, since=None, baseline=lambda _key: None)
    try:
        yield facts
    finally:
        facts.close()


@pytest.fixture(scope="module")
def lazy() -> Iterator[StagingHost]:
    need_staging_host()
    with staging_host(StagingOptions(stack=LAZY)) as staging:
        yield staging


def asking(staging: StagingHost, script: str) -> Host:
    """The host with another check of the backend, and no readiness."""
    return replace(staging.host, backend_check=("python3", "-c", script), readiness_url=None)


def test_the_suites_own_check_is_no_proof(lazy: StagingHost) -> None:
    """It connects from the backend's container; whether the application does, too, is another question: skipped."""
    host = asking(lazy, "import redis; assert redis.Redis(host='redis_staging').ping()")
    with looking(lazy, host) as facts, pytest.raises(NotApplicable, match="but that of the suite's own check"):
        _ = facts.bond


def test_an_application_that_connects_for_an_instant_is_connected() -> None:
    """CLIENT LIST does not know it any more; its own kernel does, for a minute: it was as readiness was asked."""
    need_staging_host()
    with staging_host(StagingOptions(stack=PER_REQUEST)) as staging, looking(staging) as facts:
        assert facts.bond.connected is True
        assert facts.bond.detail.endswith("as it answered readiness")


def test_a_check_that_asks_no_redis_proves_nothing(lazy: StagingHost) -> None:
    """Neither green nor red: skipped."""
    with looking(lazy, asking(lazy, "pass")) as facts, pytest.raises(NotApplicable):
        _ = facts.bond


def test_a_log_that_is_not_kept_is_unjudged(lazy: StagingHost) -> None:
    """Never green on a log that nobody can read."""
    with looking(lazy) as facts, pytest.raises(Unjudged, match="the log cannot be read back"):
        _ = facts.logs


def test_a_redis_that_listens_to_itself_only_is_found_out() -> None:
    """It answers inside its container, and by the fallback; nobody else reaches it: the wire is red."""
    need_staging_host()
    stack = Stack(twin=Options(publish=None, redis_args=("--bind", "127.0.0.1")))
    with staging_host(StagingOptions(stack=stack)) as staging, looking(staging) as facts:
        assert (facts.exec_ping.ok, facts.ping.ok) == (True, False)
        assert "answers inside its container only" in facts.ping.detail
        with pytest.raises(Blocked) as blocked:
            _ = facts.backend
        assert blocked.value.by == causes.PING


def test_a_redis_without_a_network_is_found_out() -> None:
    """Cut off from its network it still says PONG inside."""
    need_staging_host()
    with staging_host() as staging:
        network = f"{staging.project}_default"
        subprocess.run(
            [path_of("docker"), "network", "disconnect", network, staging.container("redis_staging")], check=True
        )
        with looking(staging) as facts:
            assert (facts.exec_ping.ok, facts.ping.ok) == (True, False)
            assert facts.ping.detail.endswith("is on no network")


def test_forbidden_forwarding_costs_the_wire_ping_and_nothing_else() -> None:
    """Skipped with its reason; everything else is asked through the container."""
    need_staging_host()
    sshd = SshdOptions(tcp_forwarding="no", stream_local_forwarding="no")
    with staging_host(StagingOptions(sshd=sshd)) as staging, looking(staging) as facts:
        with pytest.raises(NotApplicable, match="forbids forwarding"):
            _ = facts.ping
        assert facts.write.ok
        assert facts.redis.memory.used > 0
        assert facts.agreement.odd == ()


def test_every_replica_is_asked() -> None:
    """Two backends, two checks, one bond."""
    need_staging_host()
    with staging_host(StagingOptions(stack=Stack(replicas=2))) as staging, looking(staging) as facts:
        assert facts.backend.ok
        assert facts.backend.detail.count("backend_staging-") == 2
        assert facts.bond.connected
