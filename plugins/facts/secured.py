"""Whether it is TLS that Redis wants: it hangs up on a client without it, as a rule without a word. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from plugins.probe import TLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.facts.causes import Chain
    from plugins.probe import Answer

#: How a connection ends, by redis-cli's words and by the wire's own, where the other side wanted another protocol.
_CUT_OFF = re.compile(
    r"Connection reset by peer|server closed the connection|closed the connection|Protocol error, got"
    r"|does not speak Redis's protocol",
    re.IGNORECASE,
)
#: How a TLS alert begins, as it is quoted.
_ALERT = r"\x15"


def secured(chain: Chain, port: int, handshake: Callable[[], bool]) -> Chain:
    """The chain; a PING that was cut off is marked where TLS is what ``port`` speaks.

    OpenSSL's alert is seldom seen, since the connection is reset behind it: the container's command line may tell,
    else ``handshake``, which asks. Nothing is asked where no PING was cut off.
    """
    inside, outside = chain.exec_ping, chain.ping
    if not (_cut_off(inside) or _cut_off(outside)):
        return chain
    alert = any(answer is not None and _ALERT in answer.detail for answer in (inside, outside))
    if not (alert or _declared(chain, port) or handshake()):
        return chain
    return replace(chain, exec_ping=_marked(inside), ping=_marked(outside))


def _cut_off(answer: Answer | None) -> bool:
    return answer is not None and answer.ok is False and not answer.code and bool(_CUT_OFF.search(answer.detail))


def _declared(chain: Chain, port: int) -> bool:
    """Whether the container's command line gives the port to TLS."""
    words = [word for one in chain.redis.containers for argument in one.argv for word in argument.split()]
    return ("--tls-port", str(port)) in pairwise(words)


def _marked(answer: Answer | None) -> Answer | None:
    if answer is None or not _cut_off(answer):
        return answer
    return replace(answer, code=TLS, detail=f"Redis wants TLS, which the suite does not speak: {answer.detail}")
