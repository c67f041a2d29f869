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

from reconcile.event_value import UNREADABLE
from reconcile.ids import IdReader
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
        filters: member path and value that an event must have; None: a `type` or `eventType` that is told must hold
            "created".

    Attributes:
        keys_agree, keys_differ: keys that name the order of their value, and those that name another.

    Raises:
        ValueError: `where` or `filters` is none of that.
    """

    def __init__(self, where: str = DEFAULT, filters: str | None = None) -> None:
        kind, _, rest = where.partition(":")
        if not (where == "key" or (kind in {"header", "value"} and rest)):
            raise ValueError("key, header:NAME or value:PATH is right")
        self._kind, self._rest = kind, rest
        self._filter = _parse_filter(filters) if filters else None
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
        if self._kind != "value":
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
        try:
            if self._kind != "value" and self._filter is None:
                if not _is_created(self._decode_object(value)):
                    return ""
                members: dict[str, Any] = {}
            else:
                members = self._decode_any(value)
                if not self._passes(members):
                    return ""
        except UNREADABLE:
            return ""
        return _text(self._told(record, members))

    def _told(self, record: Message, members: dict[str, Any]) -> object:
        if self._kind == "key":
            return record.key()
        if self._kind == "header":
            headers: Any = record.headers() or ()
            found = [value for name, value in headers if name == self._rest]
            return found[-1] if found else None
        return _member(members, self._rest)

    def _passes(self, members: dict[str, Any]) -> bool:
        if self._filter is None:
            told = (members.get("type"), members.get("eventType"))
            return all(_CREATED in str(name).lower() for name in told if name is not None)
        path, wanted = self._filter
        return _text(_member(members, path)) == wanted


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
    other = IdReader(reader.kind, reader.padded)
    named, told = other.of_events([key.decode("utf-8", "replace") if key else "" for key in keys])
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
    return told if isinstance(told, str) else _text(told)


def _is_created(event: _Usual | _Object) -> bool:
    return all(_CREATED in str(name).lower() for name in (event.type, event.eventType) if name is not None)


def _member(members: dict[str, Any], path: str) -> object:
    found: object = members
    for name in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def _text(told: object) -> str:
    if isinstance(told, bytes):
        return told.decode("utf-8", "replace")
    if isinstance(told, bool) or told is None:
        return ""
    if isinstance(told, float) and told.is_integer():
        return str(int(told))
    return str(told) if isinstance(told, str | int) else ""


def _parse_filter(text: str) -> tuple[str, str]:
    path, equals, wanted = text.partition("=")
    if not equals or not path:
        raise ValueError("PATH=VALUE is right, for example type=order.created")
    return path.removeprefix("value:"), wanted
