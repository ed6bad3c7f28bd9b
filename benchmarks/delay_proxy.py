"""A TCP proxy that makes loopback feel like a distant host: every byte arrives a fixed time later, both ways.

    python -m benchmarks.delay_proxy 127.0.0.1:22 --one-way-ms 20      prints the port that it listens on

It delays and does not serialise: what is sent while earlier bytes are under way travels right behind them. Opening a
connection takes its round trip, too: the target hears of it after one and a half, as with a real handshake.
What it cannot show: loss, jitter, bandwidth, Nagle's algorithm waiting for a distant acknowledgement, and a refused
connection, which becomes one that is accepted and reset.
"""

from __future__ import annotations

import argparse
import queue
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 16
_CHUNKS_UNDER_WAY = 1024  # a reader that stops reading stops the sender, as a full window would


class DelayProxy:
    """Listens on a free loopback port and passes connections on to ``target``; ``one_way_s`` is in seconds."""

    def __init__(self, target: tuple[str, int], one_way_s: float) -> None:
        self._target = target
        self._one_way_s = one_way_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Pass connections on until ``close``."""
        with suppress(OSError):  # what accept raises once the listener is closed
            while True:
                client, _ = self._listener.accept()
                _in_background(self._pass_on, client, time.monotonic())

    def close(self) -> None:
        """Stop listening. Connections that are open stay open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close alone would not
        self._listener.close()

    def _pass_on(self, client: socket.socket, accepted: float) -> None:
        """Connect to the target when it would have heard of the client, then carry both directions."""
        connected = accepted + 2 * self._one_way_s  # as the client's side of a real connection would see it
        target = socket.socket()
        up = _Direction(client, target, self._one_way_s, not_before=connected)
        _in_background(up.take_in)
        _sleep_until(connected + self._one_way_s)
        try:
            target.connect(self._target)
        except OSError:
            _reset(client)
            target.close()
            return
        down = _Direction(target, client, self._one_way_s)
        _in_background(down.take_in)
        for end in (client, target):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        delivery = _in_background(up.deliver)
        down.deliver()
        delivery.join()
        client.close()
        target.close()


class _Direction:
    """One direction of a connection: bytes and the end of the stream, each delivered when it is due."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay_s: float, *, not_before: float = 0.0) -> None:
        self._source = source
        self._sink = sink
        self._delay_s = delay_s
        self._not_before = not_before
        self._under_way: queue.Queue[tuple[float, bytes]] = queue.Queue(_CHUNKS_UNDER_WAY)

    def take_in(self) -> None:
        """Read until the stream ends, stamping everything with when it is due."""
        chunk = b"at least one"
        while chunk:
            try:
                chunk = self._source.recv(_CHUNK)
            except OSError:
                chunk = b""
            self._under_way.put((max(time.monotonic(), self._not_before) + self._delay_s, chunk))

    def deliver(self) -> None:
        """Write everything when it is due, then the end of the stream."""
        chunk, sink_is_there = b"at least one", True
        while chunk:
            due, chunk = self._under_way.get()
            if not sink_is_there:
                continue  # empty the queue, or a full one would hold ``take_in`` for ever
            _sleep_until(due)
            try:
                if chunk:
                    self._sink.sendall(chunk)
                else:
                    self._sink.shutdown(socket.SHUT_WR)
            except OSError:
                sink_is_there = False
                with suppress(OSError):
                    self._source.shutdown(socket.SHUT_RDWR)  # let the other end know


def _sleep_until(due: float) -> None:
    """The delay itself: the one thing that this program is for."""
    left = due - time.monotonic()
    if left > 0:
        time.sleep(left)


def _in_background(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


@contextmanager
def delayed(port: int, one_way_s: float) -> Iterator[int]:
    """A loopback port that reaches ``port`` of this machine with ``one_way_s`` seconds of delay in each direction.

    The proxy is a process of its own, so that it shares no interpreter with what is measured.
    """
    command = [sys.executable, "-m", "benchmarks.delay_proxy", f"127.0.0.1:{port}"]
    proxy = subprocess.Popen(
        [*command, "--one-way-ms", str(one_way_s * 1000), "--until-stdin-ends"],
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with proxy:  # closes the pipes and waits
        first = proxy.stdout.readline() if proxy.stdout else ""
        if not first:
            raise RuntimeError(f"the delay proxy ended at once, with exit code {proxy.wait()}")
        yield int(first)


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="HOST:PORT")
    parser.add_argument("--one-way-ms", type=float, required=True, help="the delay of each direction")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end with the process that holds the pipe")
    arguments = parser.parse_args()
    host, _, port = arguments.target.rpartition(":")
    proxy = DelayProxy((host, int(port)), arguments.one_way_ms / 1000)
    sys.stdout.write(f"{proxy.port}\n")
    sys.stdout.flush()
    if arguments.until_stdin_ends:
        _in_background(proxy.serve)
        sys.stdin.read()
    else:
        with suppress(KeyboardInterrupt):
            proxy.serve()
    proxy.close()


def _reset(connection: socket.socket) -> None:
    """Close with a reset, which is what a port that nobody listens on answers with."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.shutdown(socket.SHUT_RD)  # another thread reads it, and would keep it open
    connection.close()


if __name__ == "__main__":
    main()
