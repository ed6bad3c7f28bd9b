"""The undo: what puts the host back, as a script that the host can run by itself, or a person by hand. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The variable in which a watcher on the host has what logs it in to Redis: an AUTH command in Redis's own protocol.
#: It stands before the keys that are put back, so no password is in an argument, and sudo need not let it through.
LOGIN = "RUNBOOK_SUITE_LOGIN"

#: {0}: what is undone, {1}: the commands, {2}: the proof, {3}: what puts keys back.
SCRIPT = """\
#!/bin/sh
# Undoes: {0}
# By hand: sh THIS_FILE. All of it may be repeated; of the commands one may fail where there is nothing left to undo.
run() {{
  "$@" && return
  code=$?
  if [ "$1 ${{2-}}" = "sh -c" ] && [ $# -gt 4 ]; then shift 4; fi # a script: only what it was given is told
  echo "exit code $code: $*"
}}

undo() {{
{1}
}}

proof() {{
{2}
}}

restore() {{
{3}
}}

# What redis-cli --pipe says when every key is there, put back now or there already; the rest is told, and is a failure.
judged() {{
  grep -v -e '^BUSYKEY ' -e "^ERR Library '.*' already exists" | {{
    answered='' wrong=''
    while IFS= read -r line; do
      case $line in
      'errors: '*', replies: '*) answered=1 ;;
      '' | 'All data transferred.'* | 'Last reply received'*) ;;
      'ERR AUTH <password> called without any password'* | 'ERR Client sent AUTH, but no password is set'*) ;;
      *) wrong=1 && printf '%s\\n' "$line" ;;
      esac
    done
    [ -n "$answered" ] && [ -z "$wrong" ]
  }}
}}

case ${{1-}} in
undo | proof | restore) "$1" ;;
*) undo && proof && restore ;;
esac
"""

#: {0}: the file, {1}: the command that reads it, {2}: the login's variable, {3}: what goes before the file.
PIPE = """\
[ -f {0} ] || {{
  echo "the saved keys are not there: "{0}
  return 1
}}
{{ printf '%s' "${{{2}-}}"{3} && cat {0}; }} | {1} 2>&1 | judged"""


@dataclass(frozen=True)
class Restore:
    """Keys that are put back where they are absent.

    ``argv`` is a ``redis-cli --pipe`` in the service's container (see ``keyfile.replaying``), without a password: the
    login goes before the keys. ``file`` is on the host: RESTORE (without REPLACE) and SELECT commands in
    Redis's protocol. ``first``, in the same, goes before it: what must be so before a key comes back.
    """

    argv: tuple[str, ...]
    file: str
    first: str = ""


@dataclass(frozen=True)
class Undo:
    """What puts the host back after one fault.

    ``commands`` may each fail where there is nothing to undo, and are repeated until ``proof`` exits 0 and goes on
    doing so; without a proof once is enough. Keys go into what the proof names: where it prints something else
    afterwards, they are put back again. Both need neither a folder nor a terminal.
    """

    what: str  # in words, without secrets: everybody on the host may read it
    commands: tuple[tuple[str, ...], ...] = ()
    proof: tuple[str, ...] = ()
    restore: Restore | None = None


def script(undo: Undo) -> str:
    """The undo as a POSIX script. Every word is quoted, here and only here."""
    commands = [f"run {_line(argv)}" for argv in undo.commands]
    return SCRIPT.format(
        one_line(undo.what), "\n".join(commands) or ":", _line(undo.proof) or ":", _restoring(undo.restore)
    )


def _restoring(restore: Restore | None) -> str:
    if restore is None:
        return ":"
    first = f" {_word(restore.first)}" if restore.first else ""
    return PIPE.format(shlex.quote(restore.file), _line(restore.argv), LOGIN, first)


def _line(argv: Sequence[str]) -> str:
    return " ".join(map(_word, argv))


def _word(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"no script can hold a NUL: {text!r}")
    return shlex.quote(text)


def one_line(words: str) -> str:
    """Words that fit on one line: whatever would end or disturb it becomes a blank."""
    return " ".join("".join(one if one.isprintable() else " " for one in words).split())
