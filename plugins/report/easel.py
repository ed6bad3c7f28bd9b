"""Who draws the pictures: this process, or, of a long run, two of their own that start while its journal is read."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING

from markupsafe import Markup

from plugins.report import charts, vega

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from plugins.report.drawing import Drawing

_WORKERS = 2
#: No more processes, no semaphores, or none that live.
_NONE_TO_BE_HAD = (OSError, ImportError, NotImplementedError, BrokenExecutor)


class Easel:
    """Takes orders for pictures. ``pool``: who draws them; None: they are drawn here, when they are asked for."""

    def __init__(self, pool: ProcessPoolExecutor | None = None) -> None:
        self._pool = pool

    def order(self, drawing: Drawing) -> Callable[[], Markup]:
        """Have it drawn; what is returned waits for the picture, an ``<svg>``."""
        begun = self._begin(drawing)

        def picture() -> Markup:
            if begun is not None:
                try:
                    return Markup(begun.result())  # noqa: S704 - serialized as XML, which escapes every text
                except _NONE_TO_BE_HAD:
                    pass  # then here
            return charts.picture(drawing)

        return picture

    def _begin(self, drawing: Drawing) -> Future[str] | None:
        try:
            return self._pool.submit(vega.drawn, *charts.order(drawing)) if self._pool is not None else None
        except _NONE_TO_BE_HAD:
            return None


@contextmanager
def easel() -> Iterator[Easel]:
    """For the pictures of a run whose journal is to be read within. Its processes end with it."""
    pool = _pool()
    if pool is None:
        yield Easel()
        return
    try:
        yield Easel(pool)
    except BaseException:
        pool.shutdown(cancel_futures=True)  # whoever presses Ctrl-C does not wait for twenty pictures
        raise
    pool.shutdown()


def _pool() -> ProcessPoolExecutor | None:
    """Two processes that have begun to warm up; None where they cannot be had."""
    try:
        pool = ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn"), initializer=vega.serve)
    except _NONE_TO_BE_HAD:
        return None
    try:
        for _ in range(_WORKERS):  # a process is started for each, at once
            pool.submit(vega.warm_up)
    except _NONE_TO_BE_HAD:
        pool.shutdown(wait=False, cancel_futures=True)
        return None
    return pool
