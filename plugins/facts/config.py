"""The live configuration, as CONFIG GET says it. Secrets are dropped on the way in; only their digests stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from plugins.facts.units import text_of, whole
from plugins.verdict import NotApplicable, Unjudged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugins.target.model import Reply

#: Directives whose value is a password or a pass phrase.
SECRETS = frozenset({"requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"})
HIDDEN = "(hidden)"


def digest(secret: str) -> str:
    """What is kept of a secret, to tell whether two of them are the same."""
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Config:
    """Directives and their live values, sizes in bytes as CONFIG GET normalises them."""

    values: Mapping[str, str]
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)

    def get(self, name: str) -> str:
        """A directive's value. Raises ``NotApplicable`` where this version knows no such directive."""
        if name not in self.values:
            raise NotApplicable(f"this server's CONFIG GET knows no {name}")
        return self.values[name]

    def number(self, name: str) -> int:
        """A directive's whole number. Raises as ``get`` does, ``Unjudged`` where it is none."""
        return whole(self.get(name), f"CONFIG {name}")

    def set(self, name: str) -> bool:
        """Whether a directive has a value at all; says nothing of which. Raises as ``get`` does."""
        return self.get(name) != ""


def parse_config(items: Sequence[Reply]) -> Config:
    """CONFIG GET's names and values. Raises ``Unjudged`` when they are not pairs of strings."""
    texts = [text_of(item) for item in items if isinstance(item, bytes)]
    if len(texts) != len(items) or len(texts) % 2:
        raise Unjudged("CONFIG GET answered something else than names and values")
    pairs = dict(zip(texts[::2], texts[1::2], strict=True))
    digests = {name: digest(pairs[name]) for name in SECRETS & pairs.keys() if pairs[name]}
    return Config({**pairs, **dict.fromkeys(digests, HIDDEN)}, digests)
