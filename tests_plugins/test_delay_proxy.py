"""The delaying proxy that benchmarks put in front of sshd: exact, both ways, and not one after the other."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks.delay_proxy import delayed
from twin.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE_WAY_S = 0.02
ROUND_TRIP_S = 2 * ONE_WAY_S
SLACK_S = 0.25  # a busy machine's; what is told apart here differs by more


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it gets, and the end of the stream, too."""

    def handle(self) -> None:
        """Answer one connection."""
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    """The distant host."""

    daemon_threads = True
    request_queue_size = 64


@pytest.fixture
def echo_port() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection


def exchange(connection: socket.socket, data: bytes) -> float:
    """Send, read as much back, and return how long that took."""
    began = time.monotonic()
    connection.sendall(data)
    read_back(connection, len(data))
    return time.monotonic() - began


def read_back(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        received += connection.recv(65536) or pytest.fail(f"the stream ended after {len(received)} of {size} bytes")
    return bytes(received)


def test_an_exchange_takes_one_round_trip(echo_port: int) -> None:
    """Once connected, a request and its answer take twice the one-way delay; the fastest of five is judged."""
    with delayed(echo_port, ONE_WAY_S) as port, connected(port) as connection:
        exchange(connection, b"hello")
        assert ROUND_TRIP_S <= min(exchange(connection, b"hello") for _ in range(5)) < ROUND_TRIP_S + 0.005


def test_a_new_connection_costs_its_handshake(echo_port: int) -> None:
    """The first answer comes after two round trips: one for the handshake, one for the exchange."""
    with delayed(echo_port, ONE_WAY_S) as port, connected(port) as connection:
        assert 2 * ROUND_TRIP_S <= exchange(connection, b"hello") < 2 * ROUND_TRIP_S + SLACK_S


def test_delay_is_not_serialisation(echo_port: int) -> None:
    """Thirty messages sent 1 ms apart are all back long before thirty round trips have passed."""
    with delayed(echo_port, ONE_WAY_S) as port, connected(port) as connection:
        exchange(connection, b"hello")
        began = time.monotonic()
        for _ in range(30):
            connection.sendall(b"x")
            time.sleep(0.001)  # the pace of the sender is the input of this test
        read_back(connection, 30)
        one_after_the_other = 30 * ROUND_TRIP_S
        assert time.monotonic() - began < one_after_the_other / 2


def test_connections_do_not_wait_for_each_other(echo_port: int) -> None:
    """Twenty connections opened together are all answered long before each in turn would be."""
    with delayed(echo_port, ONE_WAY_S) as port:
        began = time.monotonic()
        connections = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(20)]
        for connection in connections:
            connection.sendall(b"hello")
        for connection in connections:
            read_back(connection, 5)
            connection.close()
        one_after_the_other = 20 * 2 * ROUND_TRIP_S
        assert time.monotonic() - began < one_after_the_other / 2


def test_bytes_and_the_end_of_the_stream_come_through_whole(echo_port: int) -> None:
    """Eight megabytes come back unchanged, and the end of the sender's stream after them."""
    data = os.urandom(8_000_000)
    with delayed(echo_port, ONE_WAY_S) as port, connected(port) as connection:

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert read_back(connection, len(data)) == data
        assert connection.recv(1) == b""
        sender.join()


def test_a_port_that_nobody_listens_on_resets() -> None:
    """Where nothing listens, the connection is reset instead of hanging."""
    with (
        delayed(free_ports(1)[0], ONE_WAY_S) as port,
        connected(port) as connection,
        pytest.raises(ConnectionResetError),
    ):
        connection.recv(1)


def test_the_proxy_ends_with_its_owner(echo_port: int) -> None:
    """Leaving the block ends the proxy: its port refuses connections."""
    with delayed(echo_port, ONE_WAY_S) as port:
        pass
    with pytest.raises(ConnectionRefusedError), connected(port):
        pass
