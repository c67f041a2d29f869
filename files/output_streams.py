"""Standard streams whose failures are ignored: reports and exit code are the result, terminal output is optional.

Otherwise a closed pipe (`| head`), a full disk behind `>` or a closed descriptor raises wherever something is printed,
from a progress bar while reading as well as from Python's own flush at exit, and loses the verdict.
"""

import contextlib
import io
import logging
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Longest wait for a reader, seconds: a terminal in non-blocking mode recovers sooner.
_PATIENCE_S: Final = 5.0


class _Lenient(io.FileIO):
    """A file that drops output which cannot be written."""

    def write(self, data: "ReadableBuffer") -> int:
        size = memoryview(data).nbytes
        try:
            written = super().write(data)
            if written is None:  # non-blocking, and full
                select.select([], [self], [], _PATIENCE_S)
                written = super().write(data)
        except (OSError, ValueError):
            return size
        return size if written is None else written


class _Unclosed(io.TextIOWrapper):
    """A stream that stays open when closed, so that the verdict can still be printed."""

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.flush()


def let_output_fail() -> None:
    """Open closed standard streams, and ignore failures of output from now on.

    Only for our own processes: it replaces `sys.stdin`, `sys.stdout` and `sys.stderr` until the process ends.
    """
    _fill_descriptors()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _lenient(sys.stdout), _lenient(sys.stderr, buffered=False)


def say(line: str) -> None:
    """Print one line, unbuffered."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    """Print one line to standard error, unbuffered."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def flush_output() -> None:
    """Flush printed and logged output."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    logging.shutdown()


def _fill_descriptors() -> None:
    """Open closed descriptors (`>&-`): otherwise the next opened file gets their number, and their output."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)


def _lenient(stream: TextIO | None, *, buffered: bool = True) -> TextIO:
    if stream is None:  # closed before Python began
        return Path(os.devnull).open("w", encoding="utf-8")
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # captured, in memory
        return stream
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
    raw = io.BufferedWriter(_Lenient(descriptor, "w", closefd=False))
    # A character outside the terminal's encoding must not raise either.
    return _Unclosed(
        raw,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.isatty() or not buffered,
        write_through=not buffered,
    )
