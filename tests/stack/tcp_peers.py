"""Plain TCP peers on loopback: a target that serves each connection in a thread, and clients of it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

WAIT_S = 10.0
Serve = Callable[[socket.socket], None]


@contextmanager
def target(serve: Serve) -> Iterator[int]:
    """Serve each connection in a thread of its own; gives the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65_536):
        connection.sendall(data)


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)


def read_all(client: socket.socket) -> bytes:
    parts = []
    while data := client.recv(65_536):
        parts.append(data)
    return b"".join(parts)


def read_exactly(client: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count and (data := client.recv(count - len(parts))):
        parts += data
    return parts


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
