"""The twin as plain processes, for machines without a container engine."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.eventually import eventually
from twin import start_delay
from twin.handle import NotUp, Twin, environ_of, host_of, write_orders
from twin.lifeline import let_go
from twin.ports import free_ports
from twin.servers import Programs, find
from twin.supervisor import client
from twin.supervisor.spec import Health, ServiceSpec, StackSpec, dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.options import Options

ROOT = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"
#: The backend's own address, where the system has more than one on loopback (Linux): Redis then sees who is who.
BACKEND_ADDRESS = "127.0.0.2"
SPARE = "redis_spare"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
LONGEST_BASE = 85
UP_S = 30.0
DOWN_S = 20.0


@dataclass(frozen=True)
class Layout:
    """Where everything of one process twin is."""

    folder: Path
    project: str
    redis_port: int
    spare_port: int
    backend_port: int
    backend_address: str

    @property
    def socket(self) -> Path:
        """The supervisor's control socket; short, since such paths may be no longer than 104 characters."""
        return self.folder / "s"

    @property
    def orders(self) -> Path:
        """The file that the backend obeys."""
        return self.folder / "control" / "orders.json"


@dataclass(frozen=True)
class ProcessActions:
    """The interventions, by the supervisor."""

    layout: Layout

    def act(self, verb: str, service: str) -> None:
        """One intervention. Raises ``RuntimeError`` with the supervisor's words."""
        try:
            client.call(self.layout.socket, verb, service=service, timeout_s=30.0)
        except client.Refusal as refusal:
            raise RuntimeError(f"{verb} {service}: {refusal}") from None

    def log(self, service: str) -> str:
        """Everything the service has logged."""
        found = client.call(self.layout.socket, "logs", service=service, since="0001-01-01T00:00:00+00:00")
        return "".join(f"{text}\n" for _, _, text in found["records"])

    def redis_address(self) -> tuple[str, int]:
        """Where Redis answers."""
        return LOOPBACK, self.layout.redis_port

    def spare_url(self) -> str:
        """The spare Redis."""
        return f"redis://{LOOPBACK}:{self.layout.spare_port}/0"


@contextmanager
def up(options: Options, *, ttl_s: float) -> Iterator[Twin]:
    """A process twin for the ``with`` block. Raises ``NotUp`` and ``servers.NoServer``."""
    programs = find(options.redis_server)
    layout = _layout()
    spec = specify(layout, options, programs)
    (layout.folder / "spec.json").write_text(dump(spec))
    write_orders(layout.orders, options.misbehaviour)
    supervisor = _supervise(layout, ttl_s)
    try:
        _await(layout, options, supervisor)
        yield Twin(
            kind="processes",
            host=host_of(
                options,
                project_dir=str(layout.folder),
                compose_project=layout.project,
                redis_port=layout.redis_port,
                readiness_port=layout.backend_port,
                engine_id=spec.engine_id,
            ),
            environ=environ_of(options),
            supervisor=layout.socket,
            options=options,
            orders=layout.orders,
            actions=ProcessActions(layout),
        )
    finally:
        let_go(supervisor, DOWN_S)
        shutil.rmtree(layout.folder, ignore_errors=True)


def _layout() -> Layout:
    # A socket's path may not be longer than 104 characters, and some systems' temporary folders are half of that.
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="twin-", dir=base if len(base) < LONGEST_BASE else "/tmp"))  # noqa: S108 - mkdtemp makes it private
    redis_port, spare_port, backend_port = free_ports(3)
    layout = Layout(folder, f"twin-{secrets.token_hex(4)}", redis_port, spare_port, backend_port, _backend_address())
    layout.orders.parent.mkdir()
    return layout


def _backend_address() -> str:
    with socket.socket() as probe:
        try:
            probe.bind((BACKEND_ADDRESS, 0))
        except OSError:
            return LOOPBACK
    return BACKEND_ADDRESS


def specify(layout: Layout, options: Options, programs: Programs) -> StackSpec:
    """What the supervisor is to run."""
    return StackSpec(
        project=layout.project,
        engine_id=f"processes-{secrets.token_hex(8)}",
        socket=str(layout.socket),
        folder=str(layout.folder),
        services=(
            _redis(layout, options, programs, options.redis_service, layout.redis_port),
            _backend(layout, options),
            _redis(layout, options, programs, SPARE, layout.spare_port),
        ),
    )


def _redis(layout: Layout, options: Options, programs: Programs, service: str, port: int) -> ServiceSpec:
    folder = layout.folder / ("redis" if service != SPARE else "spare")
    data, programs_folder = folder / "data", folder / "bin"
    data.mkdir(parents=True)
    programs_folder.mkdir()
    _write_cli(programs_folder / "redis-cli", programs.cli, port)
    # Whatever it is said to be published on, it listens on loopback only. Protected mode would shut the backend's
    # address out; the official images turn it off too.
    published = options.publish if service != SPARE else None
    where = ("--port", str(port), "--bind", LOOPBACK, "--protected-mode", "no", "--dir", str(data))
    flags = options.redis_argv() if service != SPARE else ()
    argv = (str(programs.server), *where, *flags)
    if options.start_delay_s is not None and service != SPARE:
        start_delay.furnish(layout.orders.parent, options.start_delay_s)
        argv = start_delay.argv(layout.orders.parent, argv)
    return ServiceSpec(
        name=service,
        container_id=secrets.token_hex(32),
        container_name=f"{layout.project}-{service}-1",
        argv=argv,
        cwd=str(data),
        env=_container_env(folder, f"{programs_folder}:{SYSTEM_PATH}"),
        health=Health(kind="redis", port=port),
        image=f"process:{programs.server.name}",
        restart=options.restart,
        ports=((published, port, port),) if published else (),
        addresses=(LOOPBACK,),
        mounts={str(data): f"bind:{data}"},
        starts=service != SPARE,
    )


def _backend(layout: Layout, options: Options) -> ServiceSpec:
    folder = layout.folder / "backend"
    programs_folder = folder / "bin"
    programs_folder.mkdir(parents=True)
    interpreter = Path(sys.executable)
    if not (interpreter.parent / "python").exists():
        (programs_folder / "python").symlink_to(interpreter)
    return ServiceSpec(
        name=options.backend_service,
        container_id=secrets.token_hex(32),
        container_name=f"{layout.project}-{options.backend_service}-1",
        argv=("python", "-m", "app", "--host", LOOPBACK, "--port", str(layout.backend_port)),
        cwd=str(ROOT / "backend"),
        env={
            **_container_env(folder, f"{programs_folder}:{interpreter.parent}:{SYSTEM_PATH}"),
            "REDIS_URL": f"redis://{options.login}{LOOPBACK}:{layout.redis_port}/0",
            "TWIN_CONTROL": str(layout.orders),
            "TWIN_ADDRESS": layout.backend_address,
        },
        health=Health(kind="http", port=layout.backend_port, path="/api/v1/live"),
        image=f"process:{interpreter.name}",
        restart=options.restart,
        ports=((LOOPBACK, layout.backend_port, layout.backend_port),),
        addresses=(layout.backend_address,),
    )


def _container_env(folder: Path, path: str) -> dict[str, str]:
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _write_cli(path: Path, cli: Path | None, port: int) -> None:
    # A redis-cli that finds this service's Redis without being told the port, as one in a container does.
    program = [str(cli)] if cli else [sys.executable, "-I", "-S", str(ROOT / "redis_cli.py")]
    path.write_text(f'#!/bin/sh\nexec {shlex.join([*program, "-p", str(port)])} "$@"\n')
    path.chmod(0o755)


def _supervise(layout: Layout, ttl_s: float) -> subprocess.Popen[bytes]:
    owner = ["--owner", str(os.getpid()), "--ttl", str(ttl_s)]
    return subprocess.Popen(
        [sys.executable, "-m", "twin.supervisor", str(layout.folder / "spec.json"), *owner],
        cwd=ROOT.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _await(layout: Layout, options: Options, supervisor: subprocess.Popen[bytes]) -> None:
    wanted = {options.redis_service, options.backend_service}

    def states() -> dict[str, Any]:
        if (code := supervisor.poll()) is not None:
            raise NotUp(f"the supervisor ended with {code}")
        found = client.call(layout.socket, "containers")
        return {service["name"]: service["health"] for service in found if service["name"] in wanted}

    try:
        eventually(
            states,
            lambda seen: set(seen.values()) == {"healthy"},
            what="a healthy twin",
            within_s=UP_S,
            every_s=0.02,
            catch=(FileNotFoundError, ConnectionError),
        )
    except TimeoutError as error:
        actions = ProcessActions(layout)
        logs = "\n".join(f"{name}:\n{actions.log(name)[-4000:]}" for name in sorted(wanted))
        raise NotUp(f"{error}\n{logs}") from None
