"""Which keys are the suite's own: by the names that it gives them, for an application may use the same namespace."""

from __future__ import annotations

#: What stands behind the namespace: the canary's, the recording client's, the fence's.
KINDS = ("canary:", "chaos:", "fence:")


def own_beginnings(namespace: str) -> tuple[bytes, ...]:
    """What every key of the suite's begins with, and no other's."""
    return tuple(f"{namespace}{kind}".encode() for kind in KINDS)
