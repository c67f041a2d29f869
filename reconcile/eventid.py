"""Where an event tells its order id, and which records count as events at all: read a batch at a time.

A record counts when its value is a JSON object that passes the filter and its id can be read. Where the id comes from
the value and the record has a key too, a key that names another order makes it none, as long as the topic's keys are
order ids at all: where most of them name something else (a customer, a quoted text), they say nothing. Tombstones,
garbage and other event types are no delivery.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from contract.ids import IdReader
from contract.order_id import scalar_text
from contract.place import Place, parse_filter, parse_place
from reconcile.event_value import UNREADABLE
from reconcile.joins import Bools

_CREATED: Final = "created"
_NONE: Final = frozenset({None})
DEFAULT: Final = "value:orderId"


class _Usual(msgspec.Struct, gc=False):
    """What is read of a value in the usual case; all other members are checked and skipped."""

    orderId: str | int | float | None = None
    type: Any = None
    eventType: Any = None


class _Object(msgspec.Struct, gc=False):
    """Any JSON object of which only the type matters."""

    type: Any = None
    eventType: Any = None


class EventIds:
    """Reads the order ids of records.

    Args:
        where: `key`, `header:NAME` or `value:PATH` (members joined by dots).
        filters: what an event must have, see `contract.place.parse_filter`; None or empty: a `type` or `eventType` that
            is told must hold "created".

    Attributes:
        keys_agree, keys_differ: keys that name the order of their value, and those that name another.

    Raises:
        ValueError: `where` or `filters` is none of that.
    """

    def __init__(self, where: str = DEFAULT, filters: str | None = None) -> None:
        place = parse_place(where)
        if place is None:
            raise ValueError("key, header:NAME or value:PATH is right")
        self.place = place
        self._filter = parse_filter(filters or "")
        usual = where == DEFAULT and self._filter is None
        self._texts = self._usual if usual else self._any
        # How many keys name the order of their value, and how many another: what has been read so far.
        self.keys_agree = self.keys_differ = 0
        self._decode_usual = msgspec.json.Decoder(_Usual).decode
        self._decode_object = msgspec.json.Decoder(_Object).decode
        self._decode_any = msgspec.json.Decoder(dict[str, Any]).decode

    @property
    def keys_are_orders(self) -> bool:
        """Whether the keys read so far are order ids, by most of them."""
        return self.keys_agree >= self.keys_differ

    def texts(self, records: list[Message]) -> list[str]:
        """Return the id texts of those `records` that count as events; empty texts for the others."""
        return self._texts(records)

    def keys(self, records: list[Message]) -> list[bytes | None] | None:
        """Return the keys of `records` where they have a say beside the value's id; None where they have none."""
        if self.place.part != "value":
            return None
        keys: list[Any] = [record.key() for record in records]
        return keys if any(keys) else None

    def _usual(self, records: list[Message]) -> list[str]:
        decode = self._decode_usual
        try:
            events = [decode(record.value()) for record in records]  # type: ignore[arg-type]
        except (*UNREADABLE, TypeError):
            return [self._usual_one(record.value()) for record in records]
        texts: list[Any] = [event.orderId for event in events]
        try:
            # Mostly all ids are texts (joining takes nothing else) and no type is told: then nothing is left to do.
            if (
                len("".join(texts))
                and {event.type for event in events} | {event.eventType for event in events} == _NONE
            ):
                return texts
        except TypeError:
            pass
        return [_usual_text(event) for event in events]

    def _usual_one(self, value: bytes | None) -> str:
        try:
            return "" if value is None else _usual_text(self._decode_usual(value))
        except UNREADABLE:
            return ""

    def _any(self, records: list[Message]) -> list[str]:
        return [self._any_one(record) for record in records]

    def _any_one(self, record: Message) -> str:
        value = record.value()
        if value is None:
            return ""
        if self.place.part != "value" and self._filter is None:
            try:
                return self.told(record, {}) if _is_created(self._decode_object(value)) else ""
            except UNREADABLE:
                return ""
        members = self.members(record)
        return "" if members is None else self.told(record, members)

    def members(self, record: Message) -> dict[str, Any] | None:
        """Return the members of an event's value; None when the record is no event.

        The value must be a JSON object where anything in it has a say: the id, or what makes a record an event. Where
        key and headers say everything it may be in any other format, Avro for example; then it has no members.
        """
        value = record.value()
        if value is None:
            return None
        members: dict[str, Any] = {}
        try:
            members = self._decode_any(value)
        except UNREADABLE:
            if self.place.part == "value" or self._filter is None or self._filter[0].part == "value":
                return None
        return members if self._passes(record, members) else None

    def told(self, record: Message, members: dict[str, Any]) -> str:
        """Return the order id that an event with these members tells, an empty text when it tells none."""
        return scalar_text(told_at(self.place, record, members)) or ""

    def _passes(self, record: Message, members: dict[str, Any]) -> bool:
        if self._filter is None:
            told = (members.get("type"), members.get("eventType"))
            return all(_CREATED in str(name).lower() for name in told if name is not None)
        place, wanted = self._filter
        return scalar_text(told_at(place, record, members)) == wanted


def told_at(place: Place, record: Message, members: dict[str, Any]) -> object:
    """Return what a record tells at a place; of several headers of one name the last counts."""
    if place.part == "key":
        return record.key()
    if place.part == "header":
        headers: Any = record.headers() or ()
        found = [value for name, value in headers if name == place.name]
        return found[-1] if found else None
    return member(members, place.name)


def member(members: dict[str, Any], path: str) -> object:
    """Return the member at a path of names joined by dots; None where there is none."""
    found: object = members
    for name in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


@dataclass(frozen=True, slots=True)
class Accepted:
    """What n records say, once their keys have had their say; parallel arrays of shape (n,).

    Attributes:
        ids: array of IDS.
        readable: the value tells an id of the right kind.
        agree: there is no key, it is no id of that kind, or it names the same order.
        named: how many keys name the order of their value.
    """

    ids: NDArray[np.void]
    readable: Bools
    agree: Bools
    named: int


def accept(texts: list[str], keys: list[bytes | None] | None, reader: IdReader) -> Accepted:
    """Return what records with these id texts and keys say."""
    ids, valid = reader.of_events(texts)
    if keys is None:
        return Accepted(ids, valid, np.ones(len(texts), dtype=np.bool_), 0)
    if _the_same(texts, keys):
        return Accepted(ids, valid, np.ones(len(texts), dtype=np.bool_), int(valid.sum()))
    named, told = reader.parse([key.decode("utf-8", "replace") if key else "" for key in keys])
    same = told & (named == ids)
    return Accepted(ids, valid, ~told | same, int((valid & same).sum()))


def _the_same(texts: list[str], keys: list[bytes | None]) -> bool:
    """Return whether each key is the text of its value, by one comparison for all."""
    present = [key for key in keys if key is not None]
    joined = "\n".join(texts).encode("utf-8", "surrogatepass")
    # With no line end but those between them, equal wholes have equal parts.
    return len(present) == len(texts) and joined.count(b"\n") == len(texts) - 1 and b"\n".join(present) == joined


def _usual_text(event: _Usual) -> str:
    if (event.type is not None or event.eventType is not None) and not _is_created(event):
        return ""
    told = event.orderId
    return told if isinstance(told, str) else scalar_text(told) or ""


def _is_created(event: _Usual | _Object) -> bool:
    return all(_CREATED in str(name).lower() for name in (event.type, event.eventType) if name is not None)
