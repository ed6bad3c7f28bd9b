"""The images that staging hosts run; ``.ci/provision`` makes them."""

from __future__ import annotations

REDIS = "runbook-suite/redis:7.0"
REDIS_6_2 = "runbook-suite/redis:6.2"
REDIS_8 = "runbook-suite/redis:8.0"
VALKEY = "runbook-suite/valkey:8.1"
BACKEND = "runbook-suite/backend:latest"
