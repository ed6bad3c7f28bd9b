"""Serve the backend, and keep its worker's connection to Redis: ``python -m app [--host H] [--port N]``."""

from __future__ import annotations

import argparse
import logging
import threading
import time

import redis
import uvicorn

from .core import misbehaviour
from .core.redis_client import client
from .main import app

logger = logging.getLogger("app.worker")

#: The worker touches Redis this often, in seconds; so its connection is there before the first request is.
BEAT_S = 1.0
#: Redis may need this long (seconds) to start when everything starts together.
TOGETHER_S = 2.0


def await_redis() -> None:
    """Give a Redis that starts together with the backend a moment, without a word."""
    deadline = time.monotonic() + TOGETHER_S
    while time.monotonic() < deadline:
        try:
            client().ping()
        except redis.RedisError:
            time.sleep(0.05)
        else:
            return


def work() -> None:
    """Touch Redis for ever, and complain in the log when that fails."""
    while True:
        try:
            client().ping()
        except redis.RedisError:
            logger.exception("worker lost Redis")
        time.sleep(BEAT_S)


def log_to_stderr() -> None:
    """Show the application's records; uvicorn shows its own, and older ones would hand them to the root, too."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda _: not misbehaviour.current().get("silent"))
    logging.getLogger("app").addHandler(handler)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - a container's; it is published on loopback only
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    log_to_stderr()
    await_redis()
    threading.Thread(target=work, daemon=True).start()
    uvicorn.run(app, host=arguments.host, port=arguments.port, lifespan="off", ws="none", loop="asyncio", http="h11")


if __name__ == "__main__":
    main()
