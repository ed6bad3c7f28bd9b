"""A fault: something broken on purpose, with evidence that it took hold and with what puts it back.

A fault is a frozen dataclass in a file of its own in ``plugins/faults/``, made known with ``register``. It only
describes: what it does to the host goes through the ``Hands`` it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.facts.clients import Client
    from plugins.inventory import Host
    from plugins.target.model import Command, Completed, Container, Reply


class Verb(StrEnum):
    """The runbook's interventions on a service, in Compose's words."""

    RESTART = "restart"
    STOP = "stop"
    START = "start"
    KILL = "kill"
    PAUSE = "pause"
    UNPAUSE = "unpause"


class Loss(StrEnum):
    """Which keys a fault can lose, given what Redis writes down."""

    NOTHING = "nothing"  # the server process lives on, with its data
    UNSAVED_AT_STOP = "unsaved at a stop"  # SIGTERM: Redis saves, if it saves at all
    UNSAVED_AT_KILL = "unsaved at a kill"  # SIGKILL: what was not written yet
    FLUSHED = "flushed"  # on purpose

    @property
    def process_lives_on(self) -> bool:
        """Whether the server process is the same afterwards."""
        return self in {Loss.NOTHING, Loss.FLUSHED}


@dataclass(frozen=True)
class Deed:
    """A command that was carried out on the host. Times are monotonic seconds; ``end``: when it returned."""

    argv: tuple[str, ...]
    start: float
    end: float
    exit_code: int = 0
    said: str = ""


@dataclass(frozen=True)
class Sight:
    """Redis at one moment: its container, and the server process's run_id, empty where it does not answer."""

    redis: Container
    run_id: str = ""


@dataclass(frozen=True)
class Scene:
    """What was there before the fault."""

    host: Host
    redis: Container
    backends: tuple[Container, ...]
    run_id: str
    version: str
    clients: tuple[Client, ...]


@dataclass(frozen=True)
class Evidence:
    """Whether the fault took hold, and what shows it. Without evidence no experiment passes.

    ``amiss``: what it should have done beside and did not, the host being what it is: a failure.
    """

    took_hold: bool
    shown: Mapping[str, str] = field(default_factory=dict)
    amiss: str = ""


class Hands(Protocol):
    """What a fault may do to the host. Every deed is written to the journal, its commands as they ran."""

    @property
    def seen(self) -> dict[str, int]:
        """What only the moment of the deed showed (replies, ids, counts): left by ``inject`` for ``in_effect``."""
        ...

    @property
    def fence(self) -> tuple[str, ...]:
        """The key that is in Redis until somebody puts lost keys back (see ``plugins.fence``); none: nobody would.

        Who loses keys over a connection looks for it in the same step.
        """
        ...

    def compose(self, verb: Verb) -> Deed:
        """One intervention on Redis's service, by the runbook's own command. Raises ``TargetError``.

        ``TimedOut`` and ``CarrierFailed`` mean that it may have happened all the same.
        """
        ...

    def redis(self, *commands: Command) -> list[Reply]:
        """Commands to Redis over a connection of the suite's own, as one trip. Raises ``TargetError``."""
        ...

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """A command on the host. Raises ``TargetError``, not on exit codes."""
        ...

    def inside(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 10.0) -> Completed:
        """A command in Redis's container. Raises ``TargetError``, not on exit codes."""
        ...

    def crash(self) -> Deed:
        """SIGKILL to Redis's server process from outside the container, as if it crashed. Raises ``TargetError``."""
        ...

    def look(self) -> Sight:
        """Redis as it is now, asked of the engine and of the server. Raises ``TargetError``."""
        ...


class Means(Protocol):
    """The commands, as they run on the host, that interventions and undos are made of. Asks nothing, does nothing."""

    def intervention(self, verb: Verb) -> tuple[str, ...]:
        """The runbook's own command for Redis's service."""
        ...

    def undoing(self, verb: Verb, redis: Container) -> tuple[str, ...]:
        """The same, needing neither the project's folder nor its file: START or UNPAUSE.

        It fails, and does nothing, where the service has another container than this one.
        """
        ...

    def crashing(self, redis: Container) -> tuple[str, ...]:
        """SIGKILL to the process that the container is, behind the engine's back; never to another's."""
        ...

    def proof(self, redis: Container) -> tuple[str, ...]:
        """A command that exits 0 where the service's one container runs and is not paused.

        What it prints tells this container, and this life of it, from any other.
        """
        ...


class Fault(Protocol):
    """See the module. ``family`` is the inventory's word (``chaos.faults``), ``window`` the name of its window."""

    @property
    def name(self) -> str:
        """What reports call it; unique."""
        ...

    @property
    def family(self) -> str:
        """Which of the inventory's families it belongs to."""
        ...

    @property
    def window(self) -> str:
        """Which of ``inventory.Windows`` it must recover in."""
        ...

    @property
    def loss(self) -> Loss:
        """Which keys it can lose."""
        ...

    @property
    def outage(self) -> str:
        """The outage to expect, in words, for ``--plan``."""
        ...

    @property
    def sections(self) -> tuple[str, ...]:
        """The runbook's sections that it stands for."""
        ...

    def takes(self, namespace: bytes) -> bool:
        """Whether it is meant to take away keys that begin so, as only a flush is."""
        ...

    def commands(self, host: Host) -> tuple[str, ...]:
        """What will be done to the host, in order, for ``--plan``: lines to read, secrets left out."""
        ...

    def unavailable(self, scene: Scene) -> str:
        """Why it cannot be done here; empty where it can."""
        ...

    def inject(self, scene: Scene, hands: Hands) -> None:
        """Do it. Returns when the host has carried it out.

        Raises ``TargetError``, and ``verdict.NotApplicable`` where there turned out to be nothing to do it to: then
        nothing was done.
        """
        ...

    def undo(self, scene: Scene, means: Means) -> tuple[tuple[str, ...], ...]:
        """Host commands that put the stack back, known before the fault; empty where nothing has to be.

        Each may fail where there is nothing (more) to undo, and all may be repeated. Lost keys are not its concern.
        """
        ...

    def in_effect(self, scene: Scene, hands: Hands) -> Evidence:
        """Whether it took hold: asked after ``inject`` and before ``recover``."""
        ...

    def recover(self, scene: Scene, hands: Hands) -> None:
        """The runbook's recovering command, where the fault itself does not end in recovery. Raises ``TargetError``.

        ``recovery_s`` counts from when it returns.
        """
        ...


_registered: dict[str, Fault] = {}


def register(*faults: Fault) -> None:
    """Make faults known, so that the experiments, the contract test and ``--plan`` find them.

    Raises ``ValueError`` where the name is taken.
    """
    for fault in faults:
        if fault.name in _registered:
            raise ValueError(f"fault {fault.name!r} is registered twice")
        _registered[fault.name] = fault


def registered() -> tuple[Fault, ...]:
    """Every fault there is, by name."""
    from plugins import faults  # noqa: PLC0415 - it imports this module

    faults.load()
    return tuple(sorted(_registered.values(), key=fault_name))


def of_families(*families: str) -> list[Fault]:
    """The faults of these families, for ``pytest.mark.parametrize``."""
    return [fault for fault in registered() if fault.family in families]


def fault_name(fault: Fault) -> str:
    """Its name, as a test id."""
    return fault.name
