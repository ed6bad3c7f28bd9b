"""Inventories for the tests: how one is written, read and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from plugins import inventory
from plugins.inventory import Host, InventoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENVIRON = {"STAGING_USER": "deploy", "STAGING_HOST": "staging.example.com", "STAGING_DOMAIN": "example.com"}
MINIMAL = '[hosts.staging]\nenvironment = "staging"\n'

CONTRACT = """
[hosts.staging]
environment = "staging"
ssh = "${STAGING_USER}@${STAGING_HOST}"
ssh_config = "ssh_config"
project_dir = "~/exam-platform-staging"
compose_file = "docker-compose.staging.yml"
compose_project = "exam"
docker = ["sudo", "-n", "docker"]
redis_service = "redis_staging"
backend_service = "backend_staging"
redis_port = 6379
redis_db = 3
redis_username_env = "REDIS_USER"
redis_password_env = "STAGING_REDIS_PASSWORD"
redis_optional = false
readiness_url = "https://${STAGING_DOMAIN}/api/v1/ready"
readiness_via = "host"
ca_file = "ca.pem"
backend_check = ["python", "-c", "pass"]
canary = false
namespace = "runbook-suite:"
role = "master"
policy = "allkeys-lru"
durability = "appendfsync everysec"
image = "redis:7"
[hosts.staging.patterns."session:*"]
type = "hash"
ttl = true
max_ttl_s = 86400
max_count = 1000
[hosts.staging.limits]
used_memory_ratio = 0.5
[hosts.staging.windows]
restart = 7
hold_s = 1.5
[hosts.staging.chaos]
allowed = true
engine_id = "AAAA:BBBB"
faults = ["restart"]
data_loss = "forbidden"
"""


def read(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON, *, name: str = "staging") -> Host:
    path = folder / "hosts.toml"
    path.write_text(text, encoding="utf-8")
    return inventory.load(path, name, environ)


def complaint(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON, *, name: str = "staging") -> str:
    with pytest.raises(InventoryError) as caught:
        read(folder, text, environ, name=name)
    return str(caught.value)


def toml_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml(value: object) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_string(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return toml_string(value) if isinstance(value, str) else str(value).lower()
