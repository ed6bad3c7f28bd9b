"""Where rows are played: one healthy host for many rows, since every row mends what it breaks."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import twin as twins
from tests_plugins.detection.row import Row, not_green, unlike
from tests_plugins.detection.scene import Scene, Subject, await_well, forget_slowness
from tests_plugins.detection.subjects import ProcessTwin, Staging
from tests_plugins.staging import REDIS, Stack, StagingOptions, staging_host
from twin import engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests_plugins.gate import Gate
    from twin.options import Options

_SLOW = "performance/slow_commands"


class Stage:
    """One healthy host and the rows that are played on it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._healthy: Gate | None = None

    def play(self, row: Row) -> list[str]:
        """Break the host, judge it, mend it, judge it again. Returns what is unlike the row, nothing at best."""
        healthy = self.healthy()
        with tempfile.TemporaryDirectory() as scratch:
            scene = Scene(self._subject, Path(scratch))
            with scene.stack:
                for broken in row.breaks:
                    broken.inflict(scene)
                if _SLOW not in row.shown:
                    forget_slowness(scene.twin)
                judged = scene.judge()
        wrong = unlike(row, judged, healthy)
        if row.marks:
            mended = self._look(disrupted=scene.disrupted)
            wrong += [f"when mended: {told}" for told in not_green(row, mended, healthy)]
        return wrong

    def healthy(self) -> Gate:
        """The judgement of the host before anything was broken. All that may be warned is the machine's."""
        if self._healthy is None:
            judged = self._look()
            assert judged.exit_code == 0, judged.output
            assert not judged.those("failed") | judged.those("error"), judged.output
            assert all(name.startswith("host/") for name in judged.those("warned")), judged.output
            self._healthy = judged
        return self._healthy

    def _look(self, *, disrupted: bool = False) -> Gate:
        await_well(self._subject.twin, disrupted=disrupted)
        forget_slowness(self._subject.twin)
        with tempfile.TemporaryDirectory() as scratch:
            return Scene(self._subject, Path(scratch)).judge()


class Stages:
    """The stages by what their healthy hosts are made of; one is up at a time, so rows come best in groups."""

    def __init__(self, set_up: Callable[[ExitStack, Options], Subject]) -> None:
        self._set_up = set_up
        self._up: tuple[Options, Stage] | None = None
        self._stack = ExitStack()

    def play(self, row: Row) -> list[str]:
        """Play the row. A host on which anything went wrong is not used again."""
        if self._up is None or self._up[0] != row.options:
            self.close()
            self._up = row.options, Stage(self._set_up(self._stack, row.options))
        sound = False
        try:
            wrong = self._up[1].play(row)
            sound = not wrong
        finally:
            if not sound:
                self.close()
        return wrong

    def close(self) -> None:
        """Take it down."""
        self._up = None
        self._stack.close()


def staging(stack: ExitStack, options: Options) -> Staging:
    """A real staging host, entered into ``stack``; its inventory declares the image, too."""
    reports = stack.enter_context(tempfile.TemporaryDirectory())
    made = StagingOptions(stack=Stack(twin=options), inventory={"image": REDIS})
    local = stack.enter_context(engine.found(os.environ))
    return Staging(stack.enter_context(staging_host(made)), local, Path(reports))


def process_twin(stack: ExitStack, options: Options) -> ProcessTwin:
    """A fresh twin of plain processes, entered into ``stack``."""
    reports = stack.enter_context(tempfile.TemporaryDirectory())
    return ProcessTwin(stack.enter_context(twins.up(kind="processes", options=options)), Path(reports))
