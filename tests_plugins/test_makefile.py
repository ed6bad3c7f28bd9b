"""``make venv`` as a newcomer has it: interrupted, and run again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from plugins.report.readme import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")

#: A project that pip installs without a network: it builds itself.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "checkout-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("checkout-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: checkout\\nVersion: 1\\n")
        wheel.writestr("checkout-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("checkout-1.dist-info/RECORD", "")
    return name
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with this Makefile."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (tmp_path / "backend.py").write_text(BACKEND, encoding="utf-8")
    return tmp_path


def make_venv(checkout: Path, *variables: str) -> str:
    """What ``make venv`` says; it succeeds."""
    done = subprocess.run(
        [shutil.which("make") or "make", "venv", f"PYTHON={sys.executable}", *variables],
        cwd=checkout,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def installed(checkout: Path) -> bool:
    """Whether the environment holds the project."""
    return any((checkout / ".venv").glob("lib/python*/site-packages/checkout-1.dist-info"))


def test_an_environment_that_was_interrupted_is_made_anew(checkout: Path) -> None:
    """Ctrl-C leaves a Python without pip behind, which stops no later make; what was made is then only added to."""
    venv.create(checkout / ".venv", with_pip=False)
    assert "making .venv" in make_venv(checkout, "EXTRAS=")
    assert installed(checkout)
    assert make_venv(checkout, "EXTRAS=") == "make: Nothing to be done for 'venv'.\n"
    assert "making .venv" not in make_venv(checkout)


def test_an_installation_that_was_interrupted_is_made_anew(checkout: Path) -> None:
    """Of a pip that was killed nobody knows how far it came."""
    (checkout / "backend.py").write_text("raise SystemExit('interrupted')", encoding="utf-8")
    with pytest.raises(AssertionError):
        make_venv(checkout)
    (checkout / "backend.py").write_text(BACKEND, encoding="utf-8")
    assert "making .venv" in make_venv(checkout)
    assert installed(checkout)
