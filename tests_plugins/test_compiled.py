"""Compiled templates are kept beside them, and never in the way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from jinja2 import DictLoader, Environment

from plugins.report.compiled import Compiled

if TYPE_CHECKING:
    from pathlib import Path


def rendered(folder: Path, source: str = "{{ 1 + 1 }}") -> str:
    """The template, from an environment of its own."""
    loader = DictLoader({"t": source})
    return Environment(loader=loader, bytecode_cache=Compiled(folder), autoescape=True).get_template("t").render()


@pytest.fixture(autouse=True)
def writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python is by default."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    """Then it is read; and anew when it changes."""
    folder = tmp_path / "__pycache__"
    assert rendered(folder) == "2"
    (kept,) = folder.iterdir()
    before = kept.stat().st_mtime_ns
    assert (rendered(folder), kept.stat().st_mtime_ns) == ("2", before)
    assert rendered(folder, "{{ 1 + 2 }}") == "3"


def test_what_is_kept_may_be_broken(tmp_path: Path) -> None:
    """A disk was full."""
    assert rendered(tmp_path) == "2"
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-10])
    assert rendered(tmp_path) == "2"


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    """A checkout may be somebody else's."""
    (tmp_path / "file").touch()
    assert rendered(tmp_path / "file") == "2"


def test_python_may_be_asked_to_keep_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ``-B`` or PYTHONDONTWRITEBYTECODE."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert (rendered(tmp_path), list(tmp_path.iterdir())) == ("2", [])
