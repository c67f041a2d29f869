"""The TCP proxy's program: accepts connections on one port of loopback and carries their bytes to another and back.

    python -m stack.tcp_proxy PORT TARGET_PORT CONTROL_SOCKET

It knows no protocol. It reads no more than it can hand on or may hold back, so a slow reader slows the sender down. An
end of sending and a reset are passed on as such. A connection that the target refuses is reset. Ends by SIGTERM. Paused
(SIGSTOP), it is a network that drops everything: connections stay open and carry nothing, new ones are accepted by the
kernel and hang too.

It starts plain. At CONTROL_SOCKET it sends its mode (`stack.proxy_mode`) as one line; a client that then sends a mode
as one line gets the applied mode as one more line. Latency holds answers back until each is due, so it does not limit
the throughput before 16 MiB of a connection wait. A change of the mode neither loses nor reorders a byte: what
waits is handed on after the new latency at the latest, at once if that is none.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

from stack.delay_line import END, RESET, DelayLine, reset
from stack.ports import HOST
from stack.proxy_mode import PLAIN, ProxyMode, control_address

# New connections that the kernel accepts while the proxy is paused; beyond that they hang while they connect.
_BACKLOG = 4096
_DESCRIPTORS = 65_536
_SINK_BYTES = 262_144  # that wait for a slow reader before the other end is no longer read


class _End(asyncio.Protocol):
    """One end of a connection: the source of one delay line and the sink of the other."""

    transport: asyncio.Transport

    def __init__(self, connection: _Connection, outward: DelayLine, inward: DelayLine) -> None:
        self._connection, self._outward, self._inward = connection, outward, inward

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_SINK_BYTES)
        # Not at once: Python 3.11.2 begins to read after this call, even at a connection that it paused or reset.
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._outward.source = self._inward.sink = self.transport
        self._inward.flow()
        self._outward.flow()
        self._connection.opened(self)

    def data_received(self, data: bytes) -> None:
        self._outward.put(data)

    def eof_received(self) -> bool:
        self._outward.put(END)
        return True  # the other direction stays open until it has ended too

    def connection_lost(self, exc: Exception | None) -> None:
        """Reset the other end if this one broke; one that the proxy has closed itself needs nothing."""
        self._inward.drop()
        if exc is not None:
            self._outward.put(RESET)
        self._connection.closed(self)

    def pause_writing(self) -> None:
        self._inward.full = True

    def resume_writing(self) -> None:
        self._inward.full = False
        self._inward.flow()


class _Connection:
    """An accepted connection: the client's end, the target's as soon as it is there, and the two directions."""

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy
        self.requests, self.answers = DelayLine(lambda: 0.0), DelayLine(proxy.delay)
        self.requests.back, self.answers.back = self.answers, self.requests
        self.client = _End(self, self.requests, self.answers)
        self.target = _End(self, self.answers, self.requests)
        self._open: list[_End] = []
        self._is_cut = False

    def opened(self, end: _End) -> None:
        self._open.append(end)
        if self._is_cut:
            reset(end.transport)
        elif end is self.client:
            self._proxy.accepted(self)

    def closed(self, end: _End) -> None:
        self._open.remove(end)
        if not self._open:
            self._proxy.forget(self)

    def cut(self) -> None:
        """Reset both ends; the target's when it comes, if it is not there yet."""
        self._is_cut = True
        for end in self._open:
            reset(end.transport)


class TcpProxy:
    """The connections to one target, and the mode that is applied to them."""

    def __init__(self, target_port: int) -> None:
        self.mode = PLAIN
        self._target_port = target_port
        self._connections: dict[_Connection, None] = {}  # in the order in which they were accepted
        self._dialling: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._jitter = self._draw = random.Random()

    def delay(self) -> float:
        """Seconds for which the answer that arrives now is held back."""
        jitter = self.mode.jitter_s
        return self.mode.latency_s + (self._jitter.uniform(-jitter, jitter) if jitter else 0.0)

    def apply(self, mode: ProxyMode) -> None:
        """Apply a mode to all connections; nothing if it is applied already, as each connection is drawn once."""
        if mode == self.mode:
            return
        self.mode = mode
        self._jitter, self._draw = random.Random(mode.seed), random.Random(mode.seed)
        latest = self._loop.time() + mode.latency_s
        for connection in [*self._connections]:
            if self._is_drawn():
                connection.cut()
            else:
                connection.answers.hasten(latest)

    def _is_drawn(self) -> bool:
        return self._draw.random() < self.mode.reset_share

    def accept(self) -> _End:
        """The protocol of one more client."""
        return _Connection(self).client

    def accepted(self, connection: _Connection) -> None:
        """Connect a new client's connection to the target, unless it is reset."""
        self._connections[connection] = None
        if self._is_drawn():
            connection.cut()
            return
        task = self._loop.create_task(self._dial(connection))
        self._dialling.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._dialling.discard)

    def forget(self, connection: _Connection) -> None:
        """Both ends of a connection are closed."""
        self._connections.pop(connection, None)

    async def _dial(self, connection: _Connection) -> None:
        try:
            await self._loop.create_connection(lambda: connection.target, HOST, self._target_port)
        except OSError:
            connection.cut()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the control socket."""
        with suppress(ValueError, ConnectionError):
            writer.write(self.mode.as_line())
            line = await reader.readline()
            if line:
                self.apply(ProxyMode.from_line(line))
                await asyncio.sleep(0)  # after which the resets are sent
                writer.write(self.mode.as_line())
        writer.close()


async def serve(port: int, target_port: int, control_socket: Path) -> None:
    """Carry bytes between 127.0.0.1:`port` and 127.0.0.1:`target_port` until SIGTERM; OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    proxy = TcpProxy(target_port)
    terminated = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, terminated.set)
    await loop.create_server(proxy.accept, HOST, port, backlog=_BACKLOG, reuse_address=True)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control_socket.unlink(missing_ok=True)
    with control_address(control_socket) as address:
        control.bind(address)
    await asyncio.start_unix_server(proxy.control, sock=control)
    sys.stdout.write(f"TCP proxy from {HOST}:{port} to {HOST}:{target_port}\n")
    sys.stdout.flush()
    await terminated.wait()  # connections end with the process


def main() -> int:
    port, target_port = map(int, sys.argv[1:3])
    os.umask(0o077)  # the control socket is for the same user alone
    # Two descriptors for each connection; the usual soft limit of 1024 would be a limit of the system under test.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        asyncio.run(serve(port, target_port, Path(sys.argv[3])))
    except OSError as error:
        sys.stderr.write(f"the TCP proxy cannot listen on {HOST}:{port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
