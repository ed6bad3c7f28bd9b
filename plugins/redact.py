"""Nothing that a run writes or prints may hold a secret: text with every known secret, in every dress, taken out."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from plugins import giveaways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.inventory import Host

MASK = giveaways.MASK

#: Shorter secrets are only masked where they stand alone: ``a`` would take every report to pieces.
_SHORTEST = 4
#: Fewer characters of Base64 than these could be anything.
_SHORTEST_BASE64 = 8

#: Where a text was cut, which the suite, Redis and the engine mark so; and what may stand between there and what is
#: left of the text: quotes, blanks, and the bytes of a character that was cut, too.
_CUT = re.compile(r"…|\.{3,}")
_BEFORE_CUT = re.compile(r"((?:\\x[0-9a-f]{2}){0,3}[\\\"'\s]{0,8})\Z")
_AFTER_CUT = re.compile(r"\A([\\\"'\s]{0,8}(?:\\x[0-9a-f]{2}){0,3})")
#: So many characters of a secret that was cut are masked; fewer tell little, and often are something else.
_SHORTEST_PIECE = 4

#: A value in an address's query that is at least so long may be a token.
_TOKEN = 8


@dataclass(frozen=True)
class Redactor:
    """A function from text to text without secrets. Its ``repr`` holds none either."""

    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, host: Host, environ: Mapping[str, str]) -> Redactor:
        """The secrets of a host: what the variables hold that its entry names. Unset ones are nothing to hide.

        Long values in the query of the readiness address are taken for tokens.
        """
        names = (host.redis_password_env,)
        tokens = [value for _, value in parse_qsl(urlsplit(host.readiness_url or "").query) if len(value) >= _TOKEN]
        return cls((*(environ[name] for name in names if name and environ.get(name)), *tokens))

    def __call__(self, text: str) -> str:
        """``text`` with every secret masked, however it is written (see ``disguises``), also where it was cut."""
        text = self._without_whole(text)
        if _CUT.search(text):
            text = self._without_whole(self._without_pieces(text))
        for lone in self._lone:
            text = lone.sub(MASK, text)
        return giveaways.without_giveaways(text)

    def data(self, value: object) -> object:
        """The same for the strings inside plain data (dicts, lists, tuples), before it is written as JSON.

        Keys that are plain lower-case words are the suite's own and stay, whatever the password is.
        """
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self._key(key): self.data(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(inner) for inner in value]
        return value

    def _without_whole(self, text: str) -> str:
        # Masking may uncover: "a*" in "aa*" becomes "a***". Each round removes something that is no asterisk.
        while found := [dress for dress in self._dresses if dress in text]:
            for dress in found:
                text = text.replace(dress, MASK)
        return text

    def _without_pieces(self, text: str) -> str:
        """Without the beginnings of secrets before a cut, and their ends after one."""
        parts = re.split(rf"({_CUT.pattern})", text)  # every other part is a cut
        for at in range(1, len(parts), 2):
            parts[at - 1] = self._without_beginning(parts[at - 1])
            parts[at + 1] = self._without_end(parts[at + 1])
        return "".join(parts)

    def _without_beginning(self, text: str) -> str:
        for body, rest in _splits(text, _BEFORE_CUT):
            sizes = [_overlap(dress, body[-len(dress) :]) for dress in self._dresses]
            if (most := max(sizes, default=0)) >= _SHORTEST_PIECE:
                return body[:-most] + MASK + rest
        return text

    def _without_end(self, text: str) -> str:
        for body, rest in _splits(text, _AFTER_CUT):
            sizes = [_overlap(dress[::-1], body[: len(dress)][::-1]) for dress in self._dresses]
            if (most := max(sizes, default=0)) >= _SHORTEST_PIECE:
                return rest + MASK + body[most:]
        return text

    @cached_property
    def _dresses(self) -> tuple[str, ...]:
        """Every disguise of every secret, longest first. A password of asterisks hides among the masks."""
        dresses = {dress for secret in self.secrets if len(secret) >= _SHORTEST for dress in disguises(secret)}
        return tuple(sorted(filter(_is_no_mask, dresses), key=len, reverse=True))

    @cached_property
    def _lone(self) -> tuple[re.Pattern[str], ...]:
        short = [secret for secret in self.secrets if len(secret) < _SHORTEST and _is_no_mask(secret)]
        return tuple(re.compile(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])") for secret in short)

    def _key(self, key: object) -> object:
        own = not isinstance(key, str) or (key.isidentifier() and key.islower())
        return key if own else self(str(key))


def _splits(text: str, edge: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """The text and what stands at its edge: all of it as the text first, for a secret may hold quotes, too."""
    yield text, ""
    found = edge.search(text)
    if found is not None and found[1]:
        yield text[: found.start()] + text[found.end() :], found[1]


def _overlap(dress: str, text: str) -> int:
    """How many characters of the dress's beginning the text ends with."""
    return next((n for n in range(min(len(dress), len(text)), 0, -1) if text.endswith(dress[:n])), 0)


def _is_no_mask(text: str) -> bool:
    return bool(text.strip("*"))


def disguises(secret: str) -> frozenset[str]:
    """The ways in which a secret may be written.

    As it is; quoted or escaped for JSON (once, and twice), Python, redis-cli, the shell, HTML and addresses; in
    Base64, alone or inside something longer.
    """
    raw = secret.encode(errors="surrogateescape")
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_json |= {form.replace("/", "\\/") for form in in_json}
    forms = {secret, *in_json, *(json.dumps(form)[1:-1] for form in in_json)}
    forms |= {repr(secret)[1:-1], ascii(secret)[1:-1], repr(raw)[2:-1], shlex.quote(secret).strip("'")}
    forms |= {_visible(form) for form in (secret, secret.replace('"', '\\"'))}
    forms |= {line for form in forms if len(line := " ".join(form.split())) >= _SHORTEST}  # brought onto one line
    as_html = html.escape(secret)
    forms |= {html.escape(secret, quote=False), as_html, as_html.replace("&#x27;", "&#39;")}
    forms |= {as_html.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")}
    addresses = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    forms |= addresses | {re.sub("%..", lambda match: match[0].lower(), form) for form in addresses}
    return frozenset(forms.union(_in_base64(raw)) - {""})


def _visible(text: str) -> str:
    """As keys and answers are shown: what does not print is escaped, and nothing else."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _in_base64(secret: bytes) -> Iterator[str]:
    """Base64 of the secret, and what of it shows inside Base64 of something longer, at each of three alignments."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode()
        for before in range(3):
            # The first and the last characters also hold bits of the neighbours.
            first = -(-before * 8 // 6)
            whole = (before + len(secret)) * 8 // 6
            inside = encode(b"\0" * before + secret).decode()[first:whole]
            if len(inside) >= _SHORTEST_BASE64:
                yield inside
