"""One direction of a connection through the TCP proxy: bytes, their end and a reset, handed on in order when due."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

_HELD_BYTES = 16_777_216  # that may be held back before the source is no longer read
# What is put on a delay line beside bytes.
END: Final = b""
RESET: Final = None


class DelayLine:
    """One direction of a connection: hands on at its sink what comes in at its source, in order, when it is due.

    Args:
        delay: gives the seconds for which what comes in now is held back.
    """

    def __init__(self, delay: Callable[[], float]) -> None:
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self.back: DelayLine | None = None
        self.full = False  # the sink's buffer
        self._delay = delay
        self._held: deque[tuple[float, bytes | None]] = deque()
        self._bytes = 0
        self._begun_end = self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def put(self, item: bytes | None) -> None:
        """Take bytes, `END` or `RESET` from the source."""
        due = self._loop.time() + self._delay()
        self._held.append((max(due, self._held[-1][0]) if self._held else due, item))
        self._bytes += len(item or b"")
        self._begun_end = self._begun_end or not item
        self.flow()

    def hasten(self, latest: float) -> None:
        """Hand on everything held at `latest` (the loop's time) at the latest."""
        self._held = deque((min(due, latest), item) for due, item in self._held)
        self.flow()

    def drop(self) -> None:
        """Forget what is held: the sink is gone."""
        self._cancel()
        self._held.clear()
        self._bytes = 0

    def flow(self) -> None:
        """Hand on what is due, and read on at the source if there is room."""
        self._cancel()
        if self.sink is not None:
            self._hand_on(self.sink)
        if self.source is not None and not self._begun_end:
            if self.sink is None or self.full or self._bytes > _HELD_BYTES:
                self.source.pause_reading()
            else:
                self.source.resume_reading()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hand_on(self, sink: asyncio.Transport) -> None:
        if sink.is_closing():
            self.drop()
            return
        now = self._loop.time()
        while self._held and not self.full and self._held[0][0] <= now:
            item = self._held.popleft()[1]
            if item is RESET:
                reset(sink)
                return
            if item == END:
                self._end(sink)
            else:
                self._bytes -= len(item)
                sink.write(item)
        if self._held and not self.full:
            self._timer = self._loop.call_at(self._held[0][0], self.flow)
        elif self._held and self._held[-1][1] is RESET:  # it does not wait for a slow reader
            self._timer = self._loop.call_at(self._held[-1][0], reset, sink)

    def _end(self, sink: asyncio.Transport) -> None:
        """Pass the end of sending on; the connection is over when the other direction has ended too."""
        self._ended = True
        try:
            sink.write_eof()
        except OSError:  # reset by its peer, unnoticed because nothing is read after an end
            sink.abort()
            if self.source is not None and not self.source.is_closing():
                reset(self.source)
            return
        if self.back is not None and self.back._ended:
            sink.close()
            if self.source is not None:
                self.source.close()


def reset(transport: asyncio.Transport) -> None:
    """Close a connection so that its peer sees a reset, not an orderly end."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
