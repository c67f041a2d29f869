"""What an event of an order must look like, and what a record looks like that is none: for the checks before a run.

Pure, one record at a time; the reconciler reads whole topics by the same rules with arrays. What is told of a record
are names and kinds, never its values: they may be anybody's.
"""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contract.order_id import IdKind, encode_order_id, scalar_text
from contract.place import parse_filter

NONE: Final = "none"
_CREATED: Final = "created"
_REFERENCE: Final[dict[str, tuple[type, ...]]] = {
    "orderId": (str,),
    "customerId": (str,),
    "eventId": (str,),
    "occurredAt": (str, int, float),
    "items": (list,),
}
_MOST_NAMED: Final = 16
_DEEPEST: Final = 6
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record: its key, value (None: a tombstone) and headers."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a record says by a rule.

    Attributes:
        order: the 16 bytes of its order's id, None when it is no event or tells none.
        tag: the customer id that it carries, as text; None without one.
        problem: why it is no event of an order, in words that follow "it"; None when it is one.
    """

    order: bytes | None
    tag: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class EventRule:
    """What events look like; the texts are those of `runlog.facts.RunFacts`, empty: the reference contract.

    Attributes:
        event_id: where the order's id is.
        event_filter: what makes a record an event.
        event_tag: where the customer id is; `none`: nowhere.
        kind: what order ids are.
        like_reference: events are those of the reference service, with all that it has in them.
    """

    event_id: str = ""
    event_filter: str = ""
    event_tag: str = ""
    kind: IdKind = IdKind.UUID
    like_reference: bool = True

    @property
    def id_place(self) -> str:
        """Where the order's id is, the reference contract spelt out."""
        return self.event_id or "value:orderId"

    @property
    def tag_place(self) -> str:
        """Where the customer id is, the reference contract spelt out."""
        return self.event_tag or "value:customerId"

    def read(self, record: KafkaRecord) -> Reading:
        """Return what `record` says."""
        if record.value is None:
            return Reading(None, None, "is a tombstone")
        value = _json(record.value)
        problem = self._problem(record, value)
        if problem is not None:
            return Reading(None, None, problem)
        order = encode_order_id(self.kind, _at(record, value, self.id_place))
        if order is None:
            return Reading(None, None, f"has no {self.kind.value} order id at {self.id_place}")
        if self.like_reference and not _key_agrees(record.key, order):
            return Reading(None, None, "has a key that names another order than its value")
        tag = None if self.event_tag == NONE else _text(_at(record, value, self.tag_place))
        return Reading(order, tag or None, None)

    def _problem(self, record: KafkaRecord, value: Any) -> str | None:
        if self.like_reference:
            lacking = [
                name
                for name, kinds in _REFERENCE.items()
                if not (isinstance(value, dict) and isinstance(value.get(name), kinds))
            ]
            if lacking:
                return (
                    f"lacks {', '.join(lacking)} of the reference contract (--event-id says where another has its id)"
                )
        if self.event_filter:
            wanted = parse_filter(self.event_filter)
            if wanted and _text(_at(record, value, str(wanted[0]))) != wanted[1]:
                return f"does not pass --event-filter {self.event_filter}"
        elif isinstance(value, dict):
            for name in ("type", "eventType"):
                if value.get(name) is not None and _CREATED not in str(value[name]).lower():
                    return f"has a {name} without `created` (--event-filter says what another has)"
        elif self.id_place.startswith("value:"):
            return "has a value that is no JSON object"
        return None


def shape(record: KafkaRecord) -> str:
    """Return in words what `record` looks like: kinds and names, no values."""
    value = _json(record.value) if record.value is not None else None
    if record.value is None:
        told = "no value (a tombstone)"
    elif isinstance(value, dict):
        names = [path for path, _ in _members(value)]
        more = ", ..." if len(names) > _MOST_NAMED else ""
        told = f"a JSON value with {', '.join(names[:_MOST_NAMED])}{more}" if names else "an empty JSON object"
    else:
        told = f"a value of {len(record.value)} bytes that is no JSON object"
    headers = ", ".join(dict.fromkeys(name for name, _ in list(record.headers)[:_MOST_NAMED]))
    return f"{_kind_of(record.key)}, {told}" + (f", the headers {headers}" if headers else ", no headers")


def places_of(record: KafkaRecord, text: str) -> list[str]:
    """Return where in `record` the id `text` stands, as options name places."""
    wanted = text.lower()
    found = ["key"] if _text(record.key).lower() == wanted else []
    found += [f"header:{name}" for name, value in record.headers if _text(value).lower() == wanted]
    value = _json(record.value) if record.value is not None else None
    found += [f"value:{path}" for path, member in _members(value) if _text(member).lower() == wanted]
    return list(dict.fromkeys(found))


def _at(record: KafkaRecord, value: Any, place: str) -> object:
    kind, _, rest = place.partition(":")
    if kind == "key":
        return record.key
    if kind == "header":
        found = [told for name, told in record.headers if name == rest]
        return found[-1] if found else None
    for name in rest.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _members(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield path and value of each member that holds no further ones."""
    if isinstance(value, dict) and depth < _DEEPEST:
        for name, below in value.items():
            yield from _members(below, f"{path}.{name}" if path else str(name), depth + 1)
    elif path:
        yield path, value


def _text(told: object) -> str:
    return scalar_text(told) or ""


def _json(value: bytes) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _key_agrees(key: bytes | None, order: bytes) -> bool:
    return key is None or encode_order_id(IdKind.UUID, _text(key)) == order


def _kind_of(key: bytes | None) -> str:
    if key is None:
        return "no key"
    text = _text(key)
    try:
        uuid.UUID(text)
        return "a UUID as key"
    except ValueError:
        return "a whole number as key" if _INTEGER.fullmatch(text) else f"a key of {len(key)} bytes that is no UUID"
