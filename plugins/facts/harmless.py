"""What a log record says that only looks like a failure: counters at zero, settings, requests, recoveries. Pure."""

from __future__ import annotations

import re

_BAD = r"(?:err(?:or)?|fail|exception|timeout|refus|reset|unavailab|unreachab|disconnect)"
_COUNTS = (
    r"(?:errors|failures|exceptions|timeouts|resets|disconnects|(?:error|failure|reset|refused)s? (?:count|total))"
)
#: What may stand between the name of a counter and its figure: ``errors since start: 0``.
_OF_WHAT = (
    r"(?:\s(?:commands?|requests?|calls?|connections?|operations?|ops|pings?|reads?|writes?"
    r"|count|total|since|start(?:up)?|so|far)){0,3}"
)
#: A word that is the whole value; ``error: no route to host`` is another matter.
_NO_WORD = r"(?:none|null|nil|false|no|ok|-)(?=[\"']?\s{0,4}(?:$|[,;|)\]}\"'.]|[\w.-]{1,32}=))"
_NO_VALUE = rf"(?:[\"']?(?:0+(?:\.0+)?(?:%|ms|s)?(?!\w|\.\d)|{_NO_WORD})[\"']?|\"\"|''|\[\]|\{{\}})"
#: A zero that counts; that of a path, an address, a database or an attempt is a number of one.
_COUNTING = r"(?<![\w/:.#-])" + "".join(
    rf"(?<!{word}\s)"
    for word in ("db", "database", "node", "shard", "slot", "replica", "worker", "index", "attempt", "retry", "try")
)
_OF_OTHERS = r"(?:[\"']?(?!redis|valkey)[\w-]{1,32}[\"']?\s{0,4}[=:]\s{0,4}\d{1,12}[,;\s]{1,4}){0,8}"

#: Counters and fields that say that nothing went wrong.
_NOTHING = re.compile(
    rf"{_BAD}[\w.-]{{0,24}}[\"']?{_OF_WHAT}\s{{0,4}}[=:]\s{{0,4}}{_NO_VALUE}"
    rf"|\b{_COUNTS}(?:\s{{1,4}}0(?!\w|\.\d)|\(0\))"
    rf"|{_COUNTING}(?:no|0|zero|without(?:\s+any)?)\s+(?:[\w-]{{1,32}}\s+){{0,2}}(?:errors?|failures?|exceptions?|timeouts?)\b"
    rf"|{_COUNTING}(?:0|zero)\s+(?:[\w-]{{1,32}}\s+)?(?:failed|refused)\b|\berror-free\b"
    r"|\b0 of \d{1,9} (?:\w{1,20} )?failed\b"
    rf"|\b(?:errors?|failures?)[\"']?\s{{0,4}}[=:]\s{{0,4}}\{{?\s{{0,4}}{_OF_OTHERS}"
    r"[\"']?(?:redis|valkey)[\w-]{0,24}[\"']?\s{0,4}[=:]\s{0,4}0(?!\w|\.\d)"
    r"|^#\s?(?:HELP|TYPE)\s[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_EXCEPTIONS = r"[\w.]{0,128}(?-i:Error|Exception|Timeout)\b"
#: Settings, and what is there to deal with failures: what an application says as it starts.
_SETTINGS = re.compile(
    r"\b(?:retry[ _-])?on[ _-](?:errors?|failures?|timeouts?|exceptions?)\b"
    r"(?:\s{0,2}[=:]\s{0,2}(?:\[[^\]\n]{0,300}\]|\([^)\n]{0,300}\)))?"
    r"|\bmax[ _-](?:errors?|failures?)\b"
    r"|\b(?:captur|report|track|collect)(?:es?|s|ing) (?:\w{1,20} )?(?:errors?|exceptions?)\b"
    r"|\b(?:error|exception|failure)s?[ _-](?:handl|report|track|middleware|hook|budget)\w{0,8}\b"
    rf"(?: for {_EXCEPTIONS}(?:, {_EXCEPTIONS}){{0,8}})?"
    r"|\b(?:error|failure)s?[ _-]threshold\b(?![^\n]{0,24}(?:reach|exceed|hit|cross|pass))",
    re.IGNORECASE,
)
#: The same, said quietly: what would be retried, and failures that are told of because they are over.
_QUIETLY = re.compile(
    r"\b(?:retry[ _-]on|retry(?:ing)?[ _-](?:policy|policies|strategy))\b[^\n;\"]{0,200}"
    r"|(?<!not )(?<!not be )(?<!never )"
    r"\b(?:re-?connected|restored|recovered|re-?established|succeeded|(?:back|available|reachable|up) again|is back)\b"
    r"[^\n;\"]{0,80}?\b(?:after|from|following)\b[^\n;\"]{0,200}",
    re.IGNORECASE,
)
_ACCESS = re.compile(r"\"?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \S{1,2048} HTTP/[\d.]{1,4}\"?\s+(\d{3})\b")
_PATHS = re.compile(r"(?<![\w.:/-])/[\w./%?=&~+-]{1,512}")
_URLS = re.compile(r"\b(https?://)[^\s\"'<>]{1,2048}", re.IGNORECASE)
#: A logger called after errors, at the record's head or under its key: ``uvicorn.error``, ``app.errors.handlers``.
_LOGGER = re.compile(
    r"(?:(?<![\w.=\"'/@-])(?<![^A-Z]:)|(?:logger|logger_?[Nn]ame|\bname|channel)[\"']?\s{0,4}[=:]\s{0,4}[\"']?)"
    r"[A-Za-z_][\w-]{0,63}(?:\.[a-z_][\w-]{0,63}){0,12}?\.(?:errors?|exceptions?|failures?)"
    r"(?:\.[a-z_][\w-]{0,63}){0,12}(?![\w.(-])"
)
_HEAD = 200  # characters of a record in which its logger is looked for


def is_fine_access(text: str) -> bool:
    """An access log's line of a request that the server did not fail."""
    found = _ACCESS.search(text)
    return found is not None and int(found.group(1)) < 500  # noqa: PLR2004 - HTTP's own figure


def without_harmless(text: str, *, quiet: bool) -> str:
    """What is left of a record: no requests, addresses of pages, paths, settings, and counters at zero.

    Of a ``quiet`` record recoveries and what would be retried are taken out, too.
    """
    for harmless, instead in ((_ACCESS, " "), (_URLS, r"\1"), (_PATHS, " "), (_NOTHING, " "), (_SETTINGS, " ")):
        text = harmless.sub(instead, text)
    return _QUIETLY.sub(" ", text) if quiet else text


def without_loggers(text: str) -> str:
    """The text without the loggers whose names are words of failures."""
    return _LOGGER.sub(" ", text[:_HEAD]) + text[_HEAD:]
