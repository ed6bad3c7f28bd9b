"""What the engine says of the containers, put into words and verdicts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.counters import Counters
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from plugins.target.model import Container

_RETURNING = {"always", "unless-stopped"}
#: What the counters of ``look_at_all`` begin with.
RESTARTS = "restart_count:"


@dataclass(frozen=True)
class Standing:
    """Whether a service stands: ``runs`` only where every container that counts runs and is not paused.

    ``elsewhere`` names the Compose projects one of which is meant, where it is not the inventory's. ``unclear``: it is
    not known which container is meant, so nobody can say whether it runs.
    """

    runs: bool
    detail: str
    containers: tuple[Container, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unclear: bool = False

    @property
    def running(self) -> tuple[Container, ...]:
        """The containers that can be asked."""
        return tuple(one for one in self.containers if one.running)


def missing(complaint: str, elsewhere: tuple[str, ...] = ()) -> Standing:
    """No container carries the service's label; ``complaint`` names what was found."""
    return Standing(runs=False, detail=complaint, elsewhere=elsewhere)


def unclear(complaint: str) -> Standing:
    """Several containers could be meant; ``complaint`` names them."""
    return Standing(runs=False, detail=complaint, unclear=True)


def stand_alone(containers: Sequence[Container], now: datetime | None) -> Standing:
    """The one Redis: the only running container, or the only one. Which of several is not for the suite to guess."""
    running = [one for one in containers if one.running]
    if len(running) > 1:
        names = ", ".join(one.name for one in running)
        return unclear(f"{len(running)} containers of {running[0].service!r} run, which one is meant? {names}")
    chosen = running or list(containers[:1])
    if not chosen:
        return missing("the service has no container")
    return Standing(bool(running), describe(chosen[0], now), tuple(chosen))


def stand_together(containers: Sequence[Container], now: datetime | None) -> Standing:
    """All replicas of the backend."""
    if not containers:
        return missing("the service has no container")
    fallen = [one for one in containers if not one.running]
    told = "; ".join(describe(one, now) for one in fallen or containers)
    return Standing(not fallen, told, tuple(containers))


def describe(container: Container, now: datetime | None) -> str:
    """One container in words: its state, since when that is known, else when it started, and why."""
    parts = [f"{container.name} is {container.state}"]
    if container.state == "exited":
        parts.append(f"exit code {container.exit_code}")
        parts.append(_ago("since {}", container.finished_at, now))
    elif container.state == "restarting":
        parts.append(f"exit code {container.exit_code}, restarted {container.restart_count} times")
    elif container.running:
        parts.append(_ago("since {}", container.started_at, now))
    else:  # the engine does not say since when it is paused
        parts.append(_ago("started {} ago", container.started_at, now))
    if container.oom_killed:
        parts.append("killed for want of memory (OOM)")
    return ", ".join(part for part in parts if part)


def _ago(words: str, then: datetime | None, now: datetime | None) -> str:
    """The words with the time between the two in them; nothing where one is not known."""
    if then is None or now is None:
        return ""
    seconds = max(0.0, (now - then).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return words.format(f"{seconds / length:.0f} {unit}")
    return words.format(f"{seconds:.0f} s")


@dataclass(frozen=True)
class Opinion:
    """A verdict on one thing, and what it was reached from."""

    well: bool
    detail: str


def health(*containers: Container) -> Opinion:
    """The engine's own health check of each. Raises ``NotApplicable`` where there is none, or no verdict of it yet."""
    told = [one for one in containers if one.health is not None]
    if not told:
        raise NotApplicable("the container has no health check")
    sick = [one for one in told if one.health not in {"healthy", "starting"}]
    if not sick and any(one.health == "starting" for one in told):
        raise NotApplicable("the engine's health check has not come to a verdict yet (starting); --wait waits for it")
    return Opinion(not sick, ", ".join(f"{one.name} is {one.health}" for one in sick or told))


def oom(*containers: Container) -> Opinion:
    """Whether the kernel killed something in any of the containers since it started."""
    struck = [one for one in containers if one.oom_killed]
    killed = "the kernel killed a process" if struck else "the kernel has killed nothing"
    return Opinion(not struck, f"{killed} for want of memory in {', '.join(one.name for one in struck or containers)}")


def returns(container: Container) -> Opinion:
    """Whether the restart policy brings the container back after a crash and after a reboot."""
    policy = container.restart_policy or "no"
    return Opinion(policy.partition(":")[0] in _RETURNING, f"restart policy of {container.name} is {policy!r}")


def normal_image(name: str) -> str:
    """An image's name as the engine would complete it: no default registry, ``latest`` where nothing is said."""
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        name = name.removeprefix(prefix)
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else f"{name}:latest"


def _made_of(image: str, declared: str) -> bool:
    """Whether an image's name is the declared one; a digest after the tag only matters where one is declared."""
    return normal_image(declared) in {normal_image(image), normal_image(image.partition("@")[0])}


def same_image(container: Container, declared: str | None) -> Opinion:
    """Whether the container was made of the declared image. Raises ``NotApplicable`` where none is declared."""
    if declared is None:
        raise NotApplicable("the inventory declares no image")
    same = declared == container.image_id or _made_of(container.image, declared)
    return Opinion(same, f"{container.name} was made of {container.image or container.image_id}")


def ports(container: Container, redis_port: int, others: Iterable[Container] = ()) -> Opinion:
    """Whether what is published leads to Redis; further ports are nobody's harm.

    Raises ``NotApplicable`` where nothing is published, or where the container shares the network of another one, or
    one of the ``others`` shares its own: what is published may be theirs.
    """
    if not container.ports:
        raise NotApplicable("the container publishes no port")
    led = any(one.container_port == redis_port for one in container.ports)
    if container.network_mode.startswith("container:") and not led:
        raise NotApplicable(f"{published(container)}: by the container whose network {container.name} shares")
    sharing = [one.name for one in others if one.network_mode == f"container:{container.id}"]
    if sharing and not led:
        raise NotApplicable(f"{published(container)}: for {', '.join(sharing)}, which shares its network")
    return Opinion(led, published(container))


def published(container: Container) -> str:
    """The published ports in words."""
    if container.network_mode == "host":
        return f"{container.name} is on the host's own network"
    told = [f"{one.host_ip or '0.0.0.0'}:{one.host_port} -> {one.container_port}" for one in container.ports]  # noqa: S104 - what an empty address means to the engine
    return ", ".join(told) or f"{container.name} publishes no port"


def look(container: Container, now: datetime) -> Counters:
    """The container's own cumulative counter, kept under the container's id as Redis's are under its run_id."""
    return Counters(redis_run_id=container.id, at=now.isoformat(), values={"restart_count": container.restart_count})


def look_at_all(containers: Sequence[Container], now: datetime) -> Counters:
    """The same of a service's replicas, each counter by its container's name, under the ids of all of them."""
    values = {f"{RESTARTS}{one.name}": one.restart_count for one in containers}
    return Counters(redis_run_id=" ".join(sorted(one.id for one in containers)), at=now.isoformat(), values=values)
