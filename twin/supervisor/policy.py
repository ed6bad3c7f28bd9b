"""The container engine's restart policies, as pure functions."""

from __future__ import annotations

#: The back-off (seconds) doubles with each end in a row and is forgotten after a run of ``STEADY_S``.
FIRST_BACKOFF_S, LARGEST_BACKOFF_S, STEADY_S = 0.1, 60.0, 10.0


def comes_back(policy: str, *, exit_code: int, restarts: int, by_hand: bool) -> bool:
    """Whether a container that ended is started again. ``policy`` is no, always, unless-stopped, on-failure[:N]."""
    word, _, most = policy.partition(":")
    if by_hand:
        return False
    if word == "on-failure":
        return exit_code != 0 and (not most or restarts < int(most))
    return word in {"always", "unless-stopped"}


def backoff_s(ends_in_a_row: int) -> float:
    """How long to wait before the next start, after this many quick ends in a row (1 and more)."""
    return float(min(FIRST_BACKOFF_S * 2 ** min(ends_in_a_row - 1, 20), LARGEST_BACKOFF_S))
