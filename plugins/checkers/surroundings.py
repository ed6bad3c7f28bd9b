"""Whether all else is as it was: the backend, its log, Redis's configuration, users and containers. Pure.

No directive may differ after a restart, for the same container starts with the same command line: real servers of
every supported version answer CONFIG GET alike before and after. What differs all the same was set by hand while Redis
ran, and the restart lost it. That is a finding about the host, not about the fault, and it is told so; it is as
invalid, because the server does not do any more what it did before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.checker import Finding, Verdict
from plugins.checkers.connections import Bonds
from plugins.facts.config import SECRETS
from plugins.facts.logs import brief
from plugins.facts.units import plural, shown
from plugins.probe import Vantage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plugins.facts.config import Config
    from plugins.facts.logs import Story
    from plugins.recovery import Recovery
    from plugins.target.model import Container

_SHOWN = 5

#: Seconds after the recovery in which a backend may give up what it began while Redis was away: a connection to it is
#: tried again by the system after one second, and then after two more.
GIVING_UP_S = 2.0
#: Two that began in the same outage are not given up further apart than it was long, and so many seconds.
_APART_S = 0.25
_TIMED_OUT = re.compile(r"tim(?:e|ed)[ -]?out", re.IGNORECASE)


@dataclass(frozen=True)
class Surroundings:
    """What must be as before. None: it could not be asked (an ACL that forbids it).

    ``users``: ACL LIST's lines; ``containers``: the id by name; ``drifted``: the directives that the next start gives
    another value than the live one (``drift.losses``).
    """

    run_id: str
    config: Config | None
    users: tuple[str, ...] | None
    containers: Mapping[str, str]
    drifted: frozenset[str] = frozenset()
    functions: frozenset[str] | None = None  # the libraries' names; they are only compared where they were asked


def nothing_else_changed(before: Surroundings, after: Surroundings) -> Finding:
    """Redis's configuration, its ACL users and the project's containers are the same. Values of secrets stay hidden."""
    name = nothing_else_changed.__name__
    parts = {
        "the containers": _containers(before.containers, after.containers),
        "the configuration": _config(before, after),
        "the ACL users": _users(before, after),
    }
    changed = [told for part in parts.values() for told in part or ()] + _functions(before, after)
    unseen = [what for what, part in parts.items() if part is None]
    if changed:
        return Finding(name, Verdict.INVALID, _listed(changed), {"changed": len(changed)})
    if unseen:
        return Finding(name, Verdict.UNKNOWN, f"{' and '.join(unseen)} could not be read, before or after")
    return Finding(name, Verdict.VALID, "configuration, ACL users and containers are as before")


def server_lived_on(before: Surroundings, after: Surroundings) -> Finding:
    """The server process that was there before a fault that ends none is there still: it did not die of it."""
    name = server_lived_on.__name__
    if not before.run_id or not after.run_id:
        return Finding(name, Verdict.UNKNOWN, "Redis did not say which server process it is")
    if before.run_id != after.run_id:
        said = (
            f"Redis has ended and was started again: its run_id was {shown(before.run_id)}, now {shown(after.run_id)}"
        )
        return Finding(name, Verdict.INVALID, said)
    return Finding(name, Verdict.VALID, "the server process is the same as before")


def _containers(before: Mapping[str, str], after: Mapping[str, str]) -> list[str] | None:
    """What is different; None where nothing could be compared, as below."""
    if not before:
        return None
    told = []
    for one in sorted(before.keys() | after.keys()):
        match before.get(one), after.get(one):
            case (was, now) if was == now:
                continue
            case (None, _):
                told.append(f"container {shown(one)} is new")
            case (_, None):
                told.append(f"container {shown(one)} is gone")
            case _:
                told.append(f"container {shown(one)} is another one than before")
    return told


def _config(before: Surroundings, after: Surroundings) -> list[str] | None:
    old, new = before.config, after.config
    if old is None or new is None:
        return None
    told = []
    for one in sorted(old.values.keys() | new.values.keys()):
        was, now = old.values.get(one, "nothing"), new.values.get(one, "nothing")
        if was == now and old.digests.get(one) == new.digests.get(one):
            continue
        values = "(values hidden)" if one in SECRETS else f"from {shown(was)} to {shown(now)}"
        told.append(f"{one} changed {values}: {_why(one, before, after)}")
    return told


def _why(directive: str, before: Surroundings, after: Surroundings) -> str:
    if before.run_id == after.run_id:
        return "somebody set it meanwhile"
    if directive in before.drifted:
        return "it had been set by hand, and the restart lost it; write it into the container's configuration"
    return "the restarted server starts otherwise than it ran"


def _functions(before: Surroundings, after: Surroundings) -> list[str]:
    """The libraries of functions that are gone."""
    if before.functions is None or after.functions is None:
        return []
    return [f"the library {shown(one)} of functions is gone" for one in sorted(before.functions - after.functions)]


def _users(before: Surroundings, after: Surroundings) -> list[str] | None:
    if before.users is None or after.users is None:
        return None
    old, new = ({_user(line): line for line in lines} for lines in (before.users, after.users))
    restarted = before.run_id != after.run_id
    why = "the restart lost what no ACL file holds" if restarted else "somebody changed it meanwhile"
    changed = [one for one in sorted(old.keys() | new.keys()) if old.get(one) != new.get(one)]
    return [f"ACL user {shown(one)} is not as before: {why}" for one in changed]


def _user(line: str) -> str:
    """The name in a line of ACL LIST; the rest may hold a password's hash."""
    words = line.split(" ", 2)
    return words[1] if len(words) > 1 else line


def backend_reconnected_without_restart(
    before: Sequence[Container],
    after: Sequence[Container],
    seen: Sequence[Recovery],
    bonds: Bonds | None = None,
    *,
    by_compose: str = "",
) -> Finding:
    """The backend reached Redis again by itself: the same containers, started when they were, not crashed meanwhile.

    ``by_compose``: how it is known that Compose itself restarted it with Redis (``depends_on`` with ``restart: true``);
    a crash is none of Compose's doing. ``seen``: by the vantage points that ask for it. They alone tell of a backend
    that held no connection before the fault; of any other its ``bonds`` must be there again. Where nobody used them
    nobody may have asked for new ones: then only a readiness that noticed the outage tells.
    """
    name = backend_reconnected_without_restart.__name__
    if not before or not seen:
        return Finding(name, Verdict.UNKNOWN, "there is no backend" if not before else "the backend was not asked")
    now, bonds = {one.id: one for one in after}, bonds or Bonds()
    lost = [one for one in bonds.connections if not one.there]
    amiss = [told for was in before if (told := _amiss(was, now.get(was.id), by_compose=by_compose))]
    amiss += [f"the backend did not reach Redis again, says {one.vantage}" for one in seen if _away(one)]
    amiss += [one.describe() for one in lost if one.in_use]
    if amiss:
        return Finding(name, Verdict.INVALID, "; ".join(amiss))
    if any(one.recovery_s is None or not one.operations for one in seen):
        return Finding(name, Verdict.UNKNOWN, "the backend was not watched for long enough")
    if lost and not any(one.vantage == Vantage.READINESS and one.outage_s is not None for one in seen):
        why = "whether it would connect again when asked is not known, for readiness noticed no outage"
        return Finding(name, Verdict.UNKNOWN, "; ".join([*(one.describe() for one in lost), why]))
    how = f"restarted by Compose ({by_compose})" if by_compose else "not restarted"
    evidence = {one.vantage: one.recovery_s for one in seen}
    return Finding(name, Verdict.VALID, f"the backend was {how}; {_attested(seen, bonds)}", evidence)


def _attested(seen: Sequence[Recovery], bonds: Bonds) -> str:
    """What was seen of a backend that is well, and no more than that."""
    told = [f"{' and '.join(one.vantage for one in seen)} found Redis there"]
    told += [one.describe() for one in bonds.connections]
    if bonds.untold:
        told.append(f"whether connections of its own are back is not known: {bonds.untold}")
    return "; ".join(told)


def _away(seen: Recovery) -> bool:
    return bool(seen.operations) and seen.recovery_s is None and seen.well_s is None


def _amiss(was: Container, now: Container | None, *, by_compose: str) -> str:
    who = f"the backend's container {shown(was.name)}"
    if now is None:
        return f"{who} is gone, or another one"
    if not now.running:
        return f"{who} is {now.state}"
    if now.restart_count > was.restart_count:
        return f"{who} crashed and was restarted, {plural(now.restart_count - was.restart_count, 'time')}"
    if now.started_at != was.started_at and not by_compose:
        return f"{who} was restarted"
    return ""


def given_up_late(story: Story, away_s: float) -> float:
    """Until how many seconds after the log's beginning it tells of nothing but what was begun while Redis was away.

    Whoever waits for a Redis that is away says so when his time is over, and that may be after the recovery. 0 where
    there is no such record, one tells of something else than a time-out, or they are too far apart: then somebody
    began to wait when all should have been well. ``away_s``: for how long Redis was away.
    """
    late = [one for one in story.failures if (one.at - story.since).total_seconds() <= GIVING_UP_S]
    if not away_s or not late or not all(_TIMED_OUT.search(one.text) for one in late):
        return 0.0
    apart_s = (late[-1].at - late[0].at).total_seconds()
    return (late[-1].at - story.since).total_seconds() if apart_s <= away_s + _APART_S else 0.0


def log_quiet_in_hold(story: Story, *, late_s: float = 0.0) -> Finding:
    """The backend's log, read from the recovery on, tells of no trouble with Redis.

    ``late_s``: it is read from so much later on, because of what was given up until then (see ``given_up_late``).
    """
    name = log_quiet_in_hold.__name__
    evidence = {"records": story.records, "failures": len(story.failures)}
    if story.failures:
        told = _listed([brief(record) for record in story.failures])
        return Finding(name, Verdict.INVALID, f"{story.describe().splitlines()[0]} {told}", evidence)
    if story.truncated:
        return Finding(name, Verdict.UNKNOWN, f"{story.describe()}: what came before was not read", evidence)
    late = f"; what it began while Redis was away it gave up {late_s:.1f} s after the recovery" if late_s else ""
    return Finding(name, Verdict.VALID, f"{story.describe()}{late}", evidence)


def _listed(told: Iterable[str]) -> str:
    listed = list(told)
    more = f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return "; ".join(listed[:_SHOWN]) + more
