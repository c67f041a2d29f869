"""Reads a ledger while it is written: the records that came since the last reading."""

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from files.safe_files import open_regular
from runlog.ledger import FIELDS, HEADER, RECORD_BYTES, check_head, check_sums

_RECORD: Final = np.dtype([*FIELDS, ("check", "<u8")])


class LedgerTail:
    """The records of a ledger in the order in which they are written.

    Args:
        path: the file may not be there yet.

    Attributes:
        damaged: records with a wrong checksum; they are left out.
    """

    def __init__(self, path: Path) -> None:
        self.damaged = 0
        self._path = path
        self._position = 0
        self._salt: int | None = None

    def read(self) -> NDArray[np.void]:
        """Return the whole records that are new, array of `runlog.ledger.FIELDS`.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no ledger, or of another format.
        """
        try:
            with open_regular(self._path) as stream:
                if self._salt is None and not self._read_header(stream.read(HEADER.size)):
                    return np.empty(0, dtype=FIELDS)
                stream.seek(self._position)
                raw = stream.read()
        except FileNotFoundError:
            return np.empty(0, dtype=FIELDS)
        raw = raw[: len(raw) - len(raw) % RECORD_BYTES]
        self._position += len(raw)
        records = np.frombuffer(raw, dtype=_RECORD)
        wrong = records["check"] != check_sums(memoryview(raw), self._salt or 0)
        self.damaged += int(wrong.sum())
        whole: NDArray[np.void] = records[~wrong][[name for name, _ in FIELDS]].astype(np.dtype(FIELDS))
        return whole

    def _read_header(self, raw: bytes) -> bool:
        if len(raw) < HEADER.size:
            return False
        check_head(raw)
        self._salt, self._position = zlib.crc32(raw), HEADER.size
        return True
