"""The twin: a disposable staging host with a real Redis and a real backend, on this machine.

``up()`` brings one up for a ``with`` block; ``python -m twin`` does so until Ctrl-C.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.handle import Twin
    from twin.options import Options

Kind = Literal["auto", "compose", "processes"]

#: A twin ends by itself after this many seconds, whatever became of its owner.
TTL_S = 7200.0


@contextmanager
def up(*, kind: Kind = "auto", options: Options | None = None, ttl_s: float = TTL_S) -> Iterator[Twin]:
    """A twin for the ``with`` block: Redis says PONG and the backend answers; afterwards nothing of it is left.

    ``kind`` auto: under Docker Compose where a local engine can run it, else as plain processes; ``Twin.because``
    says why. It goes down with this process, however this process ends, and after ``ttl_s`` seconds at the latest.
    Raises ``handle.NotUp`` with the reason, ``engine.NoEngine`` (``kind`` compose), and ``servers.NoServer`` where
    no Redis server is to be had.
    """
    # Imported on use: the supervisor is of this package too, and is to start in a fraction of the time.
    from twin.bring_up import bring_up  # noqa: PLC0415 - see above

    with ExitStack() as stack:
        yield bring_up(stack, kind, options, ttl_s)
