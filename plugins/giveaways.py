"""Secrets that nobody declared but whose place gives them away. Pure."""

from __future__ import annotations

import re

MASK = "***"

#: What follows AUTH, or an option's mention, in a sentence: no password.
_PROSE = (
    r"(?!(?:[Ff]ail(?:s|ed|ing|ure)?|FAILED|[Ee]rrors?|ERROR|commands?|is|was|has|are|be|requires?|required|needed"
    r"|called|with|without|to|on|in|at|by|for|from|and|or|not|no|but|if|as|of|ok|succe(?:ss|eds|eded)|timed|timeout"
    r"|denied|refused|rejected|reply|replies|responses?|requests?|before|after|first|sent|settings?|method|options?"
    r"|arguments?|flags?|may|must|should|can|cannot|could|will|would|did|does|step|phase|handshake|again|yet|enabled"
    r"|disabled|password|username|credentials)(?![\w@#$%!-]))"
)
#: One word of a command; not a variable, a placeholder, or what is masked already.
_WORD = rf"(?![$<…*]){_PROSE}[^\s\"'…]+"
#: Possessive quantifiers would be safe, too, and are broken in Python 3.11.2, which is Debian 12's.
#: A value in quotes, up to the same quotes, however they are escaped; else up to a blank or the next ``name=``.
_QUOTED = r"(?![$]|\*{3})(?:(?!(?P=quote))(?:\\.|[^\n\\]))+"
_BARE = (
    r"(?![$?*<={\[(\\…\"']|b\\{0,3}[\"']|(?:None|null|true|false)\b)"
    r"(?:[^\s\"',&;>…]|[\"'](?=\w)|[,&;](?!\s?\w{1,40}=)|>(?![>\s),]|$))+"
)

#: A password in an address, in Redis's own configuration, in the variables and options of redis-cli, in an ACL rule,
#: and in what clients and applications print of themselves. The first group stays. Most begin with plain characters,
#: which makes them twenty times as fast as one expression for all.
_GIVEAWAYS = tuple(
    re.compile(expression, re.MULTILINE)
    for expression in (
        r"(://[^\s/@:\"'<>]{0,200}:)[^\s/\"'<>…]{1,500}(?=@|[\"']?…)",
        r"(--(?:requirepass|masterauth|pass)[\s\"',=]{0,5})(?![\s\"'$])[^\s\"']+",
        r"(REDISCLI_AUTH=[\s\"',]{0,5})(?![\s\"'$])[^\s\"']+",
        r"(requirepass(?<=^requirepass)[ \t]+)\S+(?=\s*$)",
        r"(masterauth(?<=^masterauth)[ \t]+)\S+(?=\s*$)",
        r"(on (?<=\bon )[>#])\S+",
        r"(off (?<=\boff )[>#])\S+",
        rf"(AUTH(?<=\bAUTH)[\"']?,?[ \t]{{1,4}}[\"']?){_WORD}(?:[\"']?,?[ \t]{{1,4}}[\"']?{_WORD})?",
        rf"(-cli\b(?:(?!-cli\b)[^\n|;&]){{0,120}}?[\s\"']-a[\"']?,?[ \t]{{1,4}}[\"']?){_WORD}",
    )
)
_NAMED = re.compile(
    r"((?:password|passwd|passphrase|secret|api_?key)(?P<key>\\{0,3}[\"'])?"
    r"(?:[ \t]{0,4}=[ \t]{0,4}|(?(key)[ \t]{0,4}:[ \t]{0,4}|:[ \t]{1,4}(?=b?\\{0,3}[\"'])))"
    r"(?:b(?=\\{0,3}[\"']))?(?P<quote>\\{0,3}[\"'])?)"
    rf"(?(quote){_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
_NAMES = ("password", "passwd", "passphrase", "secret", "api")
#: A password in an address may hold slashes, too; in that of a page they begin its path.
_ADDRESS = re.compile(r"(://(?<!http://)(?<!https://)[^\s/@:\"'<>]{0,200}:)([^\s\"'<>…]+)")


def without_giveaways(text: str) -> str:
    """The text with what must be a password, by where it stands, masked. Twice changes nothing more."""
    text = _ADDRESS.sub(_without_userinfo, text)
    for giveaway in _GIVEAWAYS:
        text = giveaway.sub(rf"\1{MASK}", text)
    lowered = text.lower()
    return _NAMED.sub(rf"\1{MASK}", text) if any(name in lowered for name in _NAMES) else text


def _without_userinfo(address: re.Match[str]) -> str:
    _, at, rest = address[2].rpartition("@")
    return f"{address[1]}{MASK}@{rest}" if at else address[0]
