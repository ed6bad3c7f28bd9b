"""Property tests on a shared machine: how long an example takes is no verdict."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_property_test_has_a_deadline(path: Path) -> None:
    """Hypothesis's own, of 200 ms, fails a test whose first example meets a busy processor."""
    functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
    decorated = {one.name: [ast.unparse(each) for each in one.decorator_list] for one in functions}
    hurried = [
        name
        for name, decorators in decorated.items()
        if any(each.startswith("given(") for each in decorators)
        and not any(each == "hostile" or "parent=hostile" in each or "deadline=None" in each for each in decorators)
    ]
    assert hurried == []
