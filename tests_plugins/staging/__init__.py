"""A real staging host on this machine, for tests and benchmarks: sshd, an unprivileged user, Docker Compose.

    need_staging_host()                      # skips with the reason, fails where CI requires the real thing
    with staging_host() as staging:
        staging.host                         # its plugins.inventory.Host; staging.inventory_file is a hosts.toml

Everything is made for one ``with`` block, on loopback, under names of its own, and taken away with it, even when the
process that made it is killed. ``.ci/provision`` prepares a Debian 12 machine for it.
"""

from __future__ import annotations

from tests_plugins.staging.account import Account, Login
from tests_plugins.staging.host import NAME, StagingHost, StagingOptions, staging_host
from tests_plugins.staging.images import BACKEND, REDIS, REDIS_6_2, REDIS_8, VALKEY
from tests_plugins.staging.requirements import REQUIRE, need_staging_host, skip_or_fail, unavailable
from tests_plugins.staging.sshd import ALIAS, Sshd, SshdOptions, sshd
from tests_plugins.staging.stack import Stack

__all__ = [
    "ALIAS",
    "BACKEND",
    "NAME",
    "REDIS",
    "REDIS_6_2",
    "REDIS_8",
    "REQUIRE",
    "VALKEY",
    "Account",
    "Login",
    "Sshd",
    "SshdOptions",
    "Stack",
    "StagingHost",
    "StagingOptions",
    "need_staging_host",
    "skip_or_fail",
    "sshd",
    "staging_host",
    "unavailable",
]
