"""HTTP asked by ``curl`` on the host: the way where the SSH server forbids forwarding."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plugins.target.http_answer import answer, told_of_tls
from plugins.target.model import CannotAsk, CarrierFailed, TargetError, TimedOut

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.target.model import Completed, HttpAnswer, Shell
    from plugins.target.roads import Deadline

#: The address comes as the first line of standard input, for it may hold a password; a private CA, which is a file
#: here and not on the host, as the rest.
SCRIPT = r"""
umask 077
ca=$(mktemp) || exit 126
trap 'rm -f "$ca"' EXIT
IFS= read -r config
cat > "$ca" || exit 126
[ -s "$ca" ] && set -- --cacert "$ca" "$@"
printf '%s\n' "$config" | curl -q --config - "$@"
"""

OPTIONS = ("--silent", "--show-error", "--include", "--http1.1", "--noproxy", "*", "--proto", "=http,https")

TIMED_OUT = 28
#: The shell found no curl or could not start it, or the private CA could not be stored; curl could not start (2).
NOT_ASKED = {2, 126, 127}
#: curl's exit codes that say what kind of failure it was.
KINDS = {6: "unknown name", 7: "cannot connect", 35: "TLS", 51: "TLS", 58: "TLS", 60: "TLS", 77: "TLS"}


def command(within_s: str) -> list[str]:
    """The command for one GET: the address stands in its standard input."""
    return ["sh", "-c", SCRIPT, "sh", *OPTIONS, "--max-time", within_s]


def ask_with_curl(shell: Shell, url: str, ca_file: Path | None, deadline: Deadline) -> HttpAnswer:
    """One GET. Raises as ``Readiness.ask``, and ``CannotAsk`` where curl could not be run."""
    begun = time.monotonic()
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    stdin = f'url = "{quoted}"\n'.encode() + (ca_file.read_bytes() if ca_file is not None else b"")
    done = _run(shell, command(f"{deadline.left():.2f}"), stdin, deadline)
    if done.exit_code == TIMED_OUT:
        raise deadline.passed()
    if done.exit_code != 0:
        kind = KINDS.get(done.exit_code, f"curl's exit code {done.exit_code}")
        raise TargetError(f"{deadline.what}: {kind}: {told_of_tls(done.errors.strip())}")
    return parsed(done.stdout, time.monotonic() - begun, deadline.what)


def _run(shell: Shell, argv: list[str], stdin: bytes, deadline: Deadline) -> Completed:
    """What the host made of the command. Raises ``CannotAsk`` where it did not come to a question."""
    try:
        done = shell.run(argv, stdin=stdin, timeout_s=deadline.left() + 1)
    except (TimedOut, CarrierFailed):
        raise
    except TargetError as error:
        raise CannotAsk(f"{deadline.what}: could not be asked: {error}") from error
    if done.exit_code in NOT_ASKED:
        said = done.errors.strip() or f"exit {done.exit_code}"
        raise CannotAsk(f"{deadline.what}: could not be asked by curl on the host: {said}")
    return done


def parsed(output: bytes, took_s: float, what: str) -> HttpAnswer:
    """What curl printed: heads of interim answers, the answer's head, its body. Raises ``TargetError``."""
    while output.startswith(b"HTTP/1.1 1") and b"\r\n\r\n" in output:
        output = output.partition(b"\r\n\r\n")[2]
    head, _, body = output.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not first.startswith("HTTP/") or len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004 - version and status
        raise TargetError(f"{what}: not HTTP: {head[:80]!r}")
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return answer(int(words[1]), headers, body, took_s)
