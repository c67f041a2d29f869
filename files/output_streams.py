"""Output that cannot be written never counts: reports and exit code are the result, the terminal is a courtesy.

A closed pipe (`| head`), a full disk behind `>` or a closed descriptor would otherwise raise wherever something is
printed, from a progress bar in the middle of reading as well as from Python's own flush at exit, and cost the verdict.
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

# A reader that takes nothing for this long is given up: a terminal in non-blocking mode recovers sooner.
_PATIENCE_S: Final = 5.0


class _Lenient(io.FileIO):
    """A file whose failing writes look like good ones; what could not be written is dropped."""

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


class _Standing(io.TextIOWrapper):
    """A stream that stays open: closing it must not keep the verdict from being printed."""

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.flush()


def let_output_fail() -> None:
    """Make the standard streams safe: each descriptor is open, and failures of output go unnoticed.

    For a process of our own only: it changes `sys.stdin`, `sys.stdout` and `sys.stderr` until the process ends.
    """
    _fill_descriptors()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _lenient(sys.stdout), _lenient(sys.stderr, buffered=False)


def flush_output() -> None:
    """Write out what was printed, and what is logged."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    logging.shutdown()


def _fill_descriptors() -> None:
    """Open what was closed (`>&-`): else the next file that is opened would take what is written to it."""
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
    # A sign that the terminal's encoding lacks is no reason to fail either.
    return _Standing(
        raw,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.isatty() or not buffered,
        write_through=not buffered,
    )
