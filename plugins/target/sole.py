"""A service's one container, as the host finds it by Compose's labels: another one by now, where somebody deploys."""

from __future__ import annotations

from plugins.target.projects import ONEOFF, PROJECT, SERVICE

#: $1: the Compose project, $2: the service, the rest: the docker client. Finds the service's container, stopped or not,
#: as $id; fails where there is none, or more than one, as while Compose replaces it.
FIND = f"""\
project=$1 service=$2
shift 2
id=$("$@" ps --all --quiet --no-trunc --filter "label={PROJECT}=$project" \\
  --filter "label={SERVICE}=$service" --filter label={ONEOFF}=False) || exit
case $id in
'') echo "there is no container of $service" >&2 && exit 1 ;;
*[!0-9a-f]*) echo "there is more than one container of $service: is it being replaced?" >&2 && exit 1 ;;
esac
"""

#: As FIND. Exits 0 where the container runs and is not paused, and says which one, in which of its lives.
RUNS = f"""\
{FIND}
said=$("$@" inspect --type container -f '{{{{.State.Status}}}} {{{{.Id}}}} {{{{.State.StartedAt}}}}' "$id") || exit
case $said in
'running '*) echo "${{said#running }}" ;;
*) echo "$service does not run" >&2 && exit 1 ;;
esac
"""

#: $1: start or unpause, $2: the container that it is meant for, the rest as FIND. Where that is gone, or about to be
#: replaced, there is nothing to undo: a deployment fails that finds the old one running where it was not.
UNDO = f"""\
verb=$1 wanted=$2
shift 2
{FIND}
[ "$id" = "$wanted" ] || {{ echo "$service has another container by now: nothing to $verb" >&2 && exit 1; }}
exec "$@" "$verb" "$id"
"""

#: $1: the client in the container, $2: Redis's port, $3: its patience in seconds, the rest as FIND. Gives Redis what
#: comes from standard input.
PIPE = f"""\
client=$1 port=$2 patience=$3
shift 3
{FIND}
exec "$@" exec -i "$id" "$client" -p "$port" --pipe --pipe-timeout "$patience"
"""


def sole(script: str, *words: str, project: str | None, service: str, docker: tuple[str, ...]) -> tuple[str, ...]:
    """The command that runs one of these scripts. Without a project's name it finds nothing, and fails."""
    return ("sh", "-c", script, "sh", *words, project or "", service, *docker)
