"""The supervisor's control protocol: a JSON object a line, each answered by one, over a unix socket.

A request is ``{"op": name, …}``; the answer ``{"ok": result}`` or ``{"error": {"code": …, "message": …}}``. Codes:
``conflict`` (the state forbids it), ``timed_out``, ``no_service``, ``bad_request``. Bytes travel as base64.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twin.supervisor.service import Conflict, Service

if TYPE_CHECKING:
    import socket

    from twin.supervisor.chronicle import Chronicle
    from twin.supervisor.spec import StackSpec

Request = Mapping[str, Any]
#: Interventions that take no argument but the service.
PLAIN = ("start", "kill", "crash", "pause", "unpause")


class Control:
    """Answers requests about the services."""

    def __init__(self, spec: StackSpec, services: Mapping[str, Service], chronicle: Chronicle) -> None:
        self._spec = spec
        self._services = services
        self._operations: dict[str, Callable[[Request], Any]] = {
            "engine": self._engine,
            "containers": self._containers,
            "execute": self._execute,
            "logs": self._logs,
            "events": lambda asked: chronicle.after(asked["after"], float(asked.get("timeout_s", 0.0))),
            "stop": lambda asked: self._service(asked).stop(asked.get("grace_s")),
            "restart": lambda asked: self._service(asked).restart(asked.get("grace_s")),
        }

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection until it ends, in a thread of its own."""
        threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        # The asker may go away: then closing fails as well, with what could not be sent.
        with suppress(OSError), connection, connection.makefile("rwb") as stream:
            for line in stream:
                stream.write(json.dumps(self.answer(line)).encode() + b"\n")
                stream.flush()

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one request."""
        try:
            asked = json.loads(line)
            return {"ok": self._operation(asked)(asked)}
        except Conflict as error:
            return _error("conflict", error)
        except TimeoutError as error:
            return _error("timed_out", error)
        except LookupError as error:
            return _error("no_service", error)
        except (ValueError, TypeError, AttributeError, OSError) as error:
            return _error("bad_request", error)

    def _operation(self, asked: Request) -> Callable[[Request], Any]:
        name = asked["op"]
        if name in PLAIN:
            return lambda asked: getattr(self._service(asked), name)()
        if name not in self._operations:
            known = ", ".join(sorted([*self._operations, *PLAIN]))
            raise ValueError(f"op {name!r} is none of {known}")
        return self._operations[name]

    def _service(self, asked: Request) -> Service:
        if (service := self._services.get(asked["service"])) is None:
            known = ", ".join(self._services)
            raise LookupError(f"no such service: {asked['service']!r}; there are {known}")
        return service

    def _engine(self, _asked: Request) -> dict[str, Any]:
        return {
            "id": self._spec.engine_id,
            "pid": os.getpid(),
            "version": platform.python_version(),
            "name": platform.node(),
            "storage_dir": self._spec.folder,
            "clock": datetime.now(UTC).isoformat(),
        }

    def _containers(self, _asked: Request) -> list[dict[str, Any]]:
        return [service.describe() for service in self._services.values()]

    def _execute(self, asked: Request) -> dict[str, Any]:
        outcome = self._service(asked).execute(
            asked["argv"],
            asked.get("env") or {},
            base64.b64decode(asked.get("stdin", "")),
            float(asked.get("timeout_s", 10.0)),
        )
        return {
            "exit_code": outcome.exit_code,
            "stdout": base64.b64encode(outcome.stdout).decode(),
            "stderr": base64.b64encode(outcome.stderr).decode(),
        }

    def _logs(self, asked: Request) -> dict[str, Any]:
        since = datetime.fromisoformat(asked["since"])
        records, truncated = self._service(asked).log.since(since, int(asked.get("max_bytes", 4_000_000)))
        return {
            "records": [[record.at.isoformat(), record.stream, record.text] for record in records],
            "truncated": truncated,
        }


def _error(code: str, error: Exception) -> dict[str, Any]:
    message = str(error.args[0]) if error.args else type(error).__name__
    return {"error": {"code": code, "message": message}}
