"""The events of a service that options describe: where they tell the order, and whose it is.

What no option says is as with the reference service: the id is the member `orderId` of a JSON value, with which the key
must agree; the customer id is its member `customerId`. Where an option says where the id is, the key has no other say.
An event whose customer id cannot be read is of the run when its order is known; one with another customer id never is.

One record at a time: the reference contract has a way of its own that is faster (`reconcile.event_value`).
"""

from typing import Any, Final

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from contract.attribution import TAGGED, Attribution
from contract.ids import IDS, IdReader, among, bytes_of
from contract.order_id import IdKind, encode_text, scalar_text
from contract.place import Place, parse_tag
from reconcile.event_value import DecodedBatch, sequences_of
from reconcile.eventid import DEFAULT, EventIds, told_at
from reconcile.history import NO_EVENT_ID, NO_SEQUENCE
from reconcile.joins import Bools
from runlog.facts import NO_TAG, RunFacts

_CUSTOMER: Final = Place("value", "customerId")
_EVENT: Final = "eventId"


class DescribedDecoder:
    """Decodes batches of records by what the facts of the run say.

    Args:
        facts: where events tell what, and the run's key.
        attribution: how its events are known; None: by their customer ids.
        known: array of IDS, ascending, each once: orders that have a row or that an answer told.

    Attributes:
        names: of the run's order ids that their bytes do not tell back.
    """

    def __init__(self, facts: RunFacts, attribution: Attribution | None, known: NDArray[np.void]) -> None:
        self._upper = np.uint64(facts.run_key.upper)
        self._attribution = attribution if attribution is not None and attribution.kind != TAGGED else None
        self._ids = EventIds(facts.event_id or DEFAULT, facts.event_filter)
        self._keys_count = not facts.event_id
        self._tag = None if facts.event_tag == NO_TAG else parse_tag(facts.event_tag) or _CUSTOMER
        self._reader = IdReader(facts.kind)
        self._known = known
        self._unnamed = 0

    @property
    def names(self) -> dict[bytes, str]:
        """See there."""
        return self._reader.names

    def batch(self, records: list[Message]) -> DecodedBatch:
        """Decode n records."""
        found = [self._ids.members(record) for record in records]
        texts = [
            "" if told is None else self._ids.told(record, told) for record, told in zip(records, found, strict=True)
        ]
        orders, valid = self._reader.parse(texts)
        if self._keys_count:
            valid = valid & self._keys_agree(records, orders)
        of_run, sequences, tagged = self._of_run(records, found, orders)
        ours = np.flatnonzero(valid & of_run)
        if self._reader.kind is IdKind.TEXT:
            for identity, at in zip(bytes_of(orders[ours]), ours.tolist(), strict=True):
                self._reader.meet(identity, texts[at])
        return DecodedBatch(
            where=ours,
            orders=orders[ours],
            events=self._event_ids([found[at] for at in ours.tolist()]),
            sequences=sequences[ours],
            foreign=int(np.count_nonzero(valid)) - len(ours),
            unreadable=len(records) - int(np.count_nonzero(valid)),
            unreadable_at=np.flatnonzero(~valid).tolist(),
            untagged_at=np.flatnonzero(valid & ~of_run & ~tagged).tolist(),
            foreign_at=np.flatnonzero(valid & ~of_run & tagged).tolist(),
        )

    def _keys_agree(self, records: list[Message], orders: NDArray[np.void]) -> Bools:
        """Return for each record whether its key is missing or names the same order."""
        keys: list[Any] = [record.key() for record in records]
        named, valid = self._reader.parse([scalar_text(key) or "" for key in keys])
        missing = np.array([key is None for key in keys], dtype=np.bool_)
        agree: Bools = missing | (valid & (named == orders))
        return agree

    def _of_run(
        self, records: list[Message], found: list[dict[str, Any] | None], orders: NDArray[np.void]
    ) -> tuple[Bools, NDArray[np.uint64], Bools]:
        """Return for each record whether it is of the run, its sequence number, and whether that can be told."""
        if self._attribution is not None:
            of_run = self._attribution.of_run(orders)
            return of_run, np.full(len(records), NO_SEQUENCE), np.ones(len(records), dtype=np.bool_)
        place = self._tag
        tags = [
            "" if told is None or place is None else scalar_text(told_at(place, record, told)) or ""
            for record, told in zip(records, found, strict=True)
        ]
        of_run, sequences, tagged = sequences_of(tags, self._upper)
        if not tagged.all():
            of_run = of_run | (~tagged & among(orders, self._known))
            sequences = np.where(tagged, sequences, NO_SEQUENCE)
        return of_run, sequences, tagged

    def _event_ids(self, found: list[dict[str, Any] | None]) -> NDArray[np.void]:
        """Return the events' own ids; one that has none gets one that no other event has."""
        raw = bytearray()
        for members in found:
            own = scalar_text((members or {}).get(_EVENT))
            identity = encode_text(IdKind.TEXT, own) if own else None
            if identity is None:
                identity = NO_EVENT_ID + self._unnamed.to_bytes(8)
                self._unnamed += 1
            raw += identity
        return np.frombuffer(bytes(raw), dtype=IDS)
