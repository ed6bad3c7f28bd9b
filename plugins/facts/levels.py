"""The level that a log record states of itself. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from plugins.facts.harmless import without_loggers

QUIET = frozenset({"trace", "debug", "info", "notice", "success"})
LOUD = frozenset(
    {"warn", "warning", "error", "err", "critical", "fatal", "alert", "emergency", "exception", "panic", "severe"}
)
_LEVELS = "|".join(sorted(QUIET | LOUD, key=len, reverse=True))
_LEVEL_AT = 120  # characters from the record's start in which its level stands
_JSON_MOST = 65_536  # characters of a line that may be JSON
_KEYS = ("level", "levelname", "severity", "lvl", "log.level", "loglevel", "levelno")
#: Levels as numbers, each with the least that stands for it: Python's, and those of Node's loggers.
_PYTHON = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"))
_BUNYAN = ((60, "fatal"), (50, "error"), (40, "warn"), (30, "info"), (20, "debug"), (10, "trace"))
_MILLISECONDS = 10**12  # since the epoch, since 2001; Python counts seconds

_LEVEL = re.compile(
    rf"level[\"']?\s{{0,4}}[=:]\s{{0,4}}[\"']?(?P<pair>{_LEVELS})\b"
    rf"|[\[<(|]\s{{0,8}}(?P<boxed>{_LEVELS})\s{{0,8}}[\])>|]"
    rf"|^\W{{0,40}}(?P<first>{_LEVELS})\b(?=[\s:\]])"
    rf"|(?-i:\b(?P<upper>{_LEVELS.upper()})\b)",
    re.IGNORECASE,
)
#: What follows the name of a command of Redis's (INFO, DEBUG) and not a level.
_OF_A_COMMAND = re.compile(
    r"\s{1,4}(?:commands?|calls?|repl(?:y|ies)|responses?|failed|fails|timed|returned|answered|on|from)\b",
    re.IGNORECASE,
)
_COMMANDS = frozenset({"INFO", "DEBUG"})
#: Before a level stand times, numbers, brackets and a logger's name; two words of prose do not.
_PROSE = re.compile(r"(?<!\S)[A-Za-z']+(?!\S)")
_SERVERS = re.compile(r"redis|valkey", re.IGNORECASE)
#: What tells of a failure, whatever the level: words of errors, and of what could not be done.
FAILURE = re.compile(
    r"\berrors?\b|\b\w{0,64}(?-i:Error|Exception)\b|\bexceptions?\b|\bfail(?:ed|s|ure|ures|ing)?\b|\brefused\b"
    r"|\btim(?:ed|es|ing)[ -]out\b|\bunavailable\b|\bunreachable\b|\bnot (?:available|reachable|responding)\b"
    r"|\bconnection (?:is |was )?(?:lost|dropped|closed)\b|\blost (?:the )?connection\b|\bpool timeout\b"
    r"|\b(?:cannot|can't|could not|couldn't|unable to) \w",
    re.IGNORECASE,
)


def level_of(line: str) -> str | None:
    """The level that a record states of itself, in lower case; None where it states none.

    A word that only looks like a level is none: one in a sentence that has told of an error before, and Redis's
    command of that name.
    """
    stated = _json_level(line)
    if stated is not None:
        return stated
    found = _LEVEL.search(line[:_LEVEL_AT])
    if found is None or FAILURE.search(without_loggers(line[: found.start()])) or _is_command(line, found):
        return None
    return next(group for group in found.groups() if group).lower()


def _is_command(line: str, found: re.Match[str]) -> bool:
    """Whether INFO or DEBUG is Redis's command: ``Redis INFO failed``, ``sending INFO to ...``."""
    word = found["first"] or found["upper"]
    if word not in _COMMANDS:
        return False
    if _OF_A_COMMAND.match(line, found.end()):
        return True
    before = line[: found.start()].split()
    words = _PROSE.findall(line[: found.start()])
    return bool(words) and words[-1] == before[-1] and (len(words) > 1 or bool(_SERVERS.fullmatch(words[-1])))


def _json_level(line: str) -> str | None:
    if not line.lstrip().startswith("{") or len(line) > _JSON_MOST:
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    values = [entry.get(key) for key in _KEYS] if isinstance(entry, dict) else []
    words = [value.lower() for value in values if isinstance(value, str) and value.lower() in QUIET | LOUD]
    if words:
        return words[0]
    return next((_of_number(value, entry) for value in values if type(value) is int), None)


def _of_number(number: int, entry: dict[str, Any]) -> str | None:
    """The level that a number stands for: 30 is a warning in Python, and news in what looks like pino or bunyan."""
    milliseconds = type(entry.get("time")) is int and entry["time"] >= _MILLISECONDS
    bunyan = milliseconds or {"pid", "hostname"} <= entry.keys()
    return next((word for least, word in (_BUNYAN if bunyan else _PYTHON) if number >= least), None)
