"""Original texts of order ids that cannot be decoded from the 16 bytes of the ledger (`contract.order_id`).

A file in the run's folder, one JSON array `[hex, text]` a line, created with the first such text.
"""

import json
import os
from pathlib import Path
from typing import Final

from contract.order_id import IdKind, encode_text, name_of
from files.safe_files import read_regular

ORDER_ID_TEXTS: Final = "order-names.jsonl"


class OrderIdTextWriter:
    """Writes the texts of ids that answers returned, if they need it."""

    def __init__(self, folder: Path, kind: IdKind) -> None:
        self._path, self._kind = folder / ORDER_ID_TEXTS, kind
        self._fd = -1

    def note(self, identity: bytes, text: str) -> None:
        """Write `text` if it cannot be decoded from `identity`; on disk when this returns.

        Raises:
            OSError: the disk is full or not writable.
        """
        name = name_of(self._kind, identity, text)
        if name is None:
            return
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._fd, json.dumps([identity.hex(), name]).encode() + b"\n")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_order_id_texts(folder: Path) -> dict[bytes, str]:
    """Return the texts in a run's folder by the bytes of their ids; empty without the file.

    Raises:
        OSError: the file is there and cannot be read.
    """
    found: dict[bytes, str] = {}
    path = folder / ORDER_ID_TEXTS
    try:
        raw = read_regular(path)
    except FileNotFoundError:
        return found
    for line in raw.splitlines():
        try:
            digits, text = json.loads(line)
            identity = bytes.fromhex(digits)
            text.encode()
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue  # the last line of a harness that died may be incomplete
        # A damaged line may have another text than that of its bytes.
        if isinstance(text, str) and encode_text(IdKind.TEXT, text) == identity:
            found.setdefault(identity, text)
    return found
