"""Standard streams of a remote command as files and sockets."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import socket

    from plugins.target.roads import Deadline


def unnamed_file(content: bytes = b"") -> BinaryIO:
    """A nameless file for a standard stream: nothing has to be pumped, and nothing can block. In memory if possible."""
    # memfd_create is Linux's.
    made = os.memfd_create("stream") if hasattr(os, "memfd_create") else _unlinked()
    file = os.fdopen(made, "w+b")
    file.write(content)
    file.flush()
    file.seek(0)
    return file


def _unlinked() -> int:
    """A descriptor of a file that has no name any more."""
    descriptor, name = tempfile.mkstemp()
    os.unlink(name)  # noqa: PTH108 - a name of mkstemp's is text
    return descriptor


def content(file: BinaryIO) -> bytes:
    """Everything in it."""
    file.seek(0)
    return file.read()


def skip_to(sock: socket.socket, mark: bytes, deadline: Deadline) -> None:
    """Read up to the end of ``mark`` and not a byte further. Raises ``EOFError`` with what was read instead."""
    data = b""
    while not data.endswith(mark):
        sock.settimeout(deadline.left())
        try:
            piece = sock.recv(1)
        except TimeoutError:
            raise deadline.passed() from None
        if not piece:
            raise EOFError(data)
        data += piece
