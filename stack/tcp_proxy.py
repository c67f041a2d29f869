"""The link's program: accepts TCP connections on one port of loopback and carries their bytes to another and back.

    python -m stack.tcp_proxy PORT TARGET_PORT

It knows no protocol and keeps no more than a buffer of each connection: who reads slowly slows the other side down. An
end of sending and a reset go through as what they are. A connection that the target refuses is reset. Ends by SIGTERM.
Frozen (SIGSTOP), it is a network that drops everything: connections stay open and carry nothing, new ones are accepted
by the kernel and hang as well.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import struct
import sys
from typing import cast

from stack.ports import HOST

# New connections that the kernel accepts while the relay is frozen; beyond that they hang while they connect.
_BACKLOG = 4096
_DESCRIPTORS = 65_536
_BUFFER = 262_144  # bytes that wait for a slow reader before the other side is no longer read


class _End(asyncio.Protocol):
    """One end of a connection; what comes in here goes out at `other`."""

    transport: asyncio.Transport
    other: _End | None = None
    ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_BUFFER)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end of sending on; the other direction stays open until it has ended too."""
        self.ended = True
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.write_eof()
            if self.other.ended:
                self.other.transport.close()
                return False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end when this one is done, reset it when this one broke."""
        if self.other is None or self.other.transport.is_closing():
            return
        if exc is None:
            self.other.transport.close()
        else:
            _reset(self.other.transport)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection so that its peer sees a reset, not an orderly end."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Accepted(_End):
    """The client's end: reads nothing until the target's end is there.

    Python 3.11.2 forgets a `pause_reading` of just that moment: what comes all the same is kept until then.
    """

    def __init__(self, target_port: int, dialling: set[asyncio.Task[None]]) -> None:
        self._target_port = target_port
        self._dialling = dialling
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        task = asyncio.create_task(self._dial())
        self._dialling.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._dialling.discard)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
            self.transport.pause_reading()
        else:
            super().data_received(data)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self.other = await loop.create_connection(_End, HOST, self._target_port)
        except OSError:
            _reset(self.transport)
            return
        self.other.other = self
        if self.transport.is_closing():
            _reset(self.other.transport)
            return
        for data in self._early:
            self.other.transport.write(data)
        self._early.clear()
        if self.ended:
            self.other.transport.write_eof()
        else:
            self.transport.resume_reading()


async def relay(port: int, target_port: int) -> None:
    """Carry bytes between 127.0.0.1:`port` and 127.0.0.1:`target_port` until SIGTERM; OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    dialling: set[asyncio.Task[None]] = set()
    server = await loop.create_server(
        lambda: _Accepted(target_port, dialling), HOST, port, backlog=_BACKLOG, reuse_address=True
    )
    asked_to_end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, asked_to_end.set)
    sys.stdout.write(f"relay from {HOST}:{port} to {HOST}:{target_port}\n")
    sys.stdout.flush()
    await asked_to_end.wait()
    server.close()  # connections end with the process


def main() -> int:
    """Run the relay; returns the exit code."""
    port, target_port = map(int, sys.argv[1:])
    # Two descriptors for each connection; the usual soft limit of 1024 would be a limit of the system under test.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        asyncio.run(relay(port, target_port))
    except OSError as error:
        sys.stderr.write(f"the relay cannot listen on {HOST}:{port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
