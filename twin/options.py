"""How a twin is made; the defaults are a stock, healthy staging host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.misbehaviour import Misbehaviour

if TYPE_CHECKING:
    from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a twin is made of."""

    redis_service: str = "redis_staging"
    backend_service: str = "backend_staging"
    maxmemory: str | None = "256mb"  # None: no such flag, Redis has no limit
    policy: str | None = "allkeys-lru"  # None: no such flag, Redis's own default
    redis_args: tuple[str, ...] = ()  # further flags of redis-server
    redis_server: Path | None = None  # processes only; None: the one on the PATH, else from a wheel
    password: str | None = None  # Redis's
    password_env: str = "TWIN_REDIS_PASSWORD"  # noqa: S105 - a variable's name; up() sets it in Twin.environ
    restart: str = "unless-stopped"  # of both services
    # The address that Redis's port is published on; None: nowhere. Of processes it is only said: they listen on
    # loopback whatever it is, so that nothing is opened to the network.
    publish: str | None = "127.0.0.1"
    memory_limit: str | None = "512m"  # of the Redis container, leaving room for fork; Compose only
    # Seconds that Redis waits at each start, which Twin.delay_start changes; None: it starts as ever.
    start_delay_s: float | None = None
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)

    @property
    def login(self) -> str:
        """The password as it stands in a ``redis://`` address, before the host."""
        return f":{quote(self.password, safe='')}@" if self.password else ""

    def redis_argv(self) -> tuple[str, ...]:
        """The flags that redis-server is started with."""
        argv: list[str] = []
        for flag, value in (
            ("--maxmemory", self.maxmemory),
            ("--maxmemory-policy", self.policy),
            ("--requirepass", self.password),
        ):
            if value is not None:
                argv += [flag, value]
        return (*argv, *self.redis_args)
