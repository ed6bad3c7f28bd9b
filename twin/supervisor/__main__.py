"""Run the services of a specification until the owner is gone: ``python -m twin.supervisor SPEC [--owner PID]``.

With ``--owner`` the standard input is the owner's lifeline. SIGTERM, Ctrl-C and the time to live end it too.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from pathlib import Path

from twin.lifeline import Lifeline, end_on_signals, ignore_signals
from twin.supervisor.chronicle import Chronicle
from twin.supervisor.control import Control
from twin.supervisor.guard import Guard
from twin.supervisor.health import healthy
from twin.supervisor.service import Service
from twin.supervisor.spec import StackSpec, load

#: While a service starts its health is asked this often (seconds), and this long before a failure counts.
STARTING_INTERVAL_S, START_PERIOD_S = 0.02, 5.0
#: A service that does not run is looked at this often (seconds) should its change go unnoticed.
IDLE_S = 5.0


def watch_health(service: Service) -> None:
    """Keep asking the service's health check and note what it says, until the service is closed."""
    check = service.spec.health
    last = process = None
    found, failures, wait_s = "starting", 0, IDLE_S
    patient_until = 0.0
    while service.await_change(process, wait_s):
        if (process := service.probed) is None:
            wait_s = IDLE_S
            continue
        if process is not last:
            last, found, failures, patient_until = process, "starting", 0, time.monotonic() + START_PERIOD_S
        failures = 0 if healthy(check) else failures + 1
        if not failures:
            found = "healthy"
        elif failures >= check.retries and (found != "starting" or time.monotonic() >= patient_until):
            found = "unhealthy"
        service.found(process, found)
        wait_s = STARTING_INTERVAL_S if found == "starting" else check.interval_s


def supervise(spec: StackSpec, lifeline: Lifeline) -> None:
    """Run the stack and answer its socket until the lifeline ends; then leave nothing behind."""
    guard = Guard(spec.folder)
    chronicle = Chronicle()
    services = {described.name: Service(described, guard, chronicle) for described in spec.services}
    control = Control(spec, services, chronicle)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(spec.socket)
            listener.listen(64)
            for service in services.values():
                if service.spec.starts:
                    service.start()
                threading.Thread(target=watch_health, args=(service,), daemon=True).start()
            while lifeline.wait(listener.fileno()):
                control.serve(listener.accept()[0])
    finally:
        ignore_signals()
        for service in services.values():
            service.close()
        guard.close()


def main() -> None:
    """Read the command line and supervise."""
    parser = argparse.ArgumentParser(prog="python -m twin.supervisor", description=__doc__)
    parser.add_argument("spec", type=Path, help="the stack's specification, a JSON file")
    parser.add_argument("--owner", type=int, help="end when this parent process ends or closes our standard input")
    parser.add_argument("--ttl", type=float, default=7200.0, help="end after this many seconds in any case")
    arguments = parser.parse_args()
    end_on_signals()
    lifeline = Lifeline(owner=arguments.owner, ttl_s=arguments.ttl)
    supervise(load(arguments.spec.read_text()), lifeline)


if __name__ == "__main__":
    main()
