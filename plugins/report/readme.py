"""The README's tables, generated from the code they describe: ``python -m plugins.report.readme`` rewrites them.

A block is what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; a test fails when it is not current.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.check import check_id
from plugins.inventory import Limits, describe_keys
from plugins.verdict import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


@dataclass(frozen=True)
class Documented:
    """A check as its test describes it."""

    id: str
    severity: Severity
    promise: str
    runbook: tuple[str, ...]
    remedy: str
    threshold: str  # the limit of the check's own name, with its default; empty where it has none


def documented_checks(folder: Path = ROOT / "tests_verify") -> list[Documented]:
    """Every check in the suite, by file and then in the order in which it is written."""
    return [_describe(path, function) for path in sorted(folder.glob("test_*.py")) for function in _tests(_load(path))]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"documented_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _tests(module: ModuleType) -> Iterator[FunctionType]:
    for name, value in vars(module).items():
        if name.startswith("test_") and inspect.isfunction(value):
            yield value


def _describe(path: Path, function: FunctionType) -> Documented:
    marks = {mark.name: mark.args for mark in getattr(function, "pytestmark", [])}
    name = function.__name__.removeprefix("test_")
    default = getattr(Limits(), name, None)
    return Documented(
        id=check_id(f"{path.name}::{function.__name__}"),
        severity=next(severity for severity in Severity if severity in marks),
        promise=re.sub(r"\s+", " ", inspect.getdoc(function) or "").strip(),
        runbook=tuple(marks.get("runbook", ())),
        remedy=str(next(iter(marks.get("remedy", ())), "")),
        threshold="" if default is None else f"`{name} = {default}`",
    )


def checks_table() -> str:
    """The table of checks, in Markdown."""
    rows = ["| check | | promise | limit (default) | runbook |", "|---|---|---|---|---|"]
    rows += [
        f"| `{c.id}` | {c.severity} | {_cell(c.promise)} | {c.threshold} | {_cell('; '.join(c.runbook))} |"
        for c in documented_checks()
    ]
    return "\n".join(rows)


def inventory_table() -> str:
    """The table of inventory keys, in Markdown."""
    rows = ["| key | legal | default | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{key.key}` | {_cell(key.legal)} | {_cell(key.default)} | {_cell(key.doc)} |" for key in describe_keys()
    ]
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def rendered(text: str) -> str:
    """The README's text with every generated block made anew. Raises ``ValueError`` where a block is missing."""
    for name, make in (("checks", checks_table), ("inventory", inventory_table)):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        block = make().replace("\\", r"\\")  # a backslash of the table is no reference to a group
        text, count = pattern.subn(rf"\g<1>{block}\n\g<2>", text)
        if count != 1:
            raise ValueError(f"README.md: one block <!-- {name} --> … <!-- /{name} --> is expected, found {count}")
    return text


if __name__ == "__main__":
    README.write_text(rendered(README.read_text(encoding="utf-8")), encoding="utf-8")
