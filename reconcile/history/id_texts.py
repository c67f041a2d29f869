"""The texts of a run's ids in reports: as the service writes them, if its text is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS, bytes_of, uuid_texts
from contract.order_id import IdKind, text_of
from contract.run_events import NO_EVENT_ID
from reconcile.history.history import History, ids_of
from reconcile.history.joins import Bools, Words, number_ids, words

_NO_EVENT: Final = int.from_bytes(NO_EVENT_ID)
# Such events are numbered from 0; a digest's lower word is never that small.
_UNNAMED: Final = 2**62


@dataclass(frozen=True, slots=True)
class IdTexts:
    """Writes ids as the service does.

    Attributes:
        names: texts of those that cannot be decoded from their bytes.
    """

    kind: IdKind = IdKind.UUID
    names: Mapping[bytes, str] = field(default_factory=dict)

    def one(self, hi: int, lo: int) -> str:
        return text_of(self.kind, hi.to_bytes(8) + lo.to_bytes(8), self.names)

    def many(self, hi: Words, lo: Words) -> list[str]:
        """Return the ids with the words `hi` and `lo`, shape (n,)."""
        if self.kind is IdKind.UUID:
            return uuid_texts(hi, lo)
        return [self.one(*words) for words in zip(hi.tolist(), lo.tolist(), strict=True)]

    def of_events(self, hi: Words, lo: Words) -> list[str]:
        """Return the events' own ids; an empty text for an event that has none."""
        pairs = zip(hi.tolist(), lo.tolist(), strict=True)
        return ["" if upper == _NO_EVENT and lower < _UNNAMED else self._event(upper, lower) for upper, lower in pairs]

    def _event(self, hi: int, lo: int) -> str:
        return text_of(IdKind.TEXT, hi.to_bytes(8) + lo.to_bytes(8))


def texts_of(history: History) -> IdTexts:
    """Return the texts of a run's ids: as its table has them, else its events, else its answers."""
    facts, rows, events = history.facts, history.rows, history.events
    events_only = dict(events.names)
    if events_only:
        # An id of a row that has no text here is written there in the usual spelling, whatever its event has.
        named = np.frombuffer(b"".join(events_only), dtype=IDS)
        for identity in bytes_of(named[_among(named, ids_of(rows.rows))]):
            del events_only[identity]
    return IdTexts(facts.contract.id_kind, {**history.names, **events_only, **rows.names})


def _among(ids: NDArray[np.void], known: NDArray[np.void]) -> Bools:
    numbers, count = number_ids(
        np.concatenate([words(ids, "hi"), words(known, "hi")]), np.concatenate([words(ids, "lo"), words(known, "lo")])
    )
    there = np.zeros(count, dtype=np.bool_)
    there[numbers[len(ids) :]] = True
    found: Bools = there[numbers[: len(ids)]]
    return found
