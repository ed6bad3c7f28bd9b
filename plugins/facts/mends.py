"""The corrected runbook step that fits what was seen, where that narrows the mend. Templates of ``plugins.remedy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.facts.causes import MISPLACED, credentials_wanted
from plugins.probe import CREDENTIALS, TIMEOUT
from plugins.since import rfc_3339

if TYPE_CHECKING:
    from datetime import datetime

    from plugins.facts.container import Standing
    from plugins.inventory import Host
    from plugins.probe import Answer

#: By ``Answer.code``: what Redis's own words call for.
_BY_CODE = {
    CREDENTIALS: "{redis_cli} PING   # with the password that the inventory's redis_password_env names",
    MISPLACED: (
        "{compose} logs {redis_service} | grep -o 'port=[0-9]*'   # what Redis said when it started\n"
        "# write that into the inventory: redis_port"
    ),
    TIMEOUT: "{compose} kill {redis_service}   # Redis is hung\n{compose} start {redis_service}\n{redis_cli} PING",
    "LOADING": "{redis_cli} INFO persistence   # loading_eta_seconds says how long to wait",
    "MISCONF": "{redis_cli} INFO persistence   # why the last save failed: disk, rights, memory\n{redis_cli} BGSAVE",
    "OOM": "{redis_cli} INFO memory\n{redis_cli} CONFIG GET 'maxmemory*'\n{redis_cli} --memkeys   # who takes it",
    "READONLY": "{redis_cli} INFO replication\n{redis_cli} REPLICAOF NO ONE   # if this one is to be the master",
    "NOREPLICAS": "{redis_cli} INFO replication\n{redis_cli} CONFIG GET min-replicas-to-write",
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
    return _BY_CODE.get(answer.code, otherwise)


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
