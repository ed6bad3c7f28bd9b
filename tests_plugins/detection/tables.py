"""All rows: those that every machine can play, and those that need a real staging host."""

from __future__ import annotations

from tests_plugins.detection import (
    table_availability,
    table_clients,
    table_docker,
    table_host,
    table_log,
    table_memory,
    table_readiness,
    table_writes,
)

ON_PROCESSES = (
    *table_availability.ROWS,
    *table_readiness.ROWS,
    *table_writes.ROWS,
    *table_memory.ROWS,
    *table_clients.ROWS,
    *table_log.ROWS,
    *table_host.ROWS,
)
ON_DOCKER = table_docker.ROWS
