"""Asking a supervisor: one request over a fresh connection to its unix socket.

As a command, ``python client.py SOCKET VERB SERVICE``, it intervenes as the engine's own command would: from any
folder, with nothing but the standard library; a refusal's words go to standard error with exit code 1. The verb
``proof`` does nothing but exit 0 where the service runs and is not paused.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

#: How long an intervention may take; a stop waits for the service's own grace. Seconds.
INTERVENTION_S = 60.0
#: Given to the supervisor on top of what it was allowed itself, before it counts as hanging. Seconds.
GRACE_S = 2.0


class Refusal(Exception):
    """The supervisor's error answer; ``code`` is one of its protocol's, the message its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def call(path: Path, op: str, *, timeout_s: float = 10.0, **parameters: object) -> Any:
    """The result of one operation.

    Raises ``Refusal``, and ``OSError`` (``TimeoutError`` after ``timeout_s`` and a grace) when there is no answer.
    """
    request = json.dumps({"op": op, "timeout_s": timeout_s, **parameters}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s + GRACE_S)
        connection.connect(str(path))
        connection.sendall(request)
        with connection.makefile("rb") as stream:
            line = stream.readline()
    if not line.endswith(b"\n"):
        raise ConnectionError(f"the supervisor at {path} ended before it answered")
    answer = json.loads(line)
    if "error" in answer:
        raise Refusal(answer["error"]["code"], answer["error"]["message"])
    return answer["ok"]


def command(path: Path, verb: str, service: str) -> None:
    """One intervention, or the verb ``proof``. Raises as ``call``, and ``Refusal`` where there is no proof."""
    if verb != "proof":
        call(path, verb, timeout_s=INTERVENTION_S, service=service)
        return
    states = [found["state"] for found in call(path, "containers") if found["name"] == service]
    if states != ["running"]:
        raise Refusal("conflict", f"{service!r} is {' '.join(states) or 'no service'}")


def main() -> int:
    """Read the command line, which holds no options: a service's name may begin with a dash."""
    path, verb, service = sys.argv[1:]
    try:
        command(Path(path), verb, service)
    except (Refusal, OSError) as error:
        sys.stderr.write(f"{verb} {service}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
