"""A block of lines at the bottom of a terminal that is drawn again in place; what is logged goes above it."""

import logging
from collections.abc import Callable
from typing import Any, Final, TextIO

import gevent

from chaos.run.log_output import columns_of, is_terminal, stream_handlers

log = logging.getLogger("chaos")

EVERY_S: Final = 0.25
_UP_AND_CLEAR: Final = "\x1b[{}A\r\x1b[J"


class LiveBlock:
    """The block.

    Args:
        stream: the terminal.
        lines: returns what to show now, for a width in columns and whether it can show block characters.
    """

    def __init__(self, stream: TextIO, lines: Callable[[int, bool], list[str]]) -> None:
        self._stream = stream
        self._lines = lines
        self._shown = 0
        self._drawing: gevent.Greenlet | None = None
        self._wrapped: list[tuple[logging.StreamHandler[Any], Any]] = []

    def start(self) -> None:
        """Begin to draw; from now on log lines go above the block."""
        for handler in stream_handlers():
            if is_terminal(handler.stream):
                self._wrapped.append((handler, handler.stream))
                handler.setStream(_Above(handler.stream, self))
        self._drawing = gevent.spawn(self._draw_on)

    def stop(self) -> None:
        """Remove the block, and leave the log as it was."""
        if self._drawing is not None:
            self._drawing.kill()
        self.clear()
        for handler, stream in self._wrapped:
            handler.setStream(stream)
        self._wrapped.clear()

    def draw(self) -> None:
        """Draw the lines of now in the place of those before."""
        width = columns_of(self._stream)
        unicode = "utf" in (self._stream.encoding or "").lower()
        self.clear()
        try:
            lines = self._lines(width, unicode)
        except Exception:
            self._lines = _nothing
            log.exception("the run goes on, but is not shown here any more")
            return
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()
        self._shown = len(lines)

    def clear(self) -> None:
        """Remove the lines that are shown."""
        if self._shown:
            self._stream.write(_UP_AND_CLEAR.format(self._shown))
            self._stream.flush()
            self._shown = 0

    def _draw_on(self) -> None:
        while True:
            self.draw()
            gevent.sleep(EVERY_S)


def _nothing(width: int, unicode: bool) -> list[str]:
    return []


class _Above:
    """The stream of a log handler: what is written to it goes above the block."""

    def __init__(self, stream: TextIO, block: LiveBlock) -> None:
        self._stream = stream
        self._block = block

    def write(self, text: str) -> int:
        self._block.clear()
        written = self._stream.write(text)
        if text.endswith("\n"):
            self._block.draw()
        return written

    def flush(self) -> None:
        self._stream.flush()
