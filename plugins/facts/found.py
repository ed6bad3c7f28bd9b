"""What was found of the host and of its containers, before anybody in them was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.facts import causes
from plugins.facts.engine import same_engine
from plugins.facts.site import Site
from plugins.verdict import Blocked, NotApplicable, NotJudged, Unjudged, Unreachable

if TYPE_CHECKING:
    from plugins.facts.container import Opinion, Standing
    from plugins.facts.engine import Introduction
    from plugins.facts.flow import Flow, Later
    from plugins.facts.look import Look
    from plugins.facts.machine import Machine
    from plugins.inventory import Host
    from plugins.since import Since
    from plugins.target.model import Container, Engine
    from plugins.target.open import Target


class Found:
    """The host, its engine, and the containers on it. See ``Facts`` for what an attribute raises."""

    def __init__(self, target: Target, flow: Flow, look: Later[Look]) -> None:
        self._target = target
        self._flow = flow
        self._look = look

    def reach(self) -> None:
        """Wait until the host and its engine have answered. Raises ``Unreachable``, and nothing else."""
        try:
            self._now.introduction.get()
        except NotJudged as unknown:
            raise Unreachable(str(unknown)) from unknown

    def close(self) -> None:
        """End what is still under way, and give the connections back. Never raises."""
        self._flow.close(self._target.close)

    def leave(self) -> None:
        """End what is still under way, and leave the target's connections to who opened them. Never raises."""
        self._flow.close()

    @property
    def _now(self) -> Look:
        return self._look.get()

    @property
    def host(self) -> Host:
        """The host's entry in the inventory."""
        return self._target.host

    @property
    def site(self) -> Host:
        """The host as remedies are written for it: in the folder that its project was started in."""
        return self._site.host

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the way the host was reached, and about the project's folder."""
        return (*self._target.notes(), *filter(None, [self._site.note]))

    @property
    def _site(self) -> Site:
        try:
            return self._now.site.get()
        except (NotJudged, Unreachable):  # then the inventory's own is as good as any
            return Site(self.host)

    @property
    def engine(self) -> Engine:
        """Who runs the containers."""
        return self._now.introduction.get().engine

    @property
    def introduction(self) -> Introduction:
        """How the engine introduced itself, and how long that took."""
        return self._now.introduction.get()

    @property
    def engine_identity(self) -> Opinion:
        """Whether the engine is the one that the inventory names. Raises ``NotApplicable`` where it names none."""
        return same_engine(self.engine, self.host.chaos.engine_id)

    @property
    def since(self) -> Since:
        """From when on logs and slow commands count, by the host's clock."""
        return self._now.since.get()

    @property
    def redis_standing(self) -> Standing:
        """Whether the container of Redis runs, and if not, what it does. Raises ``Unjudged`` where several could be."""
        standing = self._now.redis.get()
        if standing.unclear:
            raise Unjudged(standing.detail)
        return standing

    @property
    def redis_container(self) -> Container:
        """The container of Redis, whatever its state. Raises ``Blocked`` where there is none."""
        standing = self._now.redis.get()
        if not standing.containers:
            raise Blocked(causes.REDIS_RUNS, standing.detail)
        return standing.containers[0]

    @property
    def running_redis(self) -> Container:
        """The container of Redis, where it runs. Raises ``Blocked``."""
        standing = self._now.redis.get()
        if not standing.runs:
            raise Blocked(causes.REDIS_RUNS, standing.detail)
        return self.redis_container

    @property
    def backend_standing(self) -> Standing:
        """Whether all containers of the backend run.

        Raises ``NotApplicable`` without ``backend_service``, and ``Blocked`` where the whole project is a wrong one.
        """
        standing = self._now.backends.get()
        if standing is None:
            raise NotApplicable("the inventory names no backend_service")
        if standing.unclear or (standing.elsewhere and self._now.redis.get().elsewhere):
            raise Blocked(causes.REDIS_RUNS, standing.detail)
        return standing

    @property
    def running_backends(self) -> tuple[Container, ...]:
        """The containers of the backend that run. Raises as ``backend_standing``, and ``Blocked`` where none does."""
        standing = self.backend_standing
        if not standing.running:
            raise Blocked(causes.BACKEND_RUNS, standing.detail)
        return standing.running

    @property
    def backends(self) -> tuple[Container, ...]:
        """The containers of the backend, whatever their state; none where the inventory names no backend."""
        standing = self._now.backends.get()
        return standing.containers if standing is not None else ()

    @property
    def addresses(self) -> frozenset[str]:
        """Where the project's containers are on the engine's networks, whatever their service."""
        return self._now.addresses.get()

    @property
    def machine(self) -> Machine:
        """The machine that it all runs on, through testinfra."""
        return self._now.machine.get()
