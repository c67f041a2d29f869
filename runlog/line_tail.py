"""Reads a file of lines while it is written: the whole lines that came since the last reading."""

from pathlib import Path

from files.safe_files import open_regular


class LineTail:
    """The lines of a file; it may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def read(self) -> list[bytes]:
        """Return the whole lines that are new, without their ends.

        Raises:
            OSError: it cannot be read.
        """
        try:
            with open_regular(self._path) as stream:
                stream.seek(self._position)
                raw = stream.read()
        except FileNotFoundError:
            return []
        whole = raw[: raw.rfind(b"\n") + 1]
        self._position += len(whole)
        return whole.splitlines()
