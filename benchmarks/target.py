"""A small order service that only answers, after a given delay, and records when each order arrived.

`python -m benchmarks.target DELAY`: it prints its port, serves until its standard input is closed, then prints the
arrival times as one JSON list (seconds of the monotonic clock, which all processes of a machine share).
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time

HOST = "127.0.0.1"
BODY = b'{"orderId": "d9428888-122b-41e1-b85c-61e8ba6dd1f7", "status": "CREATED"}'
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CONNECTIONS = 10_000


class OrderTarget(asyncio.Protocol):
    """One connection: any number of requests, one after the other.

    Args:
        delay_s: seconds from the complete request to the answer.
        arrivals: gets the time of each complete request.
    """

    def __init__(self, delay_s: float, arrivals: list[float]) -> None:
        self._delay_s = delay_s
        self._arrivals = arrivals
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Record each complete request, and answer it after the delay."""
        self._buffer += data
        while (size := request_size(self._buffer)) and len(self._buffer) >= size:
            self._buffer = self._buffer[size:]
            self._arrivals.append(time.monotonic())
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)


def request_size(data: bytes) -> int:
    """Return the length of the request that `data` begins with, in bytes; 0 while its head is not complete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0
    for line in data[:end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return end + 4 + int(value)
    return end + 4


async def serve(delay_s: float) -> list[float]:
    """Serve until standard input ends, and return the arrival times."""
    loop = asyncio.get_running_loop()
    arrivals: list[float] = []
    server = await loop.create_server(lambda: OrderTarget(delay_s, arrivals), HOST, 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    return arrivals


def raise_file_limit() -> None:
    """Allow as many connections as Locust itself asks for, or as many as are permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if hard == resource.RLIM_INFINITY else min(CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    raise_file_limit()
    gc.disable()  # a pause here would look like an uneven load
    sys.stdout.write(json.dumps(asyncio.run(serve(float(sys.argv[1])))) + "\n")
