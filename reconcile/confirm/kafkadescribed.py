"""How the second path reads the events of a service that options describe: Python's own JSON, texts, one by one.

It shares nothing with `contract.reading`, so that neither can repeat the other's mistake.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from confluent_kafka import Message

from runlog.facts import RunFacts

_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_LONE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Described:
    """Where events tell what; the fields are those of `RunFacts` with the same names.

    Attributes:
        run: the first 16 digits of the customer ids of the run, None where events are not known by them.
    """

    id_kind: str
    event_id: str
    event_filter: str
    event_tag: str
    run: str | None

    def order_of(self, message: Message) -> str | None:
        """Return the order whose event a record is, in the spelling of `plain`; None when it is no such event."""
        value = message.value()
        if value is None:
            return None
        event = _json(value)
        if event is None:
            # Not JSON: only where nothing that says anything of an event is in the value.
            tag = self.event_tag if self.run is not None else ""
            if any(place.startswith("value:") for place in (self.event_id or "value:", self.event_filter, tag)):
                return None
            event = {}
        if not self._counts(message, event):
            return None
        told = _words(_at(self.event_id or "value:orderId", message, event))
        order = self.plain(told) if told else None
        if order is None or self._of_others(message, event):
            return None
        key: Any = message.key()
        if not self.event_id and key is not None and self.plain(_words(key) or "") != order:
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
        return _words(_at(place, message, event)) == wanted

    def _of_others(self, message: Message, event: dict[str, Any]) -> bool:
        """Return whether it carries a customer id, and that of somebody else."""
        if self.run is None:
            return False
        customer = _words(_at(self.event_tag or "value:customerId", message, event)) or ""
        digits = customer.removeprefix("{").removesuffix("}").replace("-", "").lower()
        if not _HEX.fullmatch(digits):
            return False
        return digits[:16] != self.run or digits[16] not in "89ab"


def described_by(facts: RunFacts) -> Described:
    """Return what the facts of a run say."""
    run, event = str(facts.run_key) if facts.attribution == "tagged" else None, facts.contract.event
    id_place, tag_place = (str(place or "") for place in (event.id_place, event.tag_place))
    return Described(facts.id_kind, id_place, str(event.filter or ""), tag_place, run)


def _json(value: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a value is; None for anything else, lone surrogates too."""
    try:
        text = value.decode("utf-8-sig")
        event = json.loads(text, parse_constant=_refuse)
        # Also in a member that is there twice, of which the last one counts.
        if b"\\u" in value and _LONE.search(json.dumps(json.loads(text, object_pairs_hook=list), ensure_ascii=False)):
            return None
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _at(place: str, message: Message, event: dict[str, Any]) -> object:
    part, _, name = place.partition(":")
    if part == "key":
        return message.key()
    if part == "header":
        told = None
        headers: Any = message.headers() or []
        for header, value in headers:
            if header == name:
                told = value
        return told
    here: object = event
    for step in name.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _words(told: object) -> str | None:
    """Return a text, the bytes of one, or a whole number as text; None for anything else."""
    if isinstance(told, bytes):
        try:
            told = told.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(told, float) and told.is_integer():
        told = int(told)
    if isinstance(told, int) and not isinstance(told, bool):
        told = str(told)
    return told if isinstance(told, str) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
