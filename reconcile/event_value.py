"""What a Kafka record says: whether it counts as a delivery, of which order, and whether the order is of this run.

A record counts when its value is an `order.created` in JSON whose order id is a UUID that agrees with the key (if
there is a key). A tombstone, garbage, a mismatch or another event type counts as unreadable, never as a delivery. A
record whose customer id is not of this run is foreign. Batches go through in bulk; only odd ones are looked at singly.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.attribution import TAGGED, Attribution
from contract.ids import IDS, parse_ids
from contract.run_key import RunKey
from reconcile.history import NO_SEQUENCE
from reconcile.joins import Bools

# As contract.run_key lays a customer id out: the RFC 9562 variant in the two upper bits, below it the sequence number.
VARIANT: Final = np.uint64(0b10)
SEQUENCE_BITS: Final = np.uint64(62)
SEQUENCE_MASK: Final = np.uint64((1 << 62) - 1)
_CREATED: Final = "created"
# A value that is nested too deeply ends in a RecursionError.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Item(msgspec.Struct, gc=False):
    """One order line: it must be a JSON object, whatever is in it."""


class _OrderCreated(msgspec.Struct, gc=False):
    """The members that make a value an `order.created`; others are skipped without being built."""

    orderId: str
    customerId: str
    eventId: str
    occurredAt: str | int | float
    items: list[_Item]
    type: str | None = None
    eventType: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """What n records said.

    Attributes:
        where: positions (0 to n - 1, rising) of the k records that are events of the run.
        orders: their order ids, k IDS.
        events: their event ids, k IDS; one that is no UUID is stood for by a digest, so that equal ids stay equal.
        sequences: sequence numbers of their customer ids, k unsigned 64-bit numbers.
        foreign: number of readable events that are not of the run.
        unreadable: number of records that are no event.
        unreadable_at: their positions.
        untagged_at: positions of foreign events whose customer id cannot be read, where they are known by that.
        foreign_at: positions of the other foreign events.
    """

    where: NDArray[np.intp]
    orders: NDArray[np.void]
    events: NDArray[np.void]
    sequences: NDArray[np.uint64]
    foreign: int
    unreadable: int
    unreadable_at: list[int]
    untagged_at: list[int]
    foreign_at: list[int]


class EventDecoder:
    """Decodes batches of records.

    Args:
        run_key: the run whose events are wanted.
        attribution: how its events are known; None: by their customer ids.
    """

    def __init__(self, run_key: RunKey, attribution: Attribution | None = None) -> None:
        self._upper = np.uint64(run_key.upper)
        self._attribution = attribution if attribution is not None and attribution.kind != TAGGED else None
        self._decode = msgspec.json.Decoder(_OrderCreated).decode

    def batch(self, values: list[bytes | None], keys: list[bytes | None]) -> DecodedBatch:
        """Decode n records.

        Args:
            values: value of each record; None for a tombstone.
            keys: key of each record; None where there is none.
        """
        positions, records = self._order_created(values)
        if len(records) < len(keys):
            keys = [keys[position] for position in positions]
        texts = [record.orderId for record in records]
        orders, valid = parse_ids(texts)
        valid &= _keys_agree(keys, texts, orders)
        of_run, sequences, tagged = self._of_run(records, orders)
        ours = np.flatnonzero(valid & of_run)
        places = np.array(positions, dtype=np.intp)
        whole = len(records) == len(values) and bool(np.all(valid))
        return DecodedBatch(
            where=places[ours],
            orders=orders[ours],
            events=_event_ids([records[index].eventId for index in ours.tolist()]),
            sequences=sequences[ours],
            foreign=int(np.count_nonzero(valid)) - len(ours),
            unreadable=len(values) - int(np.count_nonzero(valid)),
            unreadable_at=[] if whole else sorted(set(range(len(values))).difference(places[valid].tolist())),
            untagged_at=[] if tagged.all() else places[valid & ~tagged].tolist(),
            foreign_at=places[valid & tagged & ~of_run].tolist(),
        )

    def _of_run(
        self, records: list[_OrderCreated], orders: NDArray[np.void]
    ) -> tuple[Bools, NDArray[np.uint64], Bools]:
        """Return for each record whether it is of the run, its sequence number, and whether that can be told."""
        if self._attribution is not None:
            everywhere = np.ones(len(records), dtype=np.bool_)
            return self._attribution.of_run(orders), np.full(len(records), NO_SEQUENCE), everywhere
        return sequences_of([record.customerId for record in records], self._upper)

    def _order_created(self, values: list[bytes | None]) -> tuple[list[int], list[_OrderCreated]]:
        """Return the positions of the values that are an `order.created`, and what they hold."""
        decode = self._decode
        positions = [position for position, value in enumerate(values) if value is not None]
        present = [value for value in values if value is not None]
        try:
            records = [decode(value) for value in present]
        except UNREADABLE:
            readable = [(position, self._readable(value)) for position, value in zip(positions, present, strict=True)]
            positions = [position for position, record in readable if record is not None]
            records = [record for _, record in readable if record is not None]
        told = {record.type for record in records} | {record.eventType for record in records}
        if told - {None}:
            kept = [index for index, record in enumerate(records) if _is_created(record)]
            records, positions = [records[index] for index in kept], [positions[index] for index in kept]
        return positions, records

    def _readable(self, value: bytes) -> _OrderCreated | None:
        try:
            return self._decode(value)
        except UNREADABLE:
            return None


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


def _is_created(record: _OrderCreated) -> bool:
    """Whether every type that the value tells says "created"."""
    return all(_CREATED in name.lower() for name in (record.type, record.eventType) if name is not None)


def _keys_agree(keys: list[bytes | None], texts: list[str], orders: NDArray[np.void]) -> NDArray[np.bool_] | np.bool_:
    """Return for each record whether its key is missing or names the same order as its value's text."""
    present = [key for key in keys if key is not None]
    if not present:
        return np.True_
    if len(present) == len(texts):
        joined = "\n".join(texts)
        # One comparison for all: with no line end but those between them, equal wholes have equal parts.
        if joined.count("\n") == len(texts) - 1 and b"\n".join(present) == joined.encode():
            return np.True_
    # Bytes that are no ASCII become a character that no UUID has.
    named, valid = parse_ids(["" if key is None else key.decode("ascii", "replace") for key in keys])
    missing = np.array([key is None for key in keys], dtype=np.bool_)
    agree: NDArray[np.bool_] = missing | (valid & (named == orders))
    return agree


def _event_ids(texts: list[str]) -> NDArray[np.void]:
    ids, valid = parse_ids(texts)
    if valid.all():
        return ids
    ids = ids.copy()
    for position in np.flatnonzero(~valid):
        digest = blake2b(texts[position].encode("utf-8", "surrogatepass"), digest_size=16).digest()
        ids[position] = np.frombuffer(digest, dtype=IDS)[0]
    return ids
