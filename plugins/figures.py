"""Measured spans as they are told to a person: no more is claimed than is known. Pure; seconds everywhere."""

from __future__ import annotations

#: Whoever asks so often (seconds) may say that it never was away.
_LITTLE_S = 0.1


def seconds(span_s: float) -> str:
    """A span to a hundredth of a second, which is what the sampling is good for."""
    return f"{span_s:.2f} s"


def figure(recovery_s: float, uncertainty_s: float | None) -> str:
    """A recovery as it is told: "1.84 s ± 0.02", or "by 2.32 s" where it is known no better than to nothing.

    However seldom was asked, the first good answer bounds the recovery from above.
    """
    if uncertainty_s is None:
        return seconds(recovery_s)
    if 0 < recovery_s < uncertainty_s:
        return f"by {seconds(recovery_s)}"
    return f"{seconds(recovery_s)} ± {uncertainty_s:.2f}"


def span(outage_s: float, uncertainty_s: float | None) -> str:
    """An outage as it is told: "0.38 s", or "at least 6.02 s" of one whose end nobody saw."""
    return f"{'at least ' if uncertainty_s is None else ''}{seconds(outage_s)}"


def unseen(uncertainty_s: float | None) -> str:
    """What there is to say where no outage was seen: that there was none only where little could go unseen."""
    if uncertainty_s is None:
        return "not seen away"
    return "never away" if uncertainty_s <= _LITTLE_S else f"not seen away (± {seconds(uncertainty_s)})"
