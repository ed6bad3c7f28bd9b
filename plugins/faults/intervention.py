"""What the faults that end Redis's process, or freeze it, have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.fault import Evidence, Verb

if TYPE_CHECKING:
    from plugins.fault import Hands, Means, Scene, Sight
    from plugins.target.model import Container


class Intervention:
    """The usual answers of a fault that a start puts right; nothing to be done for recovery unless overridden."""

    def takes(self, namespace: bytes) -> bool:
        """Nothing is taken away on purpose."""
        del namespace
        return False

    def unavailable(self, scene: Scene) -> str:
        """A running container is all that it takes, and the steady state has seen that."""
        del scene
        return ""

    def undo(self, scene: Scene, means: Means) -> tuple[tuple[str, ...], ...]:
        """Start the container; where it runs that does nothing."""
        return (means.undoing(Verb.START, scene.redis),)

    def recover(self, scene: Scene, hands: Hands) -> None:
        """The fault itself ends in recovery."""


def shown(before: Scene, now: Sight) -> dict[str, str]:
    """What tells one life of the container from the next, before and now."""
    changes = {
        "state": (before.redis.state, now.redis.state),
        "started": (_started(before.redis), _started(now.redis)),
        "run_id": (before.run_id, now.run_id or "no answer yet"),
        "restarts by the engine": (str(before.redis.restart_count), str(now.redis.restart_count)),
    }
    seen = {what: old if old == new else f"{old} → {new}" for what, (old, new) in changes.items()}
    return seen if now.redis.state != "exited" else {**seen, "exit code": str(now.redis.exit_code)}


def begun_anew(before: Scene, now: Sight) -> bool:
    """Whether the container has ended and started again, and no answer comes from the old server process."""
    return now.redis.started_at != before.redis.started_at and now.run_id != before.run_id


def ended(before: Scene, now: Sight, *exit_codes: int) -> Evidence:
    """Evidence that the container has ended, with one of these exit codes where any are named, and stays down."""
    took_hold = now.redis.state == "exited" and (not exit_codes or now.redis.exit_code in exit_codes)
    return Evidence(took_hold, shown(before, now))


def _started(redis: Container) -> str:
    return redis.started_at.isoformat() if redis.started_at is not None else "never"
