"""The commands that interventions and their undoing are made of, as they run on the host. See ``fault.Means``.

Fixed scripts take what varies as arguments of their own; only the project's folder stands in the script itself, quoted,
because a leading ``~`` is the host's shell's to expand.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.fault import Verb
from plugins.target.compose import ComposeStack
from plugins.target.folder import quoted
from plugins.target.sole import RUNS, UNDO, sole

if TYPE_CHECKING:
    from plugins.inventory import Host
    from plugins.target.model import Container
    from plugins.target.open import Target

#: What can put back a container without the project's folder and file.
UNDOING = (Verb.START, Verb.UNPAUSE)

#: $1: a container's id, $2: a process's. Runs where the host's processes can be seen, and kills no other container's.
#: A cgroup namespace of its own shows the id all the same, as the end of a path that begins with `/..`.
KILL = """\
grep -qF -- "$1" "/proc/$2/cgroup" || { echo "process $2 does not belong to the container $1: not killed" >&2; exit 1; }
kill -9 "$2"
"""

#: $1: the container's id, $2: its image's, $3: KILL, then the docker client. The image is there: Redis runs from it.
CRASH = """\
id=$1 image=$2 kill=$3
shift 3
pid=$("$@" inspect --type container -f '{{.State.Pid}}' "$id") || exit
exec "$@" run --rm --pull never --pid host --network none --cap-drop ALL --cap-add KILL --user 0:0 \\
  --entrypoint sh "$image" -c "$kill" sh "$id" "$pid"
"""

#: The process twin's own client, a file that needs neither a folder nor an environment.
SUPERVISOR_CLIENT = Path(__file__).resolve().parents[2] / "twin" / "supervisor" / "client.py"


@dataclass(frozen=True)
class ComposeMeans:
    """Docker Compose's. ``by_file``: from the project's folder with its file; else by the project's name alone."""

    host: Host
    project: str | None = None
    by_file: bool = True

    def intervention(self, verb: Verb) -> tuple[str, ...]:
        """See ``fault.Means``. Without the folder it runs in ``/``, where no other project's file is found."""
        project = ("-p", self.project) if self.project else ()
        file = ("-f", self.host.compose_file) if self.by_file else ()
        service = self.host.redis_service
        operand = ("--", service) if service.startswith("-") else (service,)
        folder = quoted(self.host.project_dir) if self.by_file else "/"
        script = f'cd -- {folder} && exec "$@"'
        return ("sh", "-c", script, "sh", *self.host.docker, "compose", *file, *project, verb.value, *operand)

    def undoing(self, verb: Verb, redis: Container) -> tuple[str, ...]:
        """See ``fault.Means``. Raises ``ValueError`` for a verb that undoes nothing."""
        _require_undoing(verb)
        return self._sole(UNDO, redis, verb.value, redis.id)

    def crashing(self, redis: Container) -> tuple[str, ...]:
        """See ``fault.Means``: a helper container kills it. No root is needed on the host, nor any further image."""
        return ("sh", "-c", CRASH, "sh", redis.id, redis.image_id, KILL, *self.host.docker)

    def proof(self, redis: Container) -> tuple[str, ...]:
        """See ``fault.Means``."""
        return self._sole(RUNS, redis)

    def _sole(self, script: str, redis: Container, *words: str) -> tuple[str, ...]:
        return sole(script, *words, project=self.project, service=redis.service, docker=self.host.docker)


@dataclass(frozen=True)
class ProcessMeans:
    """The process twin's: its supervisor's socket and the service, which has one container for life."""

    supervisor: Path
    service: str

    def intervention(self, verb: Verb) -> tuple[str, ...]:
        """See ``fault.Means``."""
        return self._asking(verb.value, self.service)

    def undoing(self, verb: Verb, redis: Container) -> tuple[str, ...]:
        """See ``fault.Means``. Raises ``ValueError`` for a verb that undoes nothing."""
        _require_undoing(verb)
        return self._asking(verb.value, redis.service)

    def crashing(self, redis: Container) -> tuple[str, ...]:
        """See ``fault.Means``: the supervisor kills what it started itself."""
        return self._asking("crash", redis.service)

    def proof(self, redis: Container) -> tuple[str, ...]:
        """See ``fault.Means``."""
        return self._asking("proof", redis.service)

    def _asking(self, verb: str, service: str) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", str(SUPERVISOR_CLIENT), str(self.supervisor), verb, service)


def means_of(target: Target, supervisor: Path | None = None) -> ComposeMeans | ProcessMeans:
    """The means for a target whose containers were found before; ``supervisor``: the process twin's socket.

    Looks whether the project's folder and file are on the host, as they are not where it was started from a CI job's
    checkout elsewhere. Raises ``TargetError`` where the host does not answer.
    """
    host = target.host
    if supervisor is not None:
        return ProcessMeans(supervisor, host.redis_service)
    project = target.stack.project if isinstance(target.stack, ComposeStack) else host.compose_project
    there = target.shell.run(look(host)).exit_code == 0
    return ComposeMeans(host, project, by_file=there or project is None)


def look(host: Host) -> tuple[str, ...]:
    """The command that exits 0 where the project's folder and file can be used."""
    return ("sh", "-c", f'cd -- {quoted(host.project_dir)} && [ -r "$1" ]', "sh", host.compose_file)


def planned(host: Host, *verbs: Verb) -> tuple[str, ...]:
    """Interventions as lines to read, for ``--plan``."""
    means = ComposeMeans(host, host.compose_project)
    return tuple(shlex.join(means.intervention(verb)) for verb in verbs)


def _require_undoing(verb: Verb) -> None:
    if verb not in UNDOING:
        raise ValueError(f"{verb.value} undoes nothing; these do: {', '.join(UNDOING)}")
