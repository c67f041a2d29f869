"""A scripted HTTP target for the load's tests: real sockets, and every way in which a service can answer or fail to.

It runs in gevent greenlets of its own process, needs no monkey patching, and remembers each request it has seen.
"""

from __future__ import annotations

import json
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.event import Event
from gevent.server import StreamServer

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Seen:
    """One complete request: when (monotonic seconds), over which connection (counted from 0), and its body."""

    at: float
    connection: int
    head: bytes
    body: bytes

    @property
    def customer_id(self) -> uuid.UUID:
        return uuid.UUID(json.loads(self.body)["customerId"])


# Answers one request over the socket; returns whether the connection stays open for the next one.
Script = Callable[[Any, Seen], bool]


def message(status: int, body: bytes, length: int | None = None) -> bytes:
    """An HTTP answer; `length` is what its head claims, by default the truth."""
    claimed = len(body) if length is None else length
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {claimed}\r\n\r\n".encode() + body


def created(seen: Seen) -> bytes:
    """A 201 whose order id is the customer id of the request, so that a test can trace it."""
    return message(201, json.dumps({"orderId": str(seen.customer_id)}).encode())


def acknowledge(sock: Any, seen: Seen) -> bool:
    sock.sendall(created(seen))
    return True


def answer(status: int, body: bytes = b"{}", length: int | None = None, *, keep: bool = True) -> Script:
    def script(sock: Any, seen: Seen) -> bool:
        sock.sendall(message(status, body, length))
        return keep

    return script


def acknowledge_then_close(sock: Any, seen: Seen) -> bool:
    """Announce a kept connection, then close it."""
    sock.sendall(created(seen))
    return False


def hold(gate: Event) -> Script:
    """Answer when `gate` is opened, never before."""

    def script(sock: Any, seen: Seen) -> bool:
        gate.wait()
        return acknowledge(sock, seen)

    return script


def hang_up(sock: Any, seen: Seen) -> bool:
    """Close after the request, without a byte of an answer."""
    return False


def reset(sock: Any, seen: Seen) -> bool:
    """Cut the connection after the request: the client gets a TCP reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def trickle(sock: Any, seen: Seen) -> bool:
    """A head at once, then a byte now and then for a minute: each read of the client succeeds."""
    sock.sendall(message(201, b"", length=6000))
    for _ in range(6000):
        sock.sendall(b" ")
        gevent.sleep(0.05)
    return False


class Target:
    """The server; set `script` to say how it answers from the next request on."""

    def __init__(self, script: Script = acknowledge) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self.open_connections = 0
        self.connections = 0
        self._server = StreamServer((HOST, 0), self._serve)
        self._server.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def stop(self) -> None:
        self._server.stop(timeout=0.1)

    def _serve(self, sock: Any, address: object) -> None:
        number, self.connections = self.connections, self.connections + 1
        self.open_connections += 1
        try:
            while (seen := self._read(sock, number)) is not None:
                self.seen.append(seen)
                if not self.script(sock, seen):
                    break
        except OSError:
            pass  # the client closed its connection, as some tests make it do
        finally:
            sock.close()
            self.open_connections -= 1

    def _read(self, sock: Any, number: int) -> Seen | None:
        data = b""
        while b"\r\n\r\n" not in data:
            block = sock.recv(65536)
            if not block:
                return None
            data += block
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            block = sock.recv(65536)
            if not block:
                return None
            body += block
        return Seen(time.monotonic(), number, head, body)


@contextmanager
def serving(script: Script = acknowledge) -> Iterator[Target]:
    target = Target(script)
    try:
        yield target
    finally:
        target.stop()


def await_that(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Let greenlets run until `condition` holds; its name is in the error when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out after {timeout_s:g} s waiting for {what}")
        gevent.sleep(0.01)
