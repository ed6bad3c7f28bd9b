"""The project's folder on the host: how its path is written for a shell there, and what it says about the project."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from plugins.target.projects import Folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.inventory import Host
    from plugins.target.model import Shell

#: `~` or `~name` in front, which the host's shell must see unquoted; the rest is quoted.
HOME = re.compile(r"(~[A-Za-z0-9._-]*)(/.*)?", re.DOTALL)

#: $1: the folder, $2: the compose file. Prints what Compose would derive a project's name from. The rest: files of
#: another folder; prints whether all of them are there.
LOOK = r"""
folder=$1 file=$2
shift 2
for other; do [ -e "$other" ] || others=missing; done
[ $# -eq 0 ] || printf 'others=%s\n' "${others:-there}"
cd -- "$folder" 2>/dev/null || exit 0
printf 'path=%s\n' "$(pwd -P)"
case $file in
  /*) ;;
  *) file=$(pwd -P)/$file ;;
esac
printf 'compose_file=%s\n' "$file"
sed -n 's/^[[:space:]]*\(export *\)*COMPOSE_PROJECT_NAME[[:space:]]*=[[:space:]]*/env_name=/p' .env 2>/dev/null
sed -n 's/^name[[:space:]]*:[[:space:]]*/file_name=/p' "$file" 2>/dev/null
:
"""


def quoted(path: str) -> str:
    """A path as one word of a POSIX shell script; a leading ``~`` or ``~name`` stays the host's to expand."""
    match = HOME.fullmatch(path)
    if match is None:
        return shlex.quote(path)
    home, rest = match.groups()
    # The slash must stay unquoted, too, or the `~` is not expanded.
    return home + (f"/{shlex.quote(rest[1:])}" if rest else "")


def look(host: Host, others: Sequence[str] = ()) -> tuple[str, ...]:
    """The command that looks at the project's folder, and for the ``others``, which are absolute paths."""
    words = [quoted(host.project_dir), quoted(host.compose_file), *map(shlex.quote, others)]
    return ("sh", "-c", f"set -- {' '.join(words)}\n{LOOK}")


def folder(shell: Shell, host: Host, others: Sequence[str] = ()) -> Folder:
    """Look at the project's folder. Raises ``TargetError`` when the host does not answer."""
    said = dict(line.partition("=")[::2] for line in shell.run(look(host, others)).text.splitlines() if "=" in line)
    return Folder(
        path=said.get("path", ""),
        compose_file=said.get("compose_file", ""),
        env_name=_plain(said.get("env_name", "")),
        file_name=_plain(said.get("file_name", "")),
        others_there=said.get("others") == "there",
    )


def _plain(value: str) -> str:
    """A value without its quotes and the comment behind it."""
    value = value.strip()
    if value[:1] in {'"', "'"} and value.find(value[0], 1) > 0:
        return value[1 : value.index(value[0], 1)]
    return re.split(r"\s+#", value)[0].strip()
