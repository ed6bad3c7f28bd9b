"""Whether this machine can be a real staging host, and what becomes of a test when it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests_plugins.staging.images import BACKEND, REDIS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Set to 1 where a skip would hide something: such tests fail instead.
REQUIRE = "RUNBOOK_SUITE_REQUIRE_REAL"
#: sshd and useradd are not on every user's PATH.
SYSTEM_PATH = f"{os.defpath}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
#: Whose group may use the engine.
ENGINE_SOCKET = Path("/var/run/docker.sock")
_PROGRAMS = ("docker", "sshd", "ssh", "ssh-keygen", "useradd", "userdel")


@cache
def unavailable() -> str | None:
    """Why this machine cannot be a staging host, in one sentence; None where it can. Asked once a process."""
    for program in _PROGRAMS:
        if find(program) is None:
            return f"no {program} on this machine"
    if os.geteuid() != 0:
        return "only root can make the staging host's user and its sshd"
    if not ENGINE_SOCKET.is_socket():
        return f"no Docker engine listens on {ENGINE_SOCKET}"
    for asked, meaning in (
        (["docker", "info"], "the Docker engine does not answer"),
        (["docker", "compose", "version"], "docker has no compose plug-in (v2)"),
        *((["docker", "image", "inspect", image], f"the engine has no image {image}") for image in (REDIS, BACKEND)),
    ):
        if (said := _refusal(asked)) is not None:
            return f"{meaning}: {said}"
    return None


def find(program: str) -> str | None:
    """The program's path, also where it is only on root's PATH."""
    return shutil.which(program) or shutil.which(program, path=SYSTEM_PATH)


def path_of(program: str) -> str:
    """The program's path. Raises ``FileNotFoundError`` where there is none."""
    path = find(program)
    if path is None:
        raise FileNotFoundError(f"no {program} on this machine")
    return path


def need_staging_host(*programs: str, environ: Mapping[str, str] = os.environ) -> None:
    """Go on where a staging host can be had, and these further programs; else skip with the reason.

    With ``RUNBOOK_SUITE_REQUIRE_REAL=1`` in the environment it fails instead of skipping.
    """
    reason = unavailable() or next((f"no {name} on this machine" for name in programs if find(name) is None), None)
    if reason is not None:
        skip_or_fail(reason, environ)


def skip_or_fail(reason: str, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Skip for this reason; where real hosts are required, fail for it."""
    if environ.get(REQUIRE) == "1":
        pytest.fail(f"{REQUIRE}=1, but {reason}", pytrace=False)
    pytest.skip(f"{reason} (.ci/provision makes a Debian 12 machine able)")


def _refusal(argv: list[str]) -> str | None:
    """What a command said when it failed; None when it worked."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return "no answer within 20 s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
