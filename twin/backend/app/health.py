"""The container's health check, light enough to run every other second: ``python -S -m app.health``."""

from __future__ import annotations

import socket
import sys

ADDRESS = ("127.0.0.1", 8000)
TIMEOUT_S = 1.0


def main() -> int:
    """0 when the process answers, 1 with the reason when it does not."""
    try:
        with socket.create_connection(ADDRESS, TIMEOUT_S) as connection:
            connection.sendall(b"GET /api/v1/live HTTP/1.0\r\n\r\n")
            answer = connection.recv(64)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if b" 200 " in answer else 1


if __name__ == "__main__":
    sys.exit(main())
