"""Quantities on the command line, as ``argparse`` has them read."""

from __future__ import annotations

import argparse
import math
import re

#: Seconds in the units that a duration may be written in; nobody means to wait for longer than a day.
_UNITS = {"s": 1, "m": 60, "h": 3_600}
_LONGEST_S = 86_400.0

#: More runs than these nobody keeps in one directory.
MOST_KEPT = 10_000


def seconds(text: str) -> float:
    """A duration in seconds, as ``90``, ``90s``, ``5m`` or ``2h``. Raises ``argparse.ArgumentTypeError``."""
    unit = _UNITS.get(text[-1:])
    try:
        value = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of 0 to {_LONGEST_S:g} seconds; write 90, 90s, 5m or 2h")
    return value


def count(text: str) -> int:
    """How many runs to keep. Raises ``argparse.ArgumentTypeError``."""
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > MOST_KEPT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs; write one from 1 to {MOST_KEPT}")
    return int(text)
