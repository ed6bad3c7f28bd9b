"""testinfra's host on the target's own shell: no connection of its own, no paramiko, no second ssh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.target.model import Shell

#: Seconds for one of testinfra's commands.
COMMAND_TIMEOUT_S = 10.0


def session(line: str) -> list[str]:
    """The command that runs one command line of testinfra's, which has quoted its arguments."""
    return ["sh", "-c", line]


def machine(shell: Shell) -> Any:
    """A ``testinfra.host.Host``. Its commands raise as ``Shell.run`` does."""
    # Only the host's own section of the checks needs the library, which takes its time to import.
    from testinfra.backend.base import BaseBackend, CommandResult  # noqa: PLC0415 - see above
    from testinfra.host import Host  # noqa: PLC0415 - see above

    class ShellBackend(BaseBackend):  # type: ignore[misc]  # untyped library
        """Commands run where the shell runs them; testinfra has quoted their arguments."""

        NAME = "shell"

        def __init__(self) -> None:
            super().__init__(shell.where)

        def run(self, command: str, *args: str, **_: Any) -> CommandResult:
            """Run one command line of testinfra's."""
            line = self.get_command(command, *args)
            done = shell.run(session(line), timeout_s=COMMAND_TIMEOUT_S)
            return self.result(done.exit_code, self.encode(line), done.stdout, done.stderr)

    return Host(ShellBackend())
