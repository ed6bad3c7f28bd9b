"""The corrected runbook step that fits what was seen, where that narrows the mend. Templates of ``plugins.remedy``."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from plugins.facts.causes import MISPLACED, credentials_wanted
from plugins.facts.units import size
from plugins.probe import CREDENTIALS, TIMEOUT, Vantage
from plugins.since import rfc_3339

if TYPE_CHECKING:
    from datetime import datetime

    from plugins.facts.container import Standing
    from plugins.facts.memory import Fit
    from plugins.inventory import Host, Limits
    from plugins.probe import Answer

_MIB = 1 << 20

#: By ``Answer.code``: what Redis's own words call for.
_BY_CODE = {
    CREDENTIALS: "{redis_cli} PING   # with the password that the inventory's redis_password_env names",
    MISPLACED: (
        "{compose} logs {redis_service} | grep -o 'port=[0-9]*'   # what Redis said when it started\n"
        "# write that into the inventory: redis_port"
    ),
    "BUSY": (
        "{redis_cli} SCRIPT KILL   # ends a script that has written nothing yet\n"
        "{redis_cli} FUNCTION KILL   # the same of a function, since Redis 7\n"
        "{redis_cli} PING   # after UNKILLABLE it has written: wait, or lose by a kill what was not saved"
    ),
    "LOADING": "{redis_cli} INFO persistence   # loading_eta_seconds says how long to wait",
    "MISCONF": "{redis_cli} INFO persistence   # why the last save failed: disk, rights, memory\n{redis_cli} BGSAVE",
    "OOM": "{redis_cli} INFO memory\n{redis_cli} CONFIG GET 'maxmemory*'\n{redis_cli} --memkeys   # who takes it",
    "READONLY": "{redis_cli} INFO replication\n{redis_cli} REPLICAOF NO ONE   # if this one is to be the master",
    "NOREPLICAS": "{redis_cli} INFO replication\n{redis_cli} CONFIG GET min-replicas-to-write",
}

_MISCONF_OF_THE_AOF = (
    "{redis_cli} INFO persistence   # aof_last_write_status, aof_last_bgrewrite_status\n"
    "df -h   # writes go on by themselves once the append-only file can be written: make room\n"
    "{redis_cli} BGREWRITEAOF   # once there is room: it makes the file small again"
)

#: By the vantage point that got no answer in time.
_BY_SILENCE = {
    Vantage.EXEC_PING: (
        "{redis_cli} PING   # once more: a long command and a CLIENT PAUSE end by themselves\n"
        "{compose} kill {redis_service}   # if Redis is hung; what it has not saved is lost\n"
        "{compose} start {redis_service}\n{redis_cli} PING"
    ),
    Vantage.PING: (
        "{compose} port {redis_service} {redis_port}\n"
        "{docker} network inspect $({docker} inspect -f "
        "'{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' $({compose} ps -q {redis_service}))"
    ),
    Vantage.WRITE: (
        "{redis_cli} INFO clients   # blocked_clients, paused_reason\n"
        "{redis_cli} CLIENT LIST   # who holds it up\n{redis_cli} CLIENT UNPAUSE   # where somebody paused writes"
    ),
}

#: By the engine's word for a container that does not run; ``SERVICE`` stands for the field that names it.
_BY_STATE = {
    "paused": "{compose} unpause {SERVICE}",
    "restarting": "{compose} logs --tail 50 {SERVICE}   # why it ends each time\n{compose} up -d {SERVICE}",
    "exited": "{compose} logs --tail 50 {SERVICE}   # why it ended\n{compose} start {SERVICE}",
}
_OTHERWISE = "{compose} ps --all {SERVICE}\n{compose} up -d {SERVICE}"

#: By the role that is declared, where Redis has the other one.
_BY_ROLE = {
    "master": "{redis_cli} INFO replication\n{redis_cli} REPLICAOF NO ONE   # makes it a master, with what it has",
    "replica": (
        "{redis_cli} INFO replication\n"
        "# REPLICAOF HOST PORT would replace all that it holds by what that master has; if this one is meant to be\n"
        '# the master, write role = "master" into the inventory'
    ),
}


def after_answer(answer: Answer, otherwise: str, host: Host) -> str:
    """The mend for a probe's answer; ``otherwise`` where its words narrow nothing."""
    if answer.code == CREDENTIALS and host.redis_password_env is None:
        return f"# {credentials_wanted(host)}"
    if answer.code == TIMEOUT:
        return next((mend for vantage, mend in _BY_SILENCE.items() if vantage == answer.vantage), otherwise)
    if answer.code == "MISCONF" and "AOF" in answer.detail:
        return _MISCONF_OF_THE_AOF
    return _BY_CODE.get(answer.code, otherwise)


def after_fit(fit: Fit, used: int, limits: Limits) -> str:
    """The mend for a ``maxmemory`` that does not fit its container, of a Redis that uses ``used`` bytes.

    Below what is used it would evict keys, or refuse writes, at once: where no other fits, the container is too small.
    """
    look = "{redis_cli} INFO memory\n{redis_cli} CONFIG GET maxmemory\n"
    fitting = min(int(fit.container_limit * limits.maxmemory_ratio), fit.container_limit - 1) // _MIB
    if used <= fitting * _MIB * limits.used_memory_ratio:
        return (
            f"{look}{{redis_cli}} CONFIG SET maxmemory {fitting}mb   # until the next restart; "
            "add it to the service's command: to keep it"
        )
    wanted = ceil(ceil(used / limits.used_memory_ratio / _MIB) / limits.maxmemory_ratio) + 1
    return (
        f"{look}# {size(used)} are used, and no maxmemory that holds them fits into {size(fit.container_limit)}:\n"
        f"# raise the container's own limit in the Compose file (mem_limit) to {wanted}m or more, then\n"
        "{compose} up -d --no-deps {redis_service}   # a restart"
    )


def after_standing(standing: Standing, field: str) -> str:
    """The mend for a service that does not stand; ``field`` is the template's field that names the service.

    Where the inventory's project is what is wrong, another one must not be started beside it.
    """
    if standing.elsewhere:
        known = " or ".join(f'compose_project = "{name}"' for name in standing.elsewhere)
        return f"# write into the inventory: {known}"
    fallen = [one.state for one in standing.containers if not one.running]
    template = _BY_STATE.get(fallen[0], _OTHERWISE) if fallen else _OTHERWISE
    return template.replace("{SERVICE}", f"{{{field}}}")


def after_role(declared: str | None) -> str:
    """The mend for a Redis that has not the role that is declared: it throws no data away."""
    return _BY_ROLE.get(declared or "", _BY_ROLE["master"])


def since(template: str, instant: datetime) -> str:
    """The template with the run's own instant instead of ``SINCE``, by the host's clock."""
    return template.replace("SINCE", rfc_3339(instant))
