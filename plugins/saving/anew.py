"""Saved keys written on the host once more, out of the runner's own copy: all of them, or some."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING

from plugins.lock import BASE
from plugins.saving.room import TRIP_BYTES
from plugins.target.keyfile import KeyFile
from plugins.target.model import TargetError
from plugins.target.resp import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.saving.outcome import Saved
    from plugins.target.roads import Deadline, Roads
    from plugins.undo import Restore

#: Makes a folder that is nobody else's, whatever became of the run's own.
FOLDER = ("mktemp", "-d", f"{BASE}-keys.XXXXXX")


@contextmanager
def written_anew(shell: Roads, saved: Saved, wanted: bytes, deadline: Deadline) -> Iterator[Restore]:
    """What puts these keys back (``wanted``: a 1 for each, in their order), for a ``with`` block. Then they are gone.

    Raises ``TargetError`` where the host cannot take them.
    """
    made = shell.run(FOLDER, timeout_s=deadline.left())
    folder = made.text.strip()
    if made.exit_code or not folder.startswith("/"):
        raise TargetError(f"the keys cannot be written anew on {shell.where}: {made.errors.strip()}")
    try:
        file = KeyFile(shell, f"{folder}/saved", deadline)
        try:
            for piece in _pieces(saved, wanted):
                file.write(piece)
            file.finish()
        except BaseException:
            file.abandon()
            raise
        yield replace(saved.restore, file=f"{folder}/saved")
    finally:
        with suppress(TargetError):
            shell.run(("rm", "-rf", "--", folder))


def _pieces(saved: Saved, wanted: bytes) -> Iterator[bytes]:
    at = 0
    if saved.libraries:
        yield encode(saved.libraries)
    for number, batch in saved.copy.batches(TRIP_BYTES):
        chosen = [entry.restoring() for entry in compress(batch, wanted[at : at + len(batch)])]
        at += len(batch)
        if chosen:
            yield encode([("SELECT", number), *chosen])
