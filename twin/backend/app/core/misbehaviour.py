"""What the twin tells its backend to do wrong: a JSON file that is read again whenever it matters.

``TWIN_CONTROL`` names the file; without it the backend is honest. ``twin/misbehaviour.py`` describes its keys.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def current() -> dict[str, Any]:
    """The present orders; empty without a file."""
    path = os.environ.get("TWIN_CONTROL")
    if not path:
        return {}
    try:
        return dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
