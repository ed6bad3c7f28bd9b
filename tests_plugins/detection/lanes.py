"""Rows played in the background, in two lanes: a gate keeps one processor busy, and machines have two at least."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests_plugins.detection.row import STOCK
from tests_plugins.detection.stage import Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from contextlib import ExitStack

    from tests_plugins.detection.row import Row
    from tests_plugins.detection.scene import Subject
    from twin.options import Options

    SetUp = Callable[[ExitStack, Options], Subject]


class Lanes:
    """Two threads. Stock hosts of one kind share a lane, and so does all the rest, so that both take about as long."""

    def __init__(self) -> None:
        self._lanes = ThreadPoolExecutor(1, "stock hosts"), ThreadPoolExecutor(1, "other hosts")
        self._played: dict[tuple[SetUp, str], Future[list[str]]] = {}
        self._stages: list[Stages] = []

    def add(self, set_up: SetUp, rows: Iterable[Row], *, real: bool) -> None:
        """Play these rows as soon as their lane is free; ``real`` ones never in the lane of the stock twins."""
        for stock in (True, False):
            lane, stages = self._lanes[real or not stock], Stages(set_up)
            self._stages.append(stages)
            chosen = [row for row in rows if (row.options == STOCK) is stock]
            for row in sorted(chosen, key=lambda row: repr(row.options)):
                self._played[set_up, row.name] = lane.submit(stages.play, row)
            lane.submit(stages.close)

    def result(self, set_up: SetUp, row: Row) -> list[str]:
        """What was unlike the row, once it was played. Raises what playing it raised."""
        return self._played[set_up, row.name].result()

    def close(self) -> None:
        """Play nothing more, and take down what is up."""
        for lane in self._lanes:
            lane.shutdown(cancel_futures=True)
        for stages in self._stages:
            stages.close()
