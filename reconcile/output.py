"""Output that cannot be written never counts: reports and exit code are the result, the terminal is a courtesy.

A closed pipe (`| head`), a full disk behind `>` or a closed descriptor would otherwise raise wherever something is
printed, from a progress bar in the middle of reading as well as from Python's own flush at exit, and cost the verdict.
"""

import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# A reader that takes nothing for this long is given up: a terminal that somebody left non-blocking recovers sooner.
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


def let_output_fail() -> None:
    """Put streams in place of stdout and stderr whose failures nobody notices.

    For a process of our own only: it changes `sys.stdout` and `sys.stderr` until the process ends.
    """
    sys.stdout, sys.stderr = _lenient(sys.stdout), _lenient(sys.stderr, buffered=False)


def _lenient(stream: TextIO | None, *, buffered: bool = True) -> TextIO:
    if stream is None:  # closed before Python began
        return Path(os.devnull).open("w", encoding="utf-8")
    raw = io.BufferedWriter(_Lenient(stream.fileno(), "w", closefd=False))
    # A sign that the terminal's encoding lacks is no reason to fail either.
    return io.TextIOWrapper(
        raw,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.isatty() or not buffered,
        write_through=not buffered,
    )
