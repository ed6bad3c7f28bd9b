"""Bring a twin up and keep it until Ctrl-C: ``python -m twin [--kind auto|compose|processes]``."""

from __future__ import annotations

import argparse
import shlex
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import twin
from twin import standing
from twin.engine import NoEngine
from twin.handle import NotUp
from twin.lifeline import end_on_signals
from twin.servers import NoServer

if TYPE_CHECKING:
    from twin.handle import Twin


def how_to_reach(up: Twin, saved: Path) -> str:
    """What a person wants to know about a twin that is up."""
    host, port = up.actions.redis_address()
    lines = [f"A twin is up ({up.kind}).{f' No Compose: {up.because}' if up.because else ''}"]
    lines += [f"  Redis       redis-cli -h {host} -p {port} PING", f"  readiness   curl {up.host.readiness_url}"]
    if up.supervisor:
        lines.append(f"  supervisor  {up.supervisor}")
    else:
        lines.append(f"  project     cd {up.host.project_dir} && docker compose -p {up.host.compose_project} ps")
    lines.append(f"  judge it    {standing.VARIABLE}={shlex.quote(str(saved))} {_pytest()} -m verify --host twin")
    return "\n".join([*lines, "Ctrl-C takes it down.", ""])


def _pytest() -> str:
    """The pytest beside this Python, as it is typed from here: it need not be on the PATH."""
    program = Path(sys.executable).with_name("pytest")
    here = Path.cwd()
    return shlex.quote(str(program.relative_to(here) if program.is_relative_to(here) else program))


def main() -> int:
    """Read the command line, and wait."""
    parser = argparse.ArgumentParser(prog="python -m twin", description=__doc__)
    parser.add_argument("--kind", choices=get_args(twin.Kind), default="auto")
    parser.add_argument("--ttl", type=float, default=twin.TTL_S, help="seconds after which it goes down by itself")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        with twin.up(kind=arguments.kind, ttl_s=arguments.ttl) as up:
            saved = Path(up.host.project_dir) / "twin.json"
            standing.save(up, saved)
            sys.stdout.write(how_to_reach(up, saved))
            sys.stdout.flush()
            threading.Event().wait(arguments.ttl)  # until a signal ends the process
    except (NoEngine, NoServer, NotUp) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
