"""What is answered without a test: ``--plan``, ``--inspect`` and ``--recover``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from plugins.located import locate
from plugins.options import Suite
from plugins.verdict import Exit, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.inventory import Host
    from plugins.located import Located
    from plugins.options import Request


def answer(request: Request) -> int:
    """Print the answer; the exit code. Raises ``pytest.UsageError``."""
    with ExitStack() as stack:
        try:
            located = locate(request, stack)
        except Unreachable as error:
            print(error, file=sys.__stderr__)
            return int(Exit.UNJUDGED)
        from plugins.redact import Redactor  # noqa: PLC0415 - only paid for when asked

        redact = Redactor.of(located.host, located.environ)
        if request.plan:
            print(redact(_plan(located.host, request)))  # noqa: T201 - the plan is what was asked for
            return int(Exit.PASS)
        if request.recover:
            return _recover(located, stack, redact)
        from plugins.keys import run_inspection  # noqa: PLC0415 - only paid for when asked

        target = located.open(located.shell())
        stack.callback(target.close)
        return run_inspection(target, request.inspect or "", redact_values=request.redact, redact=redact)


def _plan(host: Host, request: Request) -> str:
    if request.suite is Suite.CHAOS:
        from plugins.chaos_plan import chaos_plan  # noqa: PLC0415 - only paid for when asked

        return chaos_plan(host, request.lease_s)
    from plugins.plan import plan  # noqa: PLC0415 - only paid for when asked

    return plan(host)


def _recover(located: Located, stack: ExitStack, redact: Callable[[str], str]) -> int:
    """Run what is still owed on the host."""
    from plugins.recovering import recover  # noqa: PLC0415 - only paid for when asked

    target = located.open(located.shell())
    stack.callback(target.close)
    code, said = recover(target)
    print(redact(said))  # noqa: T201 - what was done is the answer
    return int(code)
