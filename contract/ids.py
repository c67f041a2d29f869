"""Order ids thousands at a time: arrays of 128-bit numbers, the same from a table as from an event.

How one id becomes 16 bytes is decided in `contract.order_id`. An id is held as two big-endian words, so that bytes from
PostgreSQL, Kafka and the ledger are viewed as they are, and joined by numpy without a Python object an order.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.order_id import IdKind, encode_text, name_of, parse_uuid, text_of

Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]

IDS: Final = np.dtype([("hi", ">u8"), ("lo", ">u8")])
"""Bare ids."""

_NONE: Final = bytes(16)
_LENGTH: Final = 36
_DASHES: Final = (8, 13, 18, 23)


def parse_ids(texts: list[str]) -> tuple[NDArray[np.void], Bools]:
    """Parse many UUID texts.

    The usual spelling (36 characters, dashes in their places, either case) goes through in bulk, others one by one.

    Args:
        texts: n texts, in any spelling that `parse_uuid` takes, or anything else.

    Returns:
        Array of n IDS, zero where a text is no UUID, and n marks that say where it is one.
    """
    if not texts:
        return np.empty(0, dtype=IDS), np.empty(0, dtype=np.bool_)
    ids = _parse_usual("\n".join(texts), len(texts))
    if ids is not None:
        return ids, np.ones(len(texts), dtype=np.bool_)
    usual = [at for at, text in enumerate(texts) if len(text) == _LENGTH]
    if 0 < len(usual) < len(texts):
        return _mixed(texts, usual)
    return _array([parse_uuid(text) for text in texts])


def _mixed(texts: list[str], usual: list[int]) -> tuple[NDArray[np.void], Bools]:
    """Parse texts of which only those at `usual` have the usual length: a few odd ones must not slow down the rest."""
    ids, valid = np.zeros(len(texts), dtype=IDS), np.zeros(len(texts), dtype=np.bool_)
    ids[usual], valid[usual] = parse_ids([texts[at] for at in usual])
    for at, text in enumerate(texts):
        if len(text) != _LENGTH and text and (identity := parse_uuid(text)) is not None:
            ids[at], valid[at] = np.frombuffer(identity, dtype=IDS)[0], True
    return ids, valid


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


def _array(parsed: list[bytes | None]) -> tuple[NDArray[np.void], Bools]:
    raw = b"".join(one or _NONE for one in parsed)
    return np.frombuffer(raw, dtype=IDS), np.array([one is not None for one in parsed], dtype=np.bool_)


class IdReader:
    """Reads ids of one kind.

    One reader reads rows or events, never both.

    Args:
        padded: they are texts of a fixed length, in which blanks at the end mean nothing.

    Attributes:
        names: of text ids that cannot be decoded from their bytes the text as it was first met, by their 16 bytes.
        ambiguous: texts of the table that differ and would be taken for one id.
    """

    def __init__(self, kind: IdKind, padded: bool = False) -> None:
        self.kind, self.padded = kind, padded
        self.names: dict[bytes, str] = {}
        self.ambiguous: list[str] = []
        self._met: set[bytes] = set()

    def of_events(self, texts: list[str]) -> tuple[NDArray[np.void], Bools]:
        """Return an array of IDS for `texts`, and which of them are ids of this kind at all; remembers names."""
        ids, valid = self.parse(texts)
        if self.kind is IdKind.TEXT:
            for identity, text, there in zip(bytes_of(ids), texts, valid.tolist(), strict=True):
                if there:
                    self.meet(identity, text)
        return ids, valid

    def parse(self, texts: list[str]) -> tuple[NDArray[np.void], Bools]:
        """Return the same, and remember nothing."""
        if self.kind is IdKind.UUID:
            return parse_ids(texts)
        if self.padded:
            texts = [text.rstrip(" ") for text in texts]
        return _array([encode_text(self.kind, text) if text else None for text in texts])

    def of_rows(self, texts: Sequence[str]) -> NDArray[np.void]:
        """Return an array of IDS for the text ids of a table; remembers texts that would be taken for one id."""
        found: list[bytes] = []
        for text in texts:
            identity = encode_text(IdKind.TEXT, text) or _NONE
            if not self.meet(identity, text) and self.text(identity) != text:
                self.ambiguous.append(text)
            found.append(identity)
        return np.frombuffer(b"".join(found), dtype=IDS)

    def met(self, identity: bytes) -> bool:
        """Return whether it is a text id that was read."""
        return identity in self._met

    def text(self, identity: bytes) -> str:
        return text_of(self.kind, identity, self.names)

    def meet(self, identity: bytes, text: str) -> bool:
        """Remember a text id and its name; return whether it is met for the first time."""
        text = text.rstrip(" ") if self.padded else text
        if identity in self._met:
            return False
        self._met.add(identity)
        name = name_of(self.kind, identity, text)
        if name is not None:
            self.names[identity] = name
        return True


def among(ids: NDArray[np.void], known: NDArray[np.void]) -> Bools:
    """Return which of `ids` (words `hi` and `lo`) are among `known` (IDS, ascending, each once), shape (n,)."""
    found = np.zeros(len(ids), dtype=np.bool_)
    if not len(known) or not len(ids):
        return found
    known_hi, known_lo = known["hi"].astype(np.uint64), known["lo"].astype(np.uint64)
    hi, lo = ids["hi"].astype(np.uint64), ids["lo"].astype(np.uint64)
    begin, end = np.searchsorted(known_hi, hi, side="left"), np.searchsorted(known_hi, hi, side="right")
    single = end - begin == 1
    found[single] = known_lo[begin[single]] == lo[single]
    # Upper words that several known ids share (ids that begin with a time) are rare enough to be looked at one by one.
    for place in np.flatnonzero(end - begin > 1).tolist():
        block = known_lo[begin[place] : end[place]]
        at = int(np.searchsorted(block, lo[place]))
        found[place] = at < len(block) and block[at] == lo[place]
    return found


def pack_ids(hi: Words, lo: Words) -> NDArray[np.void]:
    """Return the ids with these words as an array of IDS."""
    ids = np.empty(len(hi), dtype=IDS)
    ids["hi"], ids["lo"] = hi, lo
    return ids


def uuid_texts(hi: Words, lo: Words) -> list[str]:
    """Return ids as lower-case text with dashes."""
    pairs = np.empty((len(hi), 2), dtype=">u8")
    pairs[:, 0], pairs[:, 1] = hi, lo
    digits = pairs.tobytes().hex()
    return [
        f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
        for one in (digits[at : at + 32] for at in range(0, len(digits), 32))
    ]


def integer_ids(numbers: NDArray[np.int64]) -> NDArray[np.void]:
    """Return `integer_id` of many numbers as an array of IDS."""
    hi = np.where(numbers < 0, np.uint64(2**64 - 1), np.uint64(0))
    return pack_ids(hi, numbers.astype(np.int64).view(np.uint64))


def bytes_of(ids: NDArray[np.void]) -> Iterable[bytes]:
    """Yield the 16 bytes of each id."""
    raw = ids.tobytes()
    return (raw[at : at + 16] for at in range(0, len(raw), 16))
