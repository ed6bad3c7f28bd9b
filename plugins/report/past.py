"""The runs that a report directory holds, as far as their trend needs them: read, bounded, and never believed.

What lies there may have been written by another version, copied from elsewhere, cut short, or made up. A folder
counts that is named as a run's, is no link, and whose ``run.json`` says the same name; every other is passed over.

The records are named tuples, since every gate imports this: making a frozen dataclass takes a millisecond.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from plugins.report.run_json import SCHEMA
from plugins.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: The name of a run's folder: start, host, suite, four digits.
NAME = re.compile(r"\d{8}T\d{6}Z-([\w.-]{1,200}-(?:verify|chaos))-[0-9a-f]{4}", re.ASCII)
#: Where what was worked out for the trend is kept, beside the runs.
FOLDER = ".trend"

#: At most so many runs of one host and suite are read.
LOOK_BACK = 60
#: No run.json is larger, in bytes; and no text in it that the trend shows longer, in characters.
_LARGEST = 4 << 20
_LONGEST = 200
#: No run has more checks, experiments or vantage points.
_MOST = 500
#: Grows when a run's digest comes to hold something else.
_VERSION = 2


class PastExperiment(NamedTuple):
    """One experiment; seconds by vantage point, a recovery None where it was not seen well again."""

    fault: str
    outcome: str
    window_s: dict[str, float]
    recovery_s: dict[str, float | None]
    uncertainty_s: dict[str, float]


class PastRun(NamedTuple):
    """One run; ``checks``: the outcome by id."""

    run_id: str
    host: str
    suite: str
    exit_code: int
    verdict: str
    duration_s: float
    checks: dict[str, str]
    experiments: tuple[PastExperiment, ...]

    @property
    def when(self) -> str:
        """Its start in UTC, as a person writes it."""
        stamp = self.run_id
        return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}"


class Past(NamedTuple):
    """What was read. ``passed_over``: folders without a run.json that can be read; ``beyond``: so many more."""

    runs: tuple[PastRun, ...]
    passed_over: tuple[str, ...] = ()
    beyond: int = 0


def past_run(document: object) -> PastRun:
    """The run of a ``run.json``, or of the digest of one. Raises ``ValueError`` where it is not what that should be."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or document["schema"] is True:
        raise ValueError("not a run.json of this schema")
    suite, verdict, code = document.get("suite"), document.get("verdict"), document.get("exit_code")
    if suite not in ("verify", "chaos") or not isinstance(code, int):
        raise ValueError("no verdict of a suite")
    return PastRun(
        run_id=_text(document.get("run_id")),
        host=_text(document.get("host")),
        suite=str(suite),
        exit_code=int(code),
        verdict=_text(verdict),
        duration_s=_number(document.get("duration_s")) or 0.0,
        checks=_checks(document.get("checks")) if suite == "verify" else {},
        experiments=tuple(_experiment(one) for one in _dicts(document.get("experiments"))),
    )


def _checks(value: object) -> dict[str, str]:
    """The outcome of each check; a digest has them as they are here, without the rest."""
    if isinstance(value, dict) and len(value) <= _MOST:
        return {_text(name): _outcome(outcome) for name, outcome in value.items()}
    return {_text(one.get("id")): _outcome(one.get("outcome")) for one in _dicts(value)}


def _experiment(one: Mapping[str, object]) -> PastExperiment:
    recovery = one.get("recovery_s")
    seen = recovery if isinstance(recovery, dict) and len(recovery) <= _MOST else {}
    return PastExperiment(
        fault=_text(one.get("fault")),
        outcome=_outcome(one.get("outcome")),
        window_s=_numbers(one.get("window_s")),
        recovery_s={_text(name): _number(value) for name, value in seen.items()},
        uncertainty_s=_numbers(one.get("uncertainty_s")),
    )


def _dicts(value: object) -> Iterator[Mapping[str, object]]:
    if not isinstance(value, list) or len(value) > _MOST or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"a list of at most {_MOST} objects is expected")
    return iter(value)


def _outcome(value: object) -> str:
    return value if isinstance(value, str) and value in _OUTCOMES else "error"


_OUTCOMES = frozenset(map(str, Outcome))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is expected")
    return value[:_LONGEST]


def _number(value: object) -> float | None:
    """A number of seconds; None for anything else, as ``null`` is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        if math.isfinite(value) and value >= 0:
            return float(value)
    return None


def _numbers(value: object) -> dict[str, float]:
    items = value.items() if isinstance(value, dict) else ()
    return {_text(name): number for name, raw in items if (number := _number(raw)) is not None}


def kinds_of(report_dir: Path) -> dict[str, list[str]]:
    """The folders that are named as runs are, newest first, by host and suite, the newest kind first. ``OSError``."""
    with os.scandir(report_dir) as entries:
        names = [one.name for one in entries if NAME.fullmatch(one.name) and one.is_dir(follow_symlinks=False)]
    kinds: dict[str, list[str]] = {}
    for name in sorted(names, reverse=True):
        kinds.setdefault(kind_of(name), []).append(name)
    return kinds


def kind_of(name: str) -> str:
    """Host and suite of a run, by its name."""
    return name[17:-5]


def read_past(report_dir: Path, names: list[str], most: int = LOOK_BACK) -> Past:
    """The first ``most`` of these runs, all of one kind, in their order.

    What was worked out of a ``run.json`` is kept for the next time, as most of it is of no use here: a gate that
    read fifty of them anew would take a tenth of a second longer.
    """
    wanted = names[:most]
    digests = f"{kind_of(names[0])}.json" if names else ""
    known = _known(report_dir / FOLDER / digests) if names else {}
    entries: dict[str, Mapping[str, object]] = {}
    runs: list[PastRun] = []
    for name in wanted:
        with suppress(OSError, ValueError, RecursionError):
            entries[name], run = _read(report_dir, name, known.get(name))
            runs.append(run)
    if entries != known:
        with suppress(OSError):  # a disk that refuses costs the next run a moment, and nothing else
            write_beside(report_dir, digests, json.dumps({"version": _VERSION, "runs": entries}))
    read = {run.run_id for run in runs}
    return Past(tuple(runs), tuple(name for name in wanted if name not in read), beyond=len(names) - len(wanted))


def _read(report_dir: Path, name: str, known: object) -> tuple[Mapping[str, object], PastRun]:
    """One run, with the digest that is kept of it. Raises ``OSError``, ``ValueError`` or ``RecursionError``."""
    path = report_dir / name / "run.json"
    found = path.lstat()
    mark = [found.st_mtime_ns, found.st_size]
    if isinstance(known, dict) and known.get("mark") == mark:
        run = past_run(known.get("document"))
    else:
        run = past_run(json.loads(read_regular(path, _LARGEST)))
        known = {"mark": mark, "document": digest(run)}
    if run.run_id != name:
        raise ValueError(f"it calls itself {run.run_id}")
    return known, run


def digest(run: PastRun) -> Mapping[str, object]:
    """What the trend needs of a ``run.json``, in the same words, so that ``past_run`` reads it too."""
    return {"schema": SCHEMA, **run._asdict(), "experiments": [one._asdict() for one in run.experiments]}


def read_regular(path: Path, largest: int) -> bytes:
    """The content of a regular file that is no link. Raises ``OSError``, or ``ValueError`` where it is too large."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:  # noqa: PTH123 - it is a descriptor
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > largest:
            raise ValueError(f"{path}: no regular file of at most {largest} bytes")
        return file.read(largest)


def _known(path: Path) -> Mapping[str, object]:
    """The digests that were kept; none where there are none that can be read."""
    try:
        kept = json.loads(read_regular(path, 4 * _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    runs = kept.get("runs") if isinstance(kept, dict) and kept.get("version") == _VERSION else None
    return runs if isinstance(runs, dict) else {}


def write_beside(report_dir: Path, name: str, text: str) -> None:
    """Write a file of the trend's own, whole or not at all. Raises ``OSError``, also where a link leads elsewhere."""
    folder = report_dir / FOLDER
    if folder.is_symlink():
        raise NotADirectoryError(f"{folder} is a link")
    folder.mkdir(exist_ok=True)
    replace_text(folder / name, text)


def replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, in place of whatever had its name; a link there is replaced. ``OSError``."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
