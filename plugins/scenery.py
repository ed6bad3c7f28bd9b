"""A look at the stage before a fault and after it: who is there, and what Redis says of itself."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from plugins.by_hand import by_hand
from plugins.facts import server
from plugins.facts.asking import read_file
from plugins.facts.drift import losses
from plugins.facts.startup import config_path, parse_startup
from plugins.facts.units import shown, text_of
from plugins.fault import Scene
from plugins.promise import observe
from plugins.saving.libraries import names
from plugins.target.model import ServiceAmbiguous, ServiceMissing
from plugins.verdict import NotJudged, Unjudged

if TYPE_CHECKING:
    from plugins.by_hand import ByHand
    from plugins.facts.drift import Loss as Changed
    from plugins.facts.server import RedisFacts
    from plugins.facts.startup import Startup
    from plugins.promise import Observed
    from plugins.target.model import Container, Wire
    from plugins.target.open import Target

#: What Redis says to a user who may not.
NO_PERMISSION = "NOPERM"
#: The number of a container's first process.
FIRST = "1"
#: First processes that pass signals on: Docker's own, Podman's, and those that images bring along.
INITS = frozenset({"docker-init", "catatonit", "tini", "dumb-init"})


@dataclass(frozen=True)
class Scenery:
    """The scene, and all that Redis answered there. ``asked`` is monotonic, just before the question."""

    scene: Scene
    facts: RedisFacts
    asked: float
    config_text: bytes | None = None  # of the file that Redis is started with
    unheard: str = ""  # why a stop may not reach Redis
    acl_file: bytes | None = None  # its text; None: there is none, or it could not be read
    functions: frozenset[str] | None = None  # the libraries' names; None: they could not be asked

    @cached_property
    def observed(self) -> Observed | None:
        """What this Redis writes down; None where it does not say."""
        try:
            return observe(
                self.facts,
                asked=self.asked,
                mounts=self.scene.redis.mounts,
                changed=self.changes,
                unheard=self.unheard,
            )
        except NotJudged:
            return None

    @property
    def changes(self) -> tuple[Changed, ...]:
        """What the next start changes in the configuration, as far as its command line and file tell."""
        with suppress(NotJudged):
            if (startup := self._startup) is not None:
                return losses(startup, self.facts.config, self.facts.info.compatibility)
        return ()

    @property
    def by_hand(self) -> ByHand:
        """What ends with the server process, because somebody set it while that ran."""
        return by_hand(self.changes, self.users, self._startup if self._users_told else None, self.acl_file)

    @property
    def users(self) -> tuple[str, ...] | None:
        """ACL LIST's lines; None where they could not be read."""
        try:
            return tuple(text_of(line) for line in self.facts.replies.items("acl") if isinstance(line, bytes))
        except NotJudged:
            return None

    @property
    def _users_told(self) -> bool:
        """Whether it was seen with which users Redis starts."""
        with suppress(NotJudged):
            return not self.facts.config.get("aclfile") or self.acl_file is not None
        return False

    @property
    def _startup(self) -> Startup | None:
        with suppress(NotJudged):
            return parse_startup(self.scene.redis.argv, self.config_text)
        return None


def survey(target: Target) -> Scenery:
    """Look at everything anew. Raises ``Unjudged`` where Redis does not answer, ``TargetError`` as the target does."""
    host = target.host
    redis = _only(target)
    backends = _backends(target) if host.backend_service else ()
    with closing(target.wire(redis)) as wire:
        asked = time.monotonic()
        facts = server.read(wire.ask(server.COMMANDS))
        functions = libraries(target, wire, facts)
    path = None
    with suppress(Unjudged):
        path = config_path(redis.argv)
    text = read_file(target, redis, path) if path else None
    try:
        clients = facts.clients.listed
    except NotJudged:
        clients = ()
    scene = Scene(host, redis, backends, facts.server.run_id, facts.server.version, clients)
    unheard, acl_file = _unheard(target, redis, facts), _acl_file(target, redis, facts)
    return Scenery(scene, facts, asked, text, unheard, acl_file, functions)


def libraries(target: Target, wire: Wire, facts: RedisFacts) -> frozenset[str] | None:
    """The names of the libraries of functions; None where they cannot be asked. Raises ``TargetError``."""
    if NO_PERMISSION in target.refused:  # of a user who may not do everything, Redis would note one refusal more
        return None
    return names(wire, facts.info)


def _acl_file(target: Target, redis: Container, facts: RedisFacts) -> bytes | None:
    with suppress(NotJudged):
        if path := facts.config.get("aclfile"):
            return read_file(target, redis, path)
    return None


def _unheard(target: Target, redis: Container, facts: RedisFacts) -> str:
    """Why a stop may not reach Redis: it goes to the container's first process, and a shell does not pass it on."""
    number = facts.info.get("process_id", FIRST)
    if number == FIRST or not redis.image_id:  # without an image they are processes, of which none is the first
        return ""
    first = text_of(read_file(target, redis, "/proc/1/comm") or b"").strip()
    if first in INITS:
        return ""
    who = shown(first) if first else "another process"
    return f"a stop is {who}'s to pass on, for Redis is process {number} of its container: it may end by SIGKILL"


def _only(target: Target) -> Container:
    found = target.stack.containers(target.host.redis_service)
    if len(found) != 1 or not found[0].running:
        states = ", ".join(f"{one.name} is {one.state}" for one in found)
        raise Unjudged(f"chaos needs one running container of {target.host.redis_service}: {states}")
    return found[0]


def _backends(target: Target) -> tuple[Container, ...]:
    try:
        return target.stack.containers(target.host.backend_service or "")
    except (ServiceMissing, ServiceAmbiguous):
        return ()
