"""A user and an sshd of their own for tests of the connection alone, without Docker."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.target.ssh import SshShell
from tests_plugins.staging import ALIAS, Login, skip_or_fail, sshd
from tests_plugins.staging.account import make_account
from tests_plugins.staging.janitor import Janitor
from tests_plugins.staging.requirements import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_plugins.staging import Sshd, SshdOptions


def need_sshd(*programs: str) -> None:
    """Go on where a user and an sshd can be made, and these further programs are there; else skip, or fail in CI."""
    if os.geteuid() != 0:
        skip_or_fail("only root can make a user and an sshd for it")
    for program in ("sshd", "ssh", "ssh-keygen", "useradd", "userdel", *programs):
        if find(program) is None:
            skip_or_fail(f"no {program} on this machine")


@contextmanager
def server(options: SshdOptions | None = None, *, login: Login | None = None) -> Iterator[Sshd]:
    """An sshd with a user, both gone afterwards."""
    need_sshd((login or Login()).shell)
    janitor = Janitor()
    try:
        base = Path(tempfile.mkdtemp(prefix="sshd-"))
        janitor.remove(base)
        base.chmod(0o755)
        account = make_account(base, login or Login(docker="none"), janitor)
        with sshd(account.name, base / "ssh", janitor=janitor, options=options) as running:
            yield running
    finally:
        janitor.close()


@contextmanager
def shell(running: Sshd, port: int | None = None) -> Iterator[SshShell]:
    """A shell to it, not opened yet; ``port``: through another one, as a proxy's."""
    config = running.client_config if port is None else running.config_for(port)
    made = SshShell(ALIAS, ssh_config=config)
    try:
        yield made
    finally:
        made.close()


def logins(running: Sshd) -> int:
    """How often somebody logged in to it."""
    return running.log.count("Accepted publickey")
