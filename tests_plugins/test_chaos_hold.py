"""The hold after a recovery: whoever asked in it is heard, however late the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.inventory import Windows
from tests_plugins.chaos import environ_for, play, select
from twin import up

if TYPE_CHECKING:
    from pathlib import Path

HOLD_S = 3.0
#: A plugin of the run's: one PING that was sent in the hold is given up when all the others are over.
HUNG = """
import time
from plugins.history import Operation, Result
from plugins.traffic import Traffic

hot, stop = Traffic.hot, Traffic.stop

def cooled(self, *, on):
    self.sent = time.monotonic() - 1.5
    hot(self, on=on)

def stopped(self):
    stop(self)
    if hasattr(self, "sent"):
        self._history.add(Operation("ping", self.sent, time.monotonic(), Result.FAIL, "gave up"))
        del self.sent

Traffic.hot, Traffic.stop = cooled, stopped
"""


def test_a_question_of_the_hold_that_is_given_up_after_it_counts(tmp_path: Path) -> None:
    """Its start is what matters: Redis did not answer somebody who asked while all should have been well."""
    (tmp_path / "hung.py").write_text(HUNG, encoding="utf-8")
    with up(kind="processes") as twin:
        environ = environ_for(twin, tmp_path, windows=Windows(hold_s=HOLD_S)) | {"PYTHONPATH": str(tmp_path)}
        played = play("-p", "hung", *select("client_kill_one"), reports=tmp_path / "r", environ=environ)
    assert played.exit_code == 10, played.output
    reason = played.experiments["client_kill_one"]["reason"]
    assert f"but the hold of {HOLD_S:g} s was not seen to its end" in reason
