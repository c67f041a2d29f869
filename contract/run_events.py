"""Whose an event is: of the run, with the sequence number of its tag, or of other traffic.

The run's tag makes an event one of the run. An event whose tag is missing or unreadable is of the run when its order is
known (it has a row, or an answer returned its id). One with another tag is foreign; where its order is known
nevertheless, it is noted, because it might be that order's event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import TAGGED, Attribution
from contract.event import EventContract, Headers
from contract.ids import IDS, Bools, IdReader, among, bytes_of, parse_ids
from contract.order_id import IdKind, encode_text
from contract.reading import EventBatch, EventReader
from contract.run_key import RunKey

NO_SEQUENCE: Final = np.uint64(2**64 - 1)
"""Sequence number of a row or event that carries no tag of the run."""
NO_EVENT_ID: Final = b"\xff" * 8
"""Upper word of the id of an event that has none of its own; the lower one differs from event to event."""
# As contract.run_key lays a customer id out: the RFC 9562 variant in the two upper bits, below it the sequence number.
VARIANT: Final = np.uint64(0b10)
SEQUENCE_BITS: Final = np.uint64(62)
SEQUENCE_MASK: Final = np.uint64((1 << 62) - 1)


@dataclass(frozen=True, slots=True)
class RunBatch:
    """What n records said; each of the positions 0 to n - 1 is in exactly one of the five lists of positions.

    Attributes:
        where: positions of the k events of the run, rising, as all others.
        orders: their order ids, k IDS.
        events: their event ids, k IDS; see NO_EVENT_ID.
        sequences: sequence numbers of their tags, k unsigned 64-bit numbers; NO_SEQUENCE without a tag of the run.
        rejected_at: positions of the records that are not the event of any order.
        why: `contract.event.Why` of those, uint8.
        foreign_at: positions of events of other traffic: certainly no event of an order that they only mention.
        other_tag_at: positions of events that carry another tag, and the id of an order that is known
            (`Why.OTHER_TAG`).
        no_tag_at: positions of events without a readable tag, of an order that is not known (`Why.NO_TAG`).
    """

    where: NDArray[np.intp]
    orders: NDArray[np.void]
    events: NDArray[np.void]
    sequences: NDArray[np.uint64]
    rejected_at: NDArray[np.intp]
    why: NDArray[np.uint8]
    foreign_at: NDArray[np.intp]
    other_tag_at: NDArray[np.intp]
    no_tag_at: NDArray[np.intp]

    @property
    def foreign(self) -> int:
        """How many are events, and not of the run."""
        return len(self.foreign_at) + len(self.other_tag_at) + len(self.no_tag_at)


class RunEvents:
    """Reads batches of records and finds the events of one run.

    Args:
        attribution: how its events are known; None: by their tags.
        known: array of IDS, ascending, each once: orders that have a row or that an answer returned.
        remembers_names: whether `names` is kept; it grows with the topic.

    Attributes:
        names: texts of the run's order ids that cannot be decoded from their bytes.
    """

    def __init__(
        self,
        contract: EventContract,
        run_key: RunKey,
        attribution: Attribution | None = None,
        known: NDArray[np.void] | None = None,
        *,
        remembers_names: bool = True,
    ) -> None:
        self._reader = EventReader(contract)
        self._upper = np.uint64(run_key.upper)
        self._attribution = attribution if attribution is not None and attribution.kind != TAGGED else None
        self._known = np.empty(0, dtype=IDS) if known is None else known
        self._ids = IdReader(contract.id_kind)
        self._remembers_names = remembers_names and contract.id_kind is IdKind.TEXT
        self._unnamed = 0
        self.needs_headers = contract.needs_headers

    @property
    def names(self) -> dict[bytes, str]:
        """Texts of the run's order ids that cannot be decoded from their bytes."""
        return self._ids.names

    def batch(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        headers: Sequence[Headers | None] = (),
    ) -> RunBatch:
        """Read n records; arguments as in `EventReader.batch`."""
        read = self._reader.batch(values, keys, headers)
        of_run, sequences, tagged = self._of_run(read)
        ours, others = read.only(of_run), np.flatnonzero(~of_run)
        self._meet(ours)
        known, has_tag = self._are_known(read.orders[others]), tagged[others]
        rejected = np.flatnonzero(read.why)
        return RunBatch(
            where=ours.at,
            orders=ours.orders,
            events=self._event_ids(self._reader.event_ids(ours)),
            sequences=sequences[of_run],
            rejected_at=rejected,
            why=read.why[rejected],
            foreign_at=read.at[others[has_tag & ~known]],
            other_tag_at=read.at[others[has_tag & known]],
            no_tag_at=read.at[others[~has_tag]],
        )

    def _of_run(self, read: EventBatch) -> tuple[Bools, NDArray[np.uint64], Bools]:
        """Return for each event whether it is of the run, its sequence number, and whether it has a tag at all."""
        if self._attribution is not None:
            of_run, count = self._attribution.of_run(read.orders), len(read.at)
            return of_run, np.full(count, NO_SEQUENCE), np.ones(count, dtype=np.bool_)
        of_run, sequences, tagged = sequences_of(self._reader.tags(read), self._upper)
        if not tagged.all():
            of_run = of_run | (~tagged & among(read.orders, self._known))
            sequences = np.where(tagged, sequences, NO_SEQUENCE)
        return of_run, sequences, tagged

    def _are_known(self, orders: NDArray[np.void]) -> Bools:
        """Return which orders of events with another tag are known; nothing depends on tags where none are used."""
        if self._attribution is not None:
            return np.zeros(len(orders), dtype=np.bool_)
        return among(orders, self._known)

    def _meet(self, ours: EventBatch) -> None:
        if self._remembers_names:
            for identity, text in zip(bytes_of(ours.orders), ours.texts, strict=True):
                self._ids.meet(identity, text)

    def _event_ids(self, texts: list[str]) -> NDArray[np.void]:
        """Return the events' own ids; one that has none gets one that no other event has."""
        ids, valid = parse_ids(texts)
        usual = valid & (ids["lo"].astype(np.uint64) >> SEQUENCE_BITS == VARIANT)
        if usual.all():
            return ids
        ids = ids.copy()
        for at in np.flatnonzero(~usual).tolist():
            identity = encode_text(IdKind.TEXT, texts[at]) if texts[at] else None
            if identity is None:
                identity = NO_EVENT_ID + self._unnamed.to_bytes(8)
                self._unnamed += 1
            ids[at] = np.frombuffer(identity, dtype=IDS)[0]
        return ids


def sequences_of(tags: list[str], upper: np.uint64) -> tuple[Bools, NDArray[np.uint64], Bools]:
    """Read n customer ids.

    Args:
        tags: their texts, or anything else.
        upper: the upper half of those of the run.

    Returns:
        Which of them are of the run, their sequence numbers, and which are customer ids (UUIDs) at all.
    """
    customers, valid = parse_ids(tags)
    lower = customers["lo"].astype(np.uint64)
    of_run = valid & (customers["hi"] == upper) & (lower >> SEQUENCE_BITS == VARIANT)
    return of_run, lower & SEQUENCE_MASK, valid
