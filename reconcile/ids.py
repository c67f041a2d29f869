"""Order ids of any kind as 128-bit ids, the same from a table as from an event, thousands at a time.

How one id becomes 16 bytes is decided in `runlog.orderids`, as ledgers hold the same bytes. Here they are read in bulk,
and the names of those ids are remembered that the bytes do not tell back as they were written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history import IDS, NO_EVENT_ID, History, ids_of
from reconcile.idtext import parse_ids
from reconcile.joins import Bools, Words, number_ids, words
from runlog.orderids import IdKind, encode_text, name_of, text_of

_NONE: Final = bytes(16)
_NO_EVENT: Final = int.from_bytes(NO_EVENT_ID)
# Such events are numbered from 0; a digest's lower word is never that small.
_UNNAMED: Final = 2**62


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
        kind: of the ids.
        padded: they are texts of a fixed length, in which blanks at the end mean nothing.

    Attributes:
        names: of text ids whose bytes do not tell them back the text as it was first met, by their 16 bytes.
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
        parsed = [encode_text(self.kind, text) if text else None for text in texts]
        valid = np.array([one is not None for one in parsed], dtype=np.bool_)
        return np.frombuffer(b"".join(one or _NONE for one in parsed), dtype=IDS), valid

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
        """Return the id as people write it."""
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


@dataclass(frozen=True, slots=True)
class IdTexts:
    """Tells ids as the service writes them.

    Attributes:
        kind: of the ids.
        names: of those whose bytes do not tell them back.
        events: kind of the events' own ids; TEXT where an option says what an event is.
    """

    kind: IdKind = IdKind.UUID
    names: Mapping[bytes, str] = field(default_factory=dict)
    events: IdKind = IdKind.UUID

    def one(self, hi: int, lo: int) -> str:
        """Return the id with the words `hi` and `lo`."""
        return text_of(self.kind, hi.to_bytes(8) + lo.to_bytes(8), self.names)

    def many(self, hi: Words, lo: Words) -> list[str]:
        """Return the ids with the words `hi` and `lo`, shape (n,)."""
        if self.kind is IdKind.UUID:
            return uuid_texts(hi, lo)
        return [self.one(*words) for words in zip(hi.tolist(), lo.tolist(), strict=True)]

    def of_events(self, hi: Words, lo: Words) -> list[str]:
        """Return the events' own ids; an empty text for an event that has none."""
        if self.events is IdKind.UUID:
            return uuid_texts(hi, lo)
        pairs = zip(hi.tolist(), lo.tolist(), strict=True)
        return ["" if upper == _NO_EVENT and lower < _UNNAMED else self._event(upper, lower) for upper, lower in pairs]

    def _event(self, hi: int, lo: int) -> str:
        return text_of(IdKind.TEXT, hi.to_bytes(8) + lo.to_bytes(8))


def texts_of(history: History) -> IdTexts:
    """Return how the ids of a run are told: as its table has them, else its events, else its answers."""
    facts, rows, events = history.facts, history.rows, history.events
    events_only = dict(events.names)
    if events_only:
        # A row whose id has no name has it in the usual spelling, however its event spells it.
        named = np.frombuffer(b"".join(events_only), dtype=IDS)
        for identity in bytes_of(named[_among(named, ids_of(rows.rows))]):
            del events_only[identity]
    kind = IdKind.UUID if facts.like_reference else IdKind.TEXT
    return IdTexts(facts.kind, {**history.names, **events_only, **rows.names}, kind)


def _among(ids: NDArray[np.void], known: NDArray[np.void]) -> Bools:
    numbers, count = number_ids(
        np.concatenate([words(ids, "hi"), words(known, "hi")]), np.concatenate([words(ids, "lo"), words(known, "lo")])
    )
    there = np.zeros(count, dtype=np.bool_)
    there[numbers[len(ids) :]] = True
    found: Bools = there[numbers[: len(ids)]]
    return found


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
    ids = np.empty(len(numbers), dtype=IDS)
    ids["lo"] = numbers.astype(np.int64).view(np.uint64)
    ids["hi"] = np.where(numbers < 0, np.uint64(2**64 - 1), np.uint64(0))
    return ids


def bytes_of(ids: NDArray[np.void]) -> Iterable[bytes]:
    """Yield the 16 bytes of each id."""
    raw = ids.tobytes()
    return (raw[at : at + 16] for at in range(0, len(raw), 16))
