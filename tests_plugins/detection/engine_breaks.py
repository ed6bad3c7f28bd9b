"""Ways to break what stands behind the containers, and hosts that were brought up broken."""

from __future__ import annotations

import os
import signal
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import twin as twins
from tests_plugins.detection.scene import await_well
from tests_plugins.detection.subjects import ProcessTwin
from tests_plugins.staging.stack import merged
from twin.supervisor import client

if TYPE_CHECKING:
    from tests_plugins.detection.scene import Scene
    from twin.options import Options


@dataclass(frozen=True)
class Reborn:
    """The host was brought up otherwise; mended, it is the one that it stands for."""

    options: Options

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Bring it up, and let it be judged."""
        reports = scene.stack.enter_context(tempfile.TemporaryDirectory())
        up = scene.stack.enter_context(twins.up(kind="processes", options=self.options))
        await_well(up)
        scene.subject = ProcessTwin(up, Path(reports))


@dataclass(frozen=True)
class Frozen:
    """Redis's process hangs, and the engine does not know."""

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Stop it as a debugger would."""
        assert scene.twin.supervisor is not None
        found = client.call(scene.twin.supervisor, "containers")
        (process,) = (one["pid"] for one in found if one["name"] == scene.twin.options.redis_service)
        scene.mend(os.kill, process, signal.SIGCONT)
        os.kill(process, signal.SIGSTOP)


@dataclass(frozen=True)
class EngineGone:
    """Nobody answers where the engine should be."""

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Look for it where it is not."""
        _asked_at(scene, scene.folder / "gone")


@dataclass(frozen=True)
class SlowEngine:
    """The engine takes its time with every answer, in seconds."""

    delay_s: float

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Put something slow in between."""
        behind = scene.twin.supervisor
        assert behind is not None
        listener = socket.socket(socket.AF_UNIX)
        scene.mend(listener.close)
        listener.bind(str(scene.folder / "slow"))
        listener.listen(64)
        threading.Thread(target=_serve, args=(listener, behind, self.delay_s), daemon=True).start()
        scene.mend(listener.shutdown, socket.SHUT_RDWR)  # wakes accept
        _asked_at(scene, scene.folder / "slow")


@dataclass(frozen=True)
class Secured:
    """Redis speaks TLS only: what stands in its place hangs up on whoever does not, as Redis does."""

    marks: ClassVar[bool] = False

    def inflict(self, scene: Scene) -> None:
        """Listen, and have the gate look there."""
        listener = scene.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        scene.mend(listener.shutdown, socket.SHUT_RDWR)  # wakes accept
        scene.changes = merged(scene.changes, {"redis_port": listener.getsockname()[1]})


def hang_up(listener: socket.socket) -> None:
    """Answer a TLS handshake with an alert; reset every other connection, without a word."""
    with suppress(OSError):  # what accept raises in the end
        while True:
            asker, _ = listener.accept()
            with asker, suppress(OSError):
                if asker.recv(1 << 16)[:1] == b"\x16":
                    asker.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
                else:
                    asker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _asked_at(scene: Scene, path: Path) -> None:
    assert isinstance(scene.subject, ProcessTwin)
    scene.subject = replace(scene.subject, twin=replace(scene.twin, supervisor=path))


def _serve(listener: socket.socket, behind: Path, delay_s: float) -> None:
    with suppress(OSError):  # what accept raises in the end
        while True:
            asker, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(asker, behind, delay_s), daemon=True).start()


def _pass_on(asker: socket.socket, behind: Path, delay_s: float) -> None:
    """One question, the delay, and its answer."""
    with asker, suppress(OSError), socket.socket(socket.AF_UNIX) as engine:
        engine.connect(str(behind))
        with asker.makefile("rwb") as front, engine.makefile("rwb") as back:
            question = front.readline()
            threading.Event().wait(delay_s)
            back.write(question)
            back.flush()
            front.write(back.readline())
            front.flush()
