"""UUID texts to 128-bit ids, thousands at a time: one join, one hexadecimal conversion, no Python object an id.

The usual spelling (36 characters, dashes in their places, either case) goes through in bulk. Others that a store may
hand out, with braces or without dashes, are read one by one; whatever is no UUID is marked so.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history import IDS
from runlog.orderids import parse_uuid as parse_id

__all__ = ["parse_id", "parse_ids"]

_LENGTH: Final = 36
_DASHES: Final = (8, 13, 18, 23)


def parse_ids(texts: list[str]) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Parse many UUID texts.

    Args:
        texts: n texts, in any spelling that `parse_id` takes, or anything else.

    Returns:
        Array of n IDS, zero where a text is no UUID, and n marks that say where it is one.
    """
    if not texts:
        return np.empty(0, dtype=IDS), np.empty(0, dtype=np.bool_)
    ids = _parse_usual("\n".join(texts), len(texts))
    if ids is not None:
        return ids, np.ones(len(texts), dtype=np.bool_)
    parsed = [parse_id(text) for text in texts]
    raw = b"".join(identity or bytes(16) for identity in parsed)
    return np.frombuffer(raw, dtype=IDS), np.array([identity is not None for identity in parsed], dtype=np.bool_)


def _parse_usual(joined: str, count: int) -> NDArray[np.void] | None:
    """Return `count` ids from texts joined by line ends; None unless each of them has the usual spelling.

    That check is exact: the dashes and line ends found in their places are 5 of 37 characters, and only if every
    other one is a hexadecimal digit do the rest make 16 bytes an id.
    """
    if len(joined) != (_LENGTH + 1) * count - 1 or not joined.isascii():
        return None
    grid = np.frombuffer(joined.encode() + b"\n", dtype=np.uint8).reshape(count, _LENGTH + 1)
    if not (grid[:, _DASHES] == ord("-")).all() or not (grid[:, _LENGTH] == ord("\n")).all():
        return None
    try:
        raw = bytes.fromhex(joined.replace("-", ""))
    except ValueError:
        return None
    return np.frombuffer(raw, dtype=IDS) if len(raw) == IDS.itemsize * count else None
