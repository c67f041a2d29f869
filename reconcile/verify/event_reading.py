"""Reads events for the second path: Python's own JSON, one record at a time.

It shares nothing with `contract.reading`, so that neither can repeat the other's mistake. For a record that is no event
by strict JSON it only says whether it is certainly none; orders that such a record names are searched for elsewhere,
and a hit is a doubt.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from confluent_kafka import Message

from runlog.facts import RunFacts

_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_LONGEST_WHOLE: Final = 4000
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_LONE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """What one record is.

    Attributes:
        order: the order whose event it is, in the spelling of `PlainReader.normalized`; None: no event of the run.
        strict: its value is a JSON object.
        certain: it is no event of the run, and certainly not that of an order that it names.
        other: the order at the place of an event's order, if the record carries the tag of another run or client.
    """

    order: str | None
    strict: bool
    certain: bool
    other: str | None = None


@dataclass(frozen=True, slots=True)
class PlainReader:
    """Reads events of a run: where they have what, by the options of these names; empty: as in the default contract.

    Attributes:
        own: events are those of our own service, so another type is certainly no event.
        run: the first 16 digits of the customer ids of the run; None where events are not attributed by them.
    """

    id_kind: str
    event_id: str
    event_filter: str
    event_tag: str
    own: bool
    run: str | None

    def read(self, message: Message) -> ReadRecord:
        value = message.value()
        if value is None:
            return ReadRecord(None, strict=False, certain=True)
        event = _json(value)
        if event is None and self._needs_value:
            filtered = self.event_filter.startswith("header:") and not self._counts(message, {})
            return ReadRecord(None, strict=False, certain=filtered)
        strict, event = event is not None, event or {}
        if not self._counts(message, event):
            return ReadRecord(None, strict, certain=self.own or bool(self.event_filter))
        order = self._order(message, event)
        if order is not None and self._of_others(message, event):
            return ReadRecord(None, strict, certain=False, other=order)
        return ReadRecord(order, strict, certain=False)

    @property
    def _needs_value(self) -> bool:
        tag = self.event_tag if self.run is not None else ""
        return any(place.startswith("value:") for place in (self.event_id or "value:", self.event_filter, tag))

    def _order(self, message: Message, event: dict[str, Any]) -> str | None:
        found = _text_of(_at(self.event_id or "value:orderId", message, event))
        order = self.normalized(found) if found else None
        key: Any = message.key()
        if not self.event_id and key is not None and self.normalized(_text_of(key) or "") != order:
            return None
        return order

    def normalized(self, text: str) -> str | None:
        """Return an id in the one spelling in which ids are compared; None when it is none of this kind."""
        digits = text.removeprefix("{").removesuffix("}").replace("-", "").lower()
        if self.id_kind == "integer":
            return str(int(text)) if _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63 else None
        if _HEX.fullmatch(digits) and len(text) >= 32:
            return f"uuid {digits}"
        if self.id_kind == "uuid":
            return None
        return f"ulid {text.upper()}" if _ULID.fullmatch(text.upper()) and text.isascii() else f"text {text}"

    def _counts(self, message: Message, event: dict[str, Any]) -> bool:
        if not self.event_filter:
            kinds = [str(event[name]).lower() for name in ("type", "eventType") if event.get(name) is not None]
            return all("created" in kind for kind in kinds)
        where, _, wanted = self.event_filter.partition("=")
        place = where if where.startswith(("header:", "value:")) else f"value:{where}"
        return _text_of(_at(place, message, event)) == wanted

    def _of_others(self, message: Message, event: dict[str, Any]) -> bool:
        """Return whether it carries a customer id of another run or client."""
        if self.run is None:
            return False
        customer = _text_of(_at(self.event_tag or "value:customerId", message, event)) or ""
        digits = customer.removeprefix("{").removesuffix("}").replace("-", "").lower()
        if not _HEX.fullmatch(digits):
            return False
        return digits[:16] != self.run or digits[16] not in "89ab"


def plain_reader(facts: RunFacts) -> PlainReader:
    run, event = str(facts.run_key) if facts.attribution == "tagged" else None, facts.contract.event
    id_place, tag_place = (str(place or "") for place in (event.id_place, event.tag_place))
    return PlainReader(facts.contract.id_kind.value, id_place, str(event.filter or ""), tag_place, event.reference, run)


def _json(value: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a value holds; None for anything else, and for lone surrogates."""
    try:
        text = value.decode("utf-8-sig")
        event = json.loads(text, parse_constant=_refuse, parse_int=_number)
        # Also in a repeated member, of which only the last one counts.
        if b"\\u" in value and _LONE.search(
            json.dumps(json.loads(text, object_pairs_hook=list, parse_int=_number), ensure_ascii=False)
        ):
            return None
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _at(place: str, message: Message, event: dict[str, Any]) -> object:
    part, _, name = place.partition(":")
    if part == "key":
        return message.key()
    if part == "header":
        found = None
        headers: Any = message.headers() or []
        for header, value in headers:
            if header == name:
                found = value
        return found
    here: object = event
    for step in name.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _text_of(found: object) -> str | None:
    """Return a text, decoded bytes or a whole number as text; None for anything else."""
    if isinstance(found, bytes):
        try:
            found = found.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return found if isinstance(found, str) else None


def _number(digits: str) -> int | float:
    """Return a whole number; Python refuses one of thousands of digits, which JSON allows."""
    return int(digits) if len(digits) <= _LONGEST_WHOLE else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
