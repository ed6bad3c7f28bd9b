"""Which kind of twin this machine can have."""

from __future__ import annotations

import dataclasses
import os
import textwrap
from typing import TYPE_CHECKING

from twin import compose, engine, processes
from twin.handle import NotUp
from twin.options import Options

if TYPE_CHECKING:
    from contextlib import ExitStack

    from twin import Kind
    from twin.handle import Twin


#: The most that is told of why there is no Compose twin, in characters.
_LONGEST = 300


def bring_up(stack: ExitStack, kind: Kind, options: Options | None, ttl_s: float) -> Twin:
    """Enter the twin into ``stack``. Raises what ``twin.up`` raises."""
    made = options or Options()
    if kind == "processes":
        return stack.enter_context(processes.up(made, ttl_s=ttl_s))
    try:
        local = stack.enter_context(engine.found(os.environ))
        return stack.enter_context(compose.up(made, local, ttl_s=ttl_s))
    except (engine.NoEngine, NotUp) as error:
        if kind == "compose":
            raise
        twin = stack.enter_context(processes.up(made, ttl_s=ttl_s))
        return dataclasses.replace(twin, because=in_short(str(error)))


def in_short(said: str) -> str:
    """A refusal in one line: its first, and its last, where a program names the error that ended it.

    What lies between tells how far each image and container had come.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return textwrap.shorten(" ".join(dict.fromkeys([*lines[:1], *lines[-1:]])), _LONGEST, placeholder=" …")
