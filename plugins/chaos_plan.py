"""``--plan`` of chaos: for every experiment what is done to the host, the outage to expect, and what puts it back."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING

from plugins import guard
from plugins.fault import Loss, Scene, registered
from plugins.lock import BASE
from plugins.options import Suite
from plugins.probe import Vantage
from plugins.sample import DRAWS
from plugins.target import engine_paths
from plugins.target.ledger import HEALING, SCRIPTS
from plugins.target.means import ComposeMeans
from plugins.target.model import Container
from plugins.traffic.carrier import ECHO
from plugins.trial import windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.fault import Fault
    from plugins.inventory import Host

#: What a stop may lose where there is no append-only file.
_AT_STOP = "a snapshot that is saved at a stop may fail, or take longer than the stop's grace: then keys may be lost"
#: How it is seen that no key is missing.
_SOUGHT = f"up to {DRAWS} of them drawn before by RANDOMKEY and PTTL, and looked for after it by EXISTS"
#: What becomes of keys, by the inventory's word.
_KEYS = {
    "restore": "saved on the host first where they may be lost, and put back where any were lost and are absent",
    "allowed": "those that the fault loses stay lost (data_loss is allowed)",
    "forbidden": "not played where keys may be lost (data_loss is forbidden)",
}


def chaos_plan(host: Host, lease_s: float) -> str:
    """What chaos may do on ``host``, experiment by experiment; connects to nothing, and holds no secret."""
    experiments = [line for fault in registered() for line in ("", *_experiment(host, fault))]
    return "\n".join([*_head(host, lease_s), *experiments])


def _head(host: Host, lease_s: float) -> Iterator[str]:
    yield f"chaos on {host.name} ({host.environment}): breaks Redis on purpose, and puts it back"
    if refusal := guard.refusal(Suite.CHAOS, host):
        yield f"refused: {refusal}"
    meant = host.chaos.engine_id or "none is named in the inventory, so nothing would run"
    yield f"only on the engine that is meant: {meant}"
    yield f"first, once: the lock and the watcher under {BASE}, by POSIX scripts of this project"
    scripts = sorted(path.stem for path in SCRIPTS.glob("*.sh") if path.stem not in ("common", *HEALING))
    yield f"  {', '.join(scripts)}; {' and '.join(sorted(HEALING))} undo what is owed"
    yield f"  unless renewed for {lease_s:g} s, the watcher undoes by itself what the experiment of that moment left"
    yield f"while each is played: {', '.join(one.words for one in Vantage)}, every 20 ms to 1 s,"
    yield f"  the engine's {engine_paths.EVENTS}, and {shlex.join(ECHO)} on the host, ten bytes a second, to tell a"
    yield "  dead connection from a dead Redis"
    yield "before the first, and after each: what verify asks (pytest -m verify --plan)"
    yield "Words in capitals stand for what only the run knows."


def _experiment(host: Host, fault: Fault) -> Iterator[str]:
    refusal = guard.family_refusal(host, fault)
    yield f"{fault.name}  [{'; '.join(fault.sections)}]" + ("  NOT PLAYED" if refusal else "")
    if refusal:
        yield f"  {refusal}"
        return
    within = windows(host, fault, [str(Vantage.PING), str(Vantage.READINESS)])
    yield f"  expected outage: {fault.outage}"
    window, readiness, hold = (f"{one:g} s" for one in (*within.values(), host.windows.hold_s))
    yield f"  must be well again within {window} (readiness {readiness}), and stay so for {hold}"
    yield "  does:"
    for command in fault.commands(host):
        yield textwrap.indent(command.strip(), "    ")
    if fault.loss is not Loss.NOTHING:
        yield f"  keys: {_KEYS[host.chaos.data_loss]}"
    if fault.loss is Loss.UNSAVED_AT_STOP:
        yield f"  keys: {_AT_STOP}"
    if fault.loss is not Loss.FLUSHED and host.chaos.data_loss != "allowed":
        yield f"  keys: {_SOUGHT}"
    if undo := _undo(host, fault):
        yield "  undone, by this run or by the host itself, by:"
        yield from (textwrap.indent(line.strip(), "    ") for line in undo)


def _undo(host: Host, fault: Fault) -> list[str]:
    """The undo's commands for a container of which only the name is known yet."""
    redis = Container("CONTAINER", "CONTAINER", host.redis_service)
    scene = Scene(host, redis, (), "RUN_ID", "VERSION", ())
    return [shlex.join(argv) for argv in fault.undo(scene, ComposeMeans(host, host.compose_project or "PROJECT"))]
