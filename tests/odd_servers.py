"""Servers on this machine that answer slowly, endlessly, in nonsense or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def drip(connection: socket.socket) -> None:
    """One header after the other, each in good time, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(200):
        connection.sendall(b"X-%d: y\r\n" % number)
        time.sleep(0.05)


def silence(connection: socket.socket) -> None:
    time.sleep(10)


def drip_body(connection: socket.socket) -> None:
    """A status at once, and a body that never ends."""
    connection.sendall(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    time.sleep(10)


def flood(connection: socket.socket) -> None:
    """A body without an end, as fast as it goes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        connection.sendall(bytes(1 << 20))


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)


def close(connection: socket.socket) -> None:
    connection.close()


def no_tls(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of bytes on this machine; its origin."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
                with connection:
                    _hear_out(connection)
                    behave(connection)
            except OSError:
                return  # the other side has left

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _hear_out(connection: socket.socket) -> None:
    """Take all that is said: a connection that is closed over unread bytes is reset, and loses its answer."""
    connection.settimeout(0.1)
    with suppress(TimeoutError):
        while connection.recv(65536):
            pass
    connection.settimeout(None)
