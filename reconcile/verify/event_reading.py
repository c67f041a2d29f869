"""How the second path reads an event: Python's own JSON, texts, one by one.

It shares nothing with `contract.reading`, so that neither can repeat the other's mistake. Of a record that is no event
by strict JSON it says only whether it is certainly none: what else it names is searched for, and a hit is a doubt.
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
class Sight:
    """What one record is.

    Attributes:
        order: the order whose event it is, in the spelling of `OwnReading.plain`; None when it is none of the run.
        strict: its value is a JSON object.
        certain: where it is no event of the run: it is certainly none of an order that it only names.
        other: the order that it has where an event has it, if it carries the tag of another run or client.
    """

    order: str | None
    strict: bool
    certain: bool
    other: str | None = None


@dataclass(frozen=True, slots=True)
class OwnReading:
    """Where events have what, as the options with these names say; an empty text: as in the default contract.

    Attributes:
        own: events are those of our own service, so another type is certainly no event.
        run: the first 16 digits of the customer ids of the run, None where events are not known by them.
    """

    id_kind: str
    event_id: str
    event_filter: str
    event_tag: str
    own: bool
    run: str | None

    def sight(self, message: Message) -> Sight:
        """Return what a record is."""
        value = message.value()
        if value is None:
            return Sight(None, strict=False, certain=True)
        event = _json(value)
        if event is None and self._needs_value:
            filtered = self.event_filter.startswith("header:") and not self._counts(message, {})
            return Sight(None, strict=False, certain=filtered)
        strict, event = event is not None, event or {}
        if not self._counts(message, event):
            return Sight(None, strict, certain=self.own or bool(self.event_filter))
        order = self._order(message, event)
        if order is not None and self._of_others(message, event):
            return Sight(None, strict, certain=False, other=order)
        return Sight(order, strict, certain=False)

    @property
    def _needs_value(self) -> bool:
        tag = self.event_tag if self.run is not None else ""
        return any(place.startswith("value:") for place in (self.event_id or "value:", self.event_filter, tag))

    def _order(self, message: Message, event: dict[str, Any]) -> str | None:
        found = _text_of(_at(self.event_id or "value:orderId", message, event))
        order = self.plain(found) if found else None
        key: Any = message.key()
        if not self.event_id and key is not None and self.plain(_text_of(key) or "") != order:
            return None
        return order

    def plain(self, text: str) -> str | None:
        """Return an id in the one spelling under which it is compared; None when it is none of this kind."""
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


def own_reading(facts: RunFacts) -> OwnReading:
    """Return how the events of a run are read."""
    run, event = str(facts.run_key) if facts.attribution == "tagged" else None, facts.contract.event
    id_place, tag_place = (str(place or "") for place in (event.id_place, event.tag_place))
    return OwnReading(facts.contract.id_kind.value, id_place, str(event.filter or ""), tag_place, event.own, run)


def _json(value: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a value is; None for anything else, lone surrogates too."""
    try:
        text = value.decode("utf-8-sig")
        event = json.loads(text, parse_constant=_refuse, parse_int=_number)
        # Also in a member that is there twice, of which the last one counts.
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
    """Return a text, the bytes of one, or a whole number as text; None for anything else."""
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
    """Return a whole number; Python refuses to read one of thousands of digits, which is JSON as well."""
    return int(digits) if len(digits) <= _LONGEST_WHOLE else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
