"""The backend's HTTP side: liveness, readiness, and the twin's own way to have lines written to the log."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.responses import Response

from .core import misbehaviour
from .core.redis_client import client

logger = logging.getLogger("app.ready")

app = FastAPI(title="exam platform backend", docs_url=None, redoc_url=None, openapi_url=None)


def check_redis() -> dict[str, str]:
    """What readiness says of Redis: ``ok``, or ``degraded`` and why."""
    try:
        client().ping()
    except redis.RedisError as error:
        logger.exception("Redis check failed")
        return {"status": "degraded", "message": f"Redis unavailable: {error}"}
    return {"status": "ok"}


@app.get("/api/v1/live")
def live() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "alive"}


@app.get("/api/v1/ready")
def ready() -> Response:
    """Whether the backend can serve: ``degraded`` without Redis, which it can do without."""
    orders = misbehaviour.current()
    if "away" in orders and check_redis()["status"] != "ok":
        orders |= orders["away"]
    time.sleep(float(orders.get("delay_s", 0)))
    body = orders["body"] if "body" in orders else json.dumps(report(orders))
    return Response(
        content=body,
        status_code=int(orders.get("status", HTTPStatus.OK)),
        headers=orders.get("headers", {}),
        media_type=orders.get("content_type", "application/json"),
    )


def report(orders: dict[str, Any]) -> dict[str, Any]:
    """The readiness report; ``orders["redis"]`` stands in for the true answer."""
    checked = orders["redis"] if "redis" in orders else check_redis()
    well = isinstance(checked, dict) and checked.get("status") == "ok"
    return {"status": "ready" if well else "degraded", "checks": {"redis": checked}}


if "TWIN_CONTROL" in os.environ:

    @app.post("/twin/log")
    async def write_log(request: Request) -> Response:
        """Write the body to standard error (or ``?stream=stdout``) as it is."""
        stream = sys.stdout if request.query_params.get("stream") == "stdout" else sys.stderr
        stream.flush()
        stream.buffer.write(await request.body())
        stream.flush()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.post("/twin/follow")
    def follow_orders() -> Response:
        """Follow the present orders at once: connect to the Redis they name."""
        try:
            client().ping()
        except redis.RedisError as error:
            return Response(str(error), media_type="text/plain", status_code=HTTPStatus.ACCEPTED)
        return Response(status_code=HTTPStatus.NO_CONTENT)
