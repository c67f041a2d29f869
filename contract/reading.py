"""The one reading of an event: whether a record counts as the event of an order, and of which; singly and in batches.

In this order, the first that applies: a tombstone is none; nor is what fails the stated filter or has another type; nor
a value that is no JSON object, where the contract needs it; nor what has no order id at its place; nor, without a
stated place, what has a key that does not name the same order. Nothing depends on what other records look like.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.event import CREATED, EVENT_ID, TYPES, EventContract, Headers, KafkaRecord, Why
from contract.ids import Bools, IdReader
from contract.members import BYTE_ORDER_MARK, UNREADABLE, headers_named, member_at
from contract.order_id import encode_order_id, scalar_text
from contract.place import Place

_NO_TYPE: Final = frozenset({None})
_MISSING: Final[list[bytes | None]] = [None]
T = TypeVar("T")
_EVENT: Final = Place("value", EVENT_ID)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one record says.

    Attributes:
        why: why it is not the event of an order; None when it is.
        order: the 16 bytes of its order's id; None when it is no event.
        tag: text at the tag's place; empty without one.
    """

    why: Why | None
    order: bytes | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What n records say, k of which are events of orders.

    Attributes:
        why: `Why` of each of the n records as uint8, 0 for an event.
        at: positions of the k events, rising.
        orders: their order ids, k IDS.
        texts: the same as k texts.
        bodies, keys, headers: of the k events, for what else is read of them.
    """

    why: NDArray[np.uint8]
    at: NDArray[np.intp]
    orders: NDArray[np.void]
    texts: list[str]
    bodies: list[Any]
    keys: Sequence[bytes | None]
    headers: Sequence[Headers | None]

    def only(self, kept: Bools) -> "EventBatch":
        """Return the same of those events that `kept` (shape (k,)) marks."""
        if kept.all():
            return self
        which = np.flatnonzero(kept)
        return EventBatch(
            self.why, self.at[which], self.orders[which], _pick(self.texts, which), _pick(self.bodies, which),
            _pick(self.keys, which), _pick(self.headers, which),
        )  # fmt: skip


class EventReader:
    """Reads records by an event contract."""

    def __init__(self, contract: EventContract) -> None:
        self.contract = contract
        self._ids = IdReader(contract.id_kind)
        self._filter = contract.filter
        self._rejected_type = np.uint8(Why.FILTERED if contract.reference else Why.OTHER_TYPE)
        places = [contract.id_at, contract.tag_place, contract.filter.place if contract.filter else None]
        paths = [place.name for place in places if place is not None and place.part == "value"]
        wanted = [*paths, EVENT_ID, *(() if contract.filter else TYPES)]
        # Only these members are kept of a value; all others are checked and skipped.
        self._members = {name: f"m{at}" for at, name in enumerate(dict.fromkeys(p.partition(".")[0] for p in wanted))}
        self._body = msgspec.defstruct(
            "Body",
            [(attribute, Any, None) for attribute in self._members.values()],
            rename={attribute: name for name, attribute in self._members.items()},
            gc=False,
        )
        # Numbers beyond those of a float are JSON, too.
        self._decode = msgspec.json.Decoder(self._body, float_hook=float).decode
        self._empty = self._body()
        self._types = [attrgetter(self._members[name]) for name in TYPES if not contract.filter]

    def read(self, record: KafkaRecord) -> Reading:
        if record.value is None:
            return Reading(Why.TOMBSTONE)
        body = self._read_body(record.value)
        why = self._rejection(record, body)
        if why is not None:
            return Reading(why)
        order = encode_order_id(self.contract.id_kind, self._at(self.contract.id_at, record, body))
        if order is None:
            return Reading(Why.NO_ID)
        if self.contract.id_place is None and record.key is not None:
            named = encode_order_id(self.contract.id_kind, record.key)
            if named != order:
                return Reading(Why.KEY_DIFFERS)
        place = self.contract.tag_place
        return Reading(None, order, "" if place is None else scalar_text(self._at(place, record, body)) or "")

    def _rejection(self, record: KafkaRecord, body: Any) -> Why | None:
        """Return why a record counts as no event before its id is looked at; `body` is None when it is no JSON."""
        unreadable = Why.UNREADABLE if body is None and self.contract.needs_value else None
        if self._filter is None:
            other = body is not None and any(not _is_created(of(body)) for of in self._types)
            return Why(int(self._rejected_type)) if other else unreadable
        if self._filter.place.part == "value" and body is None:
            return unreadable
        passes = scalar_text(self._at(self._filter.place, record, body)) == self._filter.value
        return unreadable if passes else Why.FILTERED

    def _at(self, place: Place, record: KafkaRecord, body: Any) -> object:
        body = self._empty if body is None else body
        return self._column(place, [body], [record.key], [record.headers])[0]

    def batch(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        headers: Sequence[Headers | None] = (),
    ) -> EventBatch:
        """Return what n records say.

        Args:
            values: None for a tombstone.
            keys: None where there is none.
            headers: of no use unless the contract needs them.
        """
        bodies, why = self._bodies(values)
        self._reject(why, bodies, keys, headers)
        at = np.arange(len(values), dtype=np.intp)
        if why.any():
            at = np.flatnonzero(why == 0)
            bodies, keys, headers = _pick(bodies, at), _pick(keys, at), _pick(headers, at)
        texts = _texts(self._column(self.contract.id_at, bodies, keys, headers))
        orders, valid = self._ids.parse(texts)
        why[at[~valid]] = Why.NO_ID
        read = EventBatch(why, at, orders, texts, bodies, keys, headers).only(valid)
        if self.contract.id_place is None:
            agree = self._keys_agree(read.keys, read.texts, read.orders)
            why[read.at[~agree]] = Why.KEY_DIFFERS
            read = read.only(agree)
        return read

    def tags(self, batch: EventBatch) -> list[str]:
        """Return the text at the tag's place of each event; empty where there is none."""
        place = self.contract.tag_place
        if place is None:
            return [""] * len(batch.texts)
        return _texts(self._column(place, batch.bodies, batch.keys, batch.headers))

    def event_ids(self, batch: EventBatch) -> list[str]:
        """Return the events' own ids; empty where there is none."""
        return _texts(self._column(_EVENT, batch.bodies, (), ()))

    def _bodies(self, values: Sequence[bytes | None]) -> tuple[list[Any], NDArray[np.uint8]]:
        """Return what the values hold, and why those that cannot be read are no events."""
        why = np.zeros(len(values), dtype=np.uint8)
        present = [value for value in values if value is not None]
        try:
            if not all(map(bytes.isascii, present)):
                # The decoder skips members without a look at their bytes.
                for raw in present:
                    raw.decode()
            bodies = list(map(self._decode, present))
            if len(present) < len(values):
                why[[value is None for value in values]] = Why.TOMBSTONE
                found = iter(bodies)
                bodies = [self._empty if value is None else next(found) for value in values]
            return bodies, why
        except UNREADABLE:
            pass
        bodies = []
        for at, value in enumerate(values):
            body = None if value is None else self._read_body(value)
            if value is None:
                why[at] = Why.TOMBSTONE
            elif body is None and self.contract.needs_value:
                why[at] = Why.UNREADABLE
            bodies.append(self._empty if body is None else body)
        return bodies, why

    def _read_body(self, value: bytes) -> Any:
        """Return the members of a value that are wanted, None when it is no JSON object in UTF-8."""
        try:
            if not value.isascii():
                value.removeprefix(BYTE_ORDER_MARK).decode()
            return self._decode(value.removeprefix(BYTE_ORDER_MARK))
        except UNREADABLE:
            return None

    def _reject(
        self,
        why: NDArray[np.uint8],
        bodies: list[Any],
        keys: Sequence[bytes | None],
        headers: Sequence[Headers | None],
    ) -> None:
        """Note the records that fail the filter, or have another type where no filter is stated."""
        if self._filter is None:
            for of in self._types:
                column = list(map(of, bodies))
                if not _all_none(column):
                    other = np.array([not _is_created(name) for name in column], dtype=np.bool_)
                    why[(why == 0) & other] = self._rejected_type
            return
        place, wanted = self._filter.place, self._filter.value
        fails = np.array(
            [text != wanted for text in _texts(self._column(place, bodies, keys, headers))], dtype=np.bool_
        )
        open_to_it = why == 0 if place.part == "value" else why != Why.TOMBSTONE
        why[open_to_it & fails] = Why.FILTERED

    def _column(
        self, place: Place, bodies: list[Any], keys: Sequence[bytes | None], headers: Sequence[Headers | None]
    ) -> list[Any]:
        """Return what each record has at a place; of several headers of one name the last counts."""
        if place.part == "key":
            return list(keys)
        if place.part == "header":
            return [(headers_named(named, place.name) or _MISSING)[-1] for named in headers]
        first, _, rest = place.name.partition(".")
        column = list(map(attrgetter(self._members[first]), bodies))
        return [member_at(value, rest) for value in column] if rest else column

    def _keys_agree(self, keys: Sequence[bytes | None], texts: list[str], orders: NDArray[np.void]) -> Bools:
        """Return for each event whether its key is missing or names the same order."""
        all_do = np.ones(len(keys), dtype=np.bool_)
        present = [key for key in keys if key is not None]
        if not present:
            return all_do
        if len(present) == len(texts):
            joined = "\n".join(texts)
            # One comparison for all: with no line end but those between them, equal wholes have equal parts.
            if joined.count("\n") == len(texts) - 1 and b"\n".join(present) == joined.encode("utf-8", "surrogatepass"):
                return all_do
        named, valid = self._ids.parse([scalar_text(key) or "" for key in keys])
        missing = np.array([key is None for key in keys], dtype=np.bool_)
        agree: Bools = missing | (valid & (named == orders))
        return agree


def _pick(of: Sequence[T], which: NDArray[np.intp]) -> list[T]:
    return [of[at] for at in which.tolist()] if of else []


def _texts(column: list[Any]) -> list[str]:
    """Return each value as text; an empty one for what is no text and no number."""
    try:
        "".join(column)  # takes nothing but texts
    except TypeError:
        return [scalar_text(value) or "" for value in column]
    return column


def _all_none(column: list[Any]) -> bool:
    try:
        return set(column) <= _NO_TYPE
    except TypeError:
        return False


def _is_created(name: object) -> bool:
    """Whether a stated type says "created"; one that is not stated says nothing."""
    return name is None or CREATED in str(name).lower()
