"""Runs whose every text came from somebody who means harm: planted in what the journal of a real run holds."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import cycle
from typing import TYPE_CHECKING

from plugins.journal import NAME, read
from tests_plugins.chaos import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What each of them does where it is taken for markup, a script or an address.
TEXTS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "--></style></template></title></textarea></svg><script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "' onmouseover=window.pwned=1 autofocus onfocus=window.pwned=1 tabindex=0 x='",
    "javascript:window.pwned=1",
    "<a href=javascript:window.pwned=1>look</a>",
    "<svg onload=window.pwned=1><use href=https://hostile.invalid/x.svg /></svg>",
    "</td></tr></table><iframe src=javascript:parent.pwned=1></iframe>",
    '<meta http-equiv=refresh content="0;url=https://hostile.invalid/">',
    "<base href=https://hostile.invalid/><link rel=stylesheet href=https://hostile.invalid/x.css>",
    "<style>@import url(https://hostile.invalid/x.css); * { display: none }</style>",
    "<form action=https://hostile.invalid/><button>press</button></form>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "{{ 7 * 7 }}{% include 'report.css' %}${7*7}",
    "\0\x07\x1b[31mred\x9b\x7f\r\n\t",
    "\u202egnp.exe\u202c\u2066\ufeff\u200b",
    "\ud800\udcff\ufffe",
    "]]><!-- \u2028\u2029 `",
)
LONG = "<b>x</b>" * 12_500
#: What these hold is no text: without it an event, or a check, is none.
_KEPT = frozenset({"event", "at", "started", "suite", "severity", "outcome", "phase", "when"})


def plant(run: Path, folder: Path) -> Path:
    """Make a copy of a run's journal in ``folder``, with something planted in each of its texts, and render it."""
    folder.mkdir(parents=True)
    harm = cycle(TEXTS)
    events = [*(_planted(event, harm) for event in read(run / NAME)), {"event": TEXTS[0], TEXTS[1]: TEXTS[2]}]
    (folder / NAME).write_text("".join(json.dumps(event) + "\n" for event in events), encoding="ascii")
    argv = [sys.executable, "-m", "pytest", "--render", str(folder)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _planted(value: object, harm: Iterator[str]) -> object:
    match value:
        case str():
            return f"{value}{next(harm)}"
        case dict():
            return {key: _field(key, one, harm) for key, one in value.items()}
        case list():
            return [_planted(one, harm) for one in value]
    return value


def _field(key: str, value: object, harm: Iterator[str]) -> object:
    match key, value:
        case "fault", str():  # the same wherever it stands
            return value + TEXTS[1]
        case "operations", [*rows, last]:  # one from a vantage point that nobody knows is enough
            return [*(_spoilt(row, harm) for row in rows), _planted(last, harm)]
        case "lines", list():
            return [*_texts(value, harm), [0.0, LONG]]
        case "notes", list():
            return [*_texts(value, harm), LONG]
    return value if key in _KEPT else _planted(value, harm)


def _spoilt(row: object, harm: Iterator[str]) -> object:
    """An operation that still is one: vantage point, times and result stay."""
    return [*row[:4], *_texts(row[4:], harm)] if isinstance(row, list) else row


def _texts(values: list[object], harm: Iterator[str]) -> list[object]:
    return [_planted(value, harm) for value in values]
