"""The staging host's unprivileged user, made for one host and taken away with it."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from plugins.lock import BASE
from tests_plugins.staging.requirements import ENGINE_SOCKET, SYSTEM_PATH, path_of

if TYPE_CHECKING:
    from tests_plugins.staging.janitor import Janitor

_STARTUP_FILES = {"bash": ".bashrc", "fish": ".config/fish/config.fish"}


@dataclass(frozen=True, kw_only=True)
class Login:
    """What meets whoever logs in: the shell, what its start-up file does, and the way to the engine."""

    shell: Literal["bash", "fish", "sh"] = "bash"
    startup: str = ""  # the text of the shell's start-up file, which non-interactive sessions read, too
    docker: Literal["group", "sudo", "off-path", "none"] = "group"

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a start-up file that the shell would not read."""
        if self.startup and self.shell not in _STARTUP_FILES:
            raise ValueError(f"{self.shell} reads no start-up file when it is not interactive")


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int
    home: Path
    groups: tuple[str, ...]

    def run(
        self, *argv: str, cwd: Path | None = None, as_root: bool = False, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in the home unless told otherwise. Raises ``CalledProcessError``."""
        done = subprocess.run(
            argv,
            cwd=cwd or self.home,
            env={"HOME": str(self.home), "USER": self.name, "PATH": SYSTEM_PATH},
            user=None if as_root else self.uid,
            group=None if as_root else self.gid,
            extra_groups=None if as_root else list(self.groups),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done


def make_account(folder: Path, login: Login, janitor: Janitor) -> Account:
    """Make a user with a home in ``folder`` and a name of its own. Its password can never match, keys can."""
    name = f"stagingdeploy-{secrets.token_hex(3)}"
    home = folder / "home"
    groups = (grp.getgrgid(ENGINE_SOCKET.stat().st_gid).gr_name,) if login.docker in ("group", "off-path") else ()
    janitor.run(path_of("userdel"), name)
    janitor.end_user(name)
    subprocess.run(
        [
            *(path_of("useradd"), "--no-create-home", "--home-dir", str(home), "--shell", path_of(login.shell)),
            *("--password", "*"),  # not "!", which sshd without PAM takes for a locked account
            *("--groups", ",".join(groups), "--comment", "runbook suite's staging host", name),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    made = pwd.getpwnam(name)
    account = Account(name, made.pw_uid, made.pw_gid, home, groups)
    home.mkdir(mode=0o755)
    if login.startup:
        startup = home / _STARTUP_FILES[login.shell]
        startup.parent.mkdir(parents=True, exist_ok=True)
        startup.write_text(login.startup, encoding="utf-8")
    own(account, home)
    if login.docker == "sudo":
        _allow_sudo(account, janitor)
    _share_ledgers()
    return account


def _share_ledgers() -> None:
    """Let root own the folder of all runs, as on a machine of many users: else it is a stranger's once one has gone."""
    base = Path(BASE)
    with suppress(FileExistsError):
        base.mkdir()
    os.chown(base, 0, 0)
    base.chmod(0o1777)


def own(account: Account, folder: Path) -> None:
    """Give a folder and everything in it to the user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def path_without_docker(folder: Path) -> Path:
    """A folder with every program of the system but docker, to be a session's whole PATH."""
    programs = folder / "bin"
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith("docker"):
            (programs / program.name).symlink_to(program)
    return programs


def _allow_sudo(account: Account, janitor: Janitor) -> None:
    rule = Path("/etc/sudoers.d") / account.name
    janitor.run("rm", "-f", str(rule))
    rule.write_text(f"{account.name} ALL=(root) NOPASSWD: ALL\n", encoding="utf-8")
    rule.chmod(0o440)
