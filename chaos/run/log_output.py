"""What of the log and of Locust's tables is shown, and how: by default only what a person at a run needs."""

import logging
import os
import textwrap
from typing import Any, Final, TextIO

_COLUMNS: Final = 80
_INDENT: Final = " " * len("12:00:00  ")
# How the runner starts and stops users, and the tables at the end, which know nothing of phases and events.
_CHATTER: Final = ("locust.runners", "locust.stats_logger")


class ShortLines(logging.Formatter):
    """Log lines for a terminal: the time of day and the message, and the level if it is a warning or worse.

    Args:
        stream: the terminal; no word is broken at its edge.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__("%(asctime)s  %(message)s", "%H:%M:%S")
        self._stream = stream

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line without its traceback."""
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        text = f"{record.asctime}  {level}{record.message}"
        room = columns_of(self._stream) - 1
        return textwrap.fill(text, room, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)


def quieten_locust(shown: bool) -> None:
    """Silence Locust's runner and its tables, and shorten the lines on a terminal, unless all is to be `shown`.

    Where everything is logged (`--loglevel DEBUG`) nothing is left out. Warnings stay.
    """
    if shown or logging.getLogger().isEnabledFor(logging.DEBUG):
        return
    for name in _CHATTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in stream_handlers():
        if is_terminal(handler.stream):
            handler.setFormatter(ShortLines(handler.stream))


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal on which lines can be drawn again; a closed one is none."""
    if stream is None or stream.closed or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return stream.isatty()


def columns_of(stream: TextIO) -> int:
    """Return the columns of the terminal of this very stream, 80 where it is none: standard output may be a file."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def stream_handlers() -> list[logging.StreamHandler[Any]]:
    """Return the handlers of all loggers that write to a stream, each once."""
    loggers = [logging.root, *map(logging.getLogger, logging.root.manager.loggerDict)]
    found = {id(handler): handler for logger in loggers for handler in logger.handlers}
    return [handler for handler in found.values() if isinstance(handler, logging.StreamHandler)]
