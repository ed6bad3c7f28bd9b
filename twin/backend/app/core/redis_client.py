"""The backend's Redis: one long-lived pool, and the question whether Redis is there."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import Any, ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import misbehaviour

logger = logging.getLogger("app.redis")

#: Seconds after which a Redis that does not answer counts as away.
TIMEOUT_S = 1.0
#: redis-py speaks the newer protocol by itself from 8 on, and then asks for notices that Redis does not know;
#: before 5.0 it cannot be told which to speak.
PROTOCOL: dict[str, Any] = {} if redis.__version__[:2] in {"3.", "4."} else {"protocol": 2}

_lock = threading.Lock()
_pools: dict[str, redis.ConnectionPool] = {}


class BackendConnection(redis.Connection):
    """A connection that comes from ``TWIN_ADDRESS`` where that is set: each container has an address of its own.

    It does not introduce its library: Redis before 7.2 counts that command as a failed call. Where it was told so, a
    process that has lost one of these makes no further.
    """

    lost: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call] # redis-py leaves it so
        self.driver_info = self.lib_name = self.lib_version = None

    def disconnect(self, *args: Any, **options: Any) -> None:
        """Close it, and note that there was one."""
        if self._sock is not None and _stays_away():
            BackendConnection.lost = True
        super().disconnect(*args, **options)  # type: ignore[no-untyped-call] # redis-py leaves it so

    def _connect(self) -> socket.socket:
        if self.lost and _stays_away():
            raise redis.ConnectionError("the connection to Redis was lost")
        source = os.environ.get("TWIN_ADDRESS")
        if not source:
            connected: socket.socket = super()._connect()  # type: ignore[no-untyped-call] # redis-py leaves it so
            return connected
        connected = socket.create_connection((self.host, self.port), TIMEOUT_S, source_address=(source, 0))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected


def _stays_away() -> bool:
    return misbehaviour.current().get("reconnects") is False


def client() -> redis.Redis:
    """The client on the pool that lives as long as the process; it follows a change of the configured address."""
    url = misbehaviour.current().get("redis_url") or os.environ["REDIS_URL"]
    with _lock:
        if url not in _pools:
            for pool in _pools.values():
                pool.disconnect()
            _pools.clear()
            _pools[url] = _pool(url)
        return redis.Redis(connection_pool=_pools[url])


def _pool(url: str) -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(
        url,
        connection_class=BackendConnection,
        client_name="backend",
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        **PROTOCOL,
    )


def is_redis_available() -> bool:
    """Whether Redis answers a PING within a second."""
    order = misbehaviour.current().get("available")
    if order == "hangs":
        time.sleep(3600)
    if order == "raises":
        raise RuntimeError("the Redis client is not configured")
    if order == "false":
        return False
    try:
        return bool(client().ping())
    except redis.RedisError:
        logger.exception("Redis is not available")
        return False
