"""The inventory: which hosts there are and what may be done to them, read from TOML and nothing else.

The dataclasses are the schema: their type hints say what is legal, the metadata of their fields says what a key
means, and ``describe_keys`` turns both into the documentation. A new field of ``Limits`` is a new key at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - the schema is read from the hints at run time
from typing import TYPE_CHECKING, Literal, cast

from plugins import legal
from plugins.decode import TABLE_NAME, Table, did_you_mean, doc, unknown_key
from plugins.inventory_file import FileError, parse
from plugins.place import Place, Problem, Problems, dotted, quoted, shown, toml_word, variable_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.key_docs import KeyDoc


class Environment(StrEnum):
    """What kind of host this is; production refuses chaos and every write."""

    STAGING = "staging"
    DEVELOPMENT = "development"
    PRODUCTION = "production"


#: The families of faults. See ``plugins.fault``.
Family = Literal["restart", "stop_start", "kill", "client_kill", "flush", "crash", "pause"]


class InventoryError(Exception):
    """The inventory cannot be used; the message names the file, the key and what is legal. Exit 4."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What the inventory declares about the keys that match a glob."""

    glob: str = field(metadata=TABLE_NAME)
    type: Literal["string", "list", "set", "zset", "hash", "stream"] | None = field(
        default=None, metadata=doc("the type that every matching key must have")
    )
    ttl: bool = field(default=False, metadata=doc("whether every matching key must expire"))
    max_ttl_s: legal.LongSeconds | None = field(
        default=None, metadata=doc("the longest that a matching key may have left to live, in seconds")
    )
    max_count: int | None = field(default=None, metadata=doc("how many keys may match"))
    max_bytes: int | None = field(default=None, metadata=doc("bytes that all matching keys may take together"))


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How long the runbook allows for recovery, in seconds, by intervention."""

    restart: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after a restart"))
    start: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after stop and start"))
    kill: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after kill and start"))
    client_kill: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after killed clients"))
    flush: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after a flush"))
    crash: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after a crash"))
    pause: legal.Seconds = field(default=5.0, metadata=doc("seconds to recover after a pause"))
    readiness: legal.Seconds = field(default=5.0, metadata=doc("seconds until readiness says ok again"))
    hold_s: legal.Seconds = field(default=2.0, metadata=doc("seconds that all must stay well to count"))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every threshold that a check uses, by the check's own name. Ratios are of 1, times in seconds.

    A field here is a key of ``[hosts.NAME.limits]``: a number, never negative, with its sentence; a share is of 1.
    """

    used_memory_ratio: legal.Share = field(
        default=0.9, metadata=doc("the share of its memory limit that Redis may use, of 1")
    )
    maxmemory_ratio: legal.Share = field(
        default=0.75, metadata=doc("the share of its container's limit that maxmemory may take where Redis forks, of 1")
    )
    fragmentation_ratio: legal.Multiple = field(
        default=1.5, metadata=doc("how often over the allocator may hold what it gave out; 1 is none wasted")
    )
    evictions: int = field(default=0, metadata=doc("how many keys may be evicted from one look to the next"))
    eternal_keys: int = field(default=0, metadata=doc("how many keys may have no TTL under a policy that evicts"))
    big_key_bytes: int = field(default=1_048_576, metadata=doc("how many bytes one key may take (MEMORY USAGE)"))
    clients_ratio: legal.Share = field(default=0.8, metadata=doc("the share of maxclients that may be connected, of 1"))
    blocked_clients: int = field(default=0, metadata=doc("how many clients may wait in BLPOP and the like"))
    output_buffer_bytes: int = field(
        default=8_388_608, metadata=doc("how many bytes of replies one client may leave unread")
    )
    slowlog_threshold_us: int = field(
        default=10_000, metadata=doc("from which duration on a command counts as slow, in microseconds")
    )
    survey_s: float = field(default=5.0, metadata=doc("how long the walk over the keys may take, in seconds"))
    sampled_keys: int = field(default=500, metadata=doc("how many keys are drawn and measured to find big ones"))
    readiness_time_s: float = field(default=2.0, metadata=doc("how long readiness may take to answer, in seconds"))
    engine_answer_s: float = field(default=5.0, metadata=doc("how long the engine may take to answer, in seconds"))
    disk_used_ratio: legal.Share = field(default=0.9, metadata=doc("the share of Redis's disk that may be used, of 1"))
    clock_skew_s: float = field(
        default=2.0, metadata=doc("how far the host's clock may be from the runner's, in seconds")
    )
    # further fields: one for each check with a threshold


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """What chaos may do on a host."""

    allowed: bool = field(default=False, metadata=doc("whether chaos may run on this host at all"))
    engine_id: str | None = field(
        default=None, metadata=doc("the engine that is meant (docker info -f '{{.ID}}'); chaos asks for it")
    )
    faults: tuple[Family, ...] = field(
        default=("restart", "stop_start", "kill", "client_kill", "flush"), metadata=doc("which faults may run")
    )
    data_loss: Literal["restore", "allowed", "forbidden"] = field(
        default="restore", metadata=doc("what becomes of keys that a fault loses; forbidden refuses such faults")
    )


@dataclass(frozen=True, kw_only=True)
class Host:
    """One entry of the inventory. Secrets are not in it, only the names of the variables that hold them."""

    name: str = field(metadata=TABLE_NAME)
    environment: Environment = field(
        metadata=doc("what kind of host it is; on production chaos and every write are refused")
    )
    ssh: legal.Destination | None = field(
        default=None, metadata=doc("what OpenSSH takes as a destination, aliases too; absent: this machine")
    )
    ssh_config: Path | None = field(default=None, metadata=doc("an OpenSSH config; absent: the user's own"))
    project_dir: str = field(
        default=".",
        metadata=doc("the project's folder on the host; without ssh relative to the inventory's folder"),
    )
    compose_file: legal.NoOption = field(
        default="docker-compose.staging.yml", metadata=doc("the Compose file, relative to project_dir")
    )
    compose_project: legal.Project | None = field(
        default=None, metadata=doc("the Compose project's name; absent: as Compose derives it")
    )
    docker: legal.Program = field(
        default=("docker",), metadata=doc('the docker client as argv, as ["sudo", "-n", "docker"]')
    )
    redis_service: str = field(default="redis_staging", metadata=doc("the Compose service of Redis"))
    backend_service: str | None = field(
        default=None, metadata=doc("the Compose service of the backend; absent: its checks are skipped")
    )
    redis_port: legal.Port = field(default=6379, metadata=doc("Redis's port inside its container"))
    redis_db: int = field(default=0, metadata=doc("the database's number"))
    redis_username_env: legal.VariableName | None = field(
        default=None, metadata=doc("the variable that holds the ACL user's name")
    )
    redis_password_env: legal.VariableName | None = field(
        default=None, metadata=doc("the variable that holds the password; never the password itself")
    )
    redis_optional: bool = field(default=True, metadata=doc('whether readiness may say "degraded" while Redis is away'))
    readiness_url: legal.Url | None = field(
        default=None, metadata=doc("the readiness address; absent: its checks are skipped")
    )
    readiness_via: Literal["runner", "host"] = field(
        default="runner", metadata=doc("who asks it: this machine, or the host (for private names)")
    )
    ca_file: Path | None = field(default=None, metadata=doc("the CA for readiness over TLS; absent: the system's"))
    backend_check: legal.Program = field(
        default=(
            "python",
            "-c",
            "from app.core.redis_client import is_redis_available; assert is_redis_available(), 'Redis not available'",
        ),
        metadata=doc("the command in the backend's container that succeeds when it reaches Redis"),
    )
    canary: bool = field(default=True, metadata=doc("whether verify may write its one expiring key"))
    namespace: str = field(default="runbook-suite:", metadata=doc("the prefix of every key that the suite writes"))
    role: Literal["master", "replica"] | None = field(default=None, metadata=doc("the role to insist on"))
    policy: legal.Policy | None = field(default=None, metadata=doc("the maxmemory-policy to insist on"))
    durability: legal.Persistence | None = field(
        default=None, metadata=doc('the persistence to insist on, as "appendfsync everysec"')
    )
    image: str | None = field(default=None, metadata=doc('the image to insist on, as "redis:7"'))
    patterns: tuple[Pattern, ...] = field(default=(), metadata=doc("what is declared about keys, by glob"))
    limits: Limits = field(default_factory=Limits, metadata=doc("thresholds, by the name of the check"))
    windows: Windows = field(default_factory=Windows, metadata=doc("recovery windows"))
    chaos: Chaos = field(default_factory=Chaos, metadata=doc("what chaos may do here"))

    def username(self, environ: Mapping[str, str]) -> str | None:
        """The ACL user's name, where one is declared. Raises ``InventoryError`` when its variable is not set."""
        return self._secret("redis_username_env", environ)

    def password(self, environ: Mapping[str, str]) -> str | None:
        """Redis's password, where one is declared. Raises ``InventoryError`` when its variable is not set."""
        return self._secret("redis_password_env", environ)

    def _secret(self, key: str, environ: Mapping[str, str]) -> str | None:
        variable: str | None = getattr(self, key)
        if variable is None:
            return None
        if fault := variable_fault(variable, environ):
            raise InventoryError(f"{dotted(('hosts', self.name, key))}: {fault}")
        return environ[variable]


def load(path: Path, name: str, environ: Mapping[str, str]) -> Host:
    """Read the entry ``name`` of the inventory at ``path``; other entries are not looked into.

    Raises ``InventoryError`` with everything that is wrong with the file and the entry, in one message.
    """
    if "," in name:
        raise InventoryError(f"--host {quoted(name)}: several hosts in one run are reserved for later; name one")
    try:
        document = parse(path)
    except FileError as error:
        raise InventoryError(f"{path}: {error}") from None
    place = Place((), path.absolute().parent, environ)
    problems = _problems_of_file(document, place)
    try:
        host = _read_host(document.get("hosts", {}), name, place.inside("hosts"))
    except Problems as inner:
        problems += [problem for problem in inner.problems if problem not in problems]
    if problems:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InventoryError(
            "\n  ".join([f"{path}: {count} for --host {name}", *(str(_with_home(one, name)) for one in problems)])
        )
    return host


def must_name(path: Path, name: str) -> None:
    """Raise ``InventoryError`` unless the inventory at ``path`` has an entry of this name, whatever is in it."""
    try:
        _entry(parse(path).get("hosts", {}), name, Place(("hosts",), path.absolute().parent, {}))
    except (FileError, Problems) as error:
        raise InventoryError(f"{path}: {error}") from None


def _with_home(problem: Problem, host: str) -> Problem:
    """An unknown key that is known elsewhere: in TOML every key belongs to the last table above it."""
    from plugins.key_docs import tables_with  # noqa: PLC0415 - only a broken inventory needs it

    tables = tables_with(Host, str(problem.key[-1])) if problem.wrong.startswith("unknown key") else []
    homes = " or ".join(f"[{dotted(('hosts', host))}{'.' + table if table else ''}]" for table in tables)
    return problem._replace(wrong=f"{problem.wrong}; it belongs in {homes}") if homes else problem


def _problems_of_file(document: Mapping[str, object], place: Place) -> list[Problem]:
    """What is wrong above the entries, whichever is selected."""
    problems = [unknown_key(place.inside(key), ("hosts",)) for key in document if key != "hosts"]
    hosts = document.get("hosts")
    if isinstance(hosts, dict) and "twin" in hosts:
        problems.append(_bad_name("twin", place.inside("hosts")))
    return problems


def _bad_name(name: str, hosts: Place) -> Problem:
    return Problem((*hosts.key, name), f"the name {legal.objection_to_host_name(name)}", legal.HOST_NAME)


def _read_host(hosts: object, name: str, place: Place) -> Host:
    here = place.inside(name)
    host = cast("Host", Table(Host).read(_entry(hosts, name, place), here))
    return _with_local_project(host, here)


def _entry(hosts: object, name: str, place: Place) -> object:
    """The host's table as it is written. Raises ``Problems``."""
    if not isinstance(hosts, dict):
        raise place.problem(f"{shown(hosts)} is {toml_word(hosts)}", "a table for each host, as [hosts.staging]")
    if legal.objection_to_host_name(name):
        raise Problems([_bad_name(name, place)])
    if name not in hosts:
        known = ", ".join(quoted(known) if not known.isidentifier() else known for known in hosts)
        raise place.inside(name).problem(
            f"there is no such host{did_you_mean(name, hosts)}", known or "none yet; add a table [hosts.NAME]"
        )
    return hosts[name]


def _with_local_project(host: Host, place: Place) -> Host:
    """Without ``ssh`` the project's folder is on this machine, so it is a local path as the others are."""
    if host.ssh is not None:
        return host
    return replace(host, project_dir=str(place.local_path(host.project_dir).absolute()))


def describe_keys() -> list[KeyDoc]:
    """Every key of a host's entry with what is legal, its default and its meaning, in the schema's order."""
    from plugins.key_docs import describe  # noqa: PLC0415 - documentation; no run needs it

    return describe(Host)
