"""The inventory as a file: from a path to parsed TOML, with an error that says where and why."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_BYTES = 1_000_000


class FileError(Exception):
    """The file cannot be read as TOML; the message says why, and where in it, but not its name."""


def parse(path: Path) -> dict[str, object]:
    """The parsed file; a byte-order mark is allowed. Raises ``FileError``."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise FileError("there is no such file; name another with --inventory FILE") from None
    except IsADirectoryError:
        raise FileError("it is a directory; name the TOML file in it") from None
    except (OSError, ValueError) as error:
        raise FileError(f"it cannot be read: {error}") from None
    if len(raw) > _LARGEST_BYTES:
        raise FileError(f"it is larger than {_LARGEST_BYTES} bytes, which no inventory is")
    return _parse_text(_decode(raw))


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = error.object[error.start]
        raise FileError(f"line {line}: byte 0x{wrong:02x} is not UTF-8, which TOML must be") from None


def _parse_text(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FileError("it is nested too deeply") from None
    except ValueError as error:  # tomllib's own, and int()'s for numbers of thousands of digits
        where = str(error).replace("at end of document", f"at the end, line {text.count(chr(10)) + 1}")
        raise FileError(f"not valid TOML: {where}") from None
