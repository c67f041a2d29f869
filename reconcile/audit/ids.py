"""Order ids of any kind as 128-bit ids, the same from a table as from an event, thousands at a time.

A `uuid` column holds UUIDs: any spelling of one is the same id. An integer column holds numbers: `7` and `"7"` are the
same. A text column may hold anything: what is a UUID or a ULID is compared as such (case does not matter), anything
else verbatim; texts become digests here, and `names` remembers them.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from enum import Enum
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history import IDS, id_text
from reconcile.idtext import parse_id, parse_ids
from reconcile.joins import Bools

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
_NONE: Final = bytes(16)


class IdKind(Enum):
    """What kind of ids a table has; the value is the word for people."""

    UUID = "uuid"
    INTEGER = "integer"
    TEXT = "text"


def kind_of_type(name: str) -> IdKind | None:
    """Return the kind of ids that a column of PostgreSQL's type `name` has, None for one that cannot be compared."""
    if name == "uuid":
        return IdKind.UUID
    if name in {"bigint", "integer", "smallint"}:
        return IdKind.INTEGER
    return IdKind.TEXT if name in {"text", "character varying", "character"} else None


class IdReader:
    """Reads ids of one kind.

    One reader reads rows or events, never both.

    Args:
        kind: of the table's column.
        padded: see `TableShape`.

    Attributes:
        names: of text ids the text as it was first met, by its 16 bytes.
        ambiguous: texts of the table that differ and would be taken for one id.
    """

    def __init__(self, kind: IdKind, padded: bool = False) -> None:
        self.kind, self.padded = kind, padded
        self.names: dict[bytes, str] = {}
        self.ambiguous: list[str] = []

    def of_events(self, texts: list[str]) -> tuple[NDArray[np.void], Bools]:
        """Return an array of IDS for `texts`, and which of them are ids of this kind at all."""
        if self.kind is IdKind.UUID:
            return parse_ids(texts)
        if self.padded:
            texts = [text.rstrip(" ") for text in texts]
        parsed = [self._one(text) for text in texts]
        if self.kind is IdKind.TEXT:
            for identity, text in zip(parsed, texts, strict=True):
                if identity is not None:
                    self.names.setdefault(identity, text)
        valid = np.array([one is not None for one in parsed], dtype=np.bool_)
        return np.frombuffer(b"".join(one or _NONE for one in parsed), dtype=IDS), valid

    def of_rows(self, texts: Sequence[str]) -> NDArray[np.void]:
        """Return an array of IDS for the text ids of a table; remembers texts that would be taken for one id."""
        found: list[bytes] = []
        for text in texts:
            identity = _digest(canonical(text))
            if self.names.setdefault(identity, text) != text:
                self.ambiguous.append(text)
            found.append(identity)
        return np.frombuffer(b"".join(found), dtype=IDS)

    def text(self, identity: bytes) -> str:
        """Return the id as people write it."""
        high, low = int.from_bytes(identity[:8]), int.from_bytes(identity[8:])
        if self.kind is IdKind.UUID:
            return id_text(high, low)
        if self.kind is IdKind.INTEGER:
            return str(low - 2**64 if high else low)
        return self.names.get(identity, identity.hex())

    def _one(self, text: str) -> bytes | None:
        if self.kind is IdKind.INTEGER:
            return integer_id(int(text)) if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63 else None
        return _digest(canonical(text)) if text else None


def integer_id(number: int) -> bytes:
    """Return the 16 bytes that stand for a whole number of 64 bits with a sign."""
    return (number % 2**128).to_bytes(16)


def integer_ids(numbers: NDArray[np.int64]) -> NDArray[np.void]:
    """Return `integer_id` of many numbers as an array of IDS."""
    ids = np.empty(len(numbers), dtype=IDS)
    ids["lo"] = numbers.astype(np.int64).view(np.uint64)
    ids["hi"] = np.where(numbers < 0, np.uint64(2**64 - 1), np.uint64(0))
    return ids


def canonical(text: str) -> str:
    """Return the spelling of a text id under which it is compared."""
    identity = parse_id(text)
    if identity is not None and len(text) >= 32:
        return "uuid:" + identity.hex()
    return "ulid:" + text.upper() if _ULID.fullmatch(text) else "text:" + text


def spellings(text: str) -> list[str]:
    """Return the usual spellings of a text id that are all one id when compared: what a table may have of it."""
    identity = parse_id(text)
    if identity is not None and len(text) >= 32:
        dashed = str(uuid.UUID(bytes=identity))
        plain = dashed.replace("-", "")
        cased = [word for one in (dashed, plain, f"{{{dashed}}}") for word in (one, one.upper())]
    else:
        cased = [text.upper(), text.lower()] if _ULID.fullmatch(text) else []
    return list(dict.fromkeys([text, *cased]))


def bytes_of(ids: NDArray[np.void]) -> Iterable[bytes]:
    """Yield the 16 bytes of each id."""
    raw = ids.tobytes()
    return (raw[at : at + 16] for at in range(0, len(raw), 16))


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
