"""An HTTP answer from its parts. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from plugins.target.model import HttpAnswer

#: Of a body, so many bytes are read, and one more to see whether there is more.
BODY_LIMIT = 64 * 1024
#: Whoever asks to be left alone for longer, in seconds, is asked again all the same: no run takes so long.
LONGEST_S = 3600.0


def answer(status: int, headers: dict[str, str], body: bytes, took_s: float) -> HttpAnswer:
    """An answer from its parts; of the body, ``BODY_LIMIT`` bytes are kept."""
    low = {name.lower(): value for name, value in headers.items()}
    retry_after_s = retry_after(low.get("retry-after", ""))
    cut = len(body) > BODY_LIMIT
    return HttpAnswer(status, low.get("content-type", ""), body[:BODY_LIMIT], took_s, retry_after_s, cut)


def told_of_tls(words: str) -> str:
    """TLS's own words for its failure, and what they mean where the other side answers without it."""
    plain = re.search(r"wrong.version.number|packet.length.too.long", words, re.IGNORECASE)
    return f'{words} - what answers there is probably plain http: readiness_url = "http://…"' if plain else words


def retry_after(value: str) -> float | None:
    """Seconds to wait, ``LONGEST_S`` at most, from a ``Retry-After``: a number of seconds or a date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_S)
    try:
        until = parsedate_to_datetime(value)
        left = until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, left.total_seconds()), LONGEST_S)
