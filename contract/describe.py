"""What a record looks like, in words: kinds and names, no values, which may be those of any customer."""

import re
import uuid
from typing import Final

from contract.event import KafkaRecord
from contract.members import json_of, members_of, values_at
from contract.order_id import scalar_text
from contract.place import Place

_MOST_NAMED: Final = 16
# A shorter id may be in any text by chance.
_DISTINCT: Final = 16
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


def shape(record: KafkaRecord) -> str:
    value = json_of(record.value)
    if record.value is None:
        seen = "no value (a tombstone)"
    elif isinstance(value, dict):
        names = [path for path, _ in members_of(value) if path]
        more = ", ..." if len(names) > _MOST_NAMED else ""
        seen = f"a JSON value with {', '.join(names[:_MOST_NAMED])}{more}" if names else "an empty JSON object"
    else:
        seen = f"a value of {len(record.value)} bytes that is no JSON object"
    headers = ", ".join(dict.fromkeys(name for name, _ in list(record.headers)[:_MOST_NAMED]))
    return f"{_kind_of(record.key)}, {seen}" + (f", the headers {headers}" if headers else ", no headers")


def places_of(record: KafkaRecord, text: str) -> list[str]:
    """Return where `record` has the id `text`, as options name places.

    Where no place holds the id alone, those that hold it as a part of a longer text; `value` for somewhere in a value
    that is no JSON.
    """
    wanted = text.lower()
    texts = [(place, held.lower()) for place, held in _texts_of(record)]
    found = [place for place, held in texts if held == wanted]
    if not found and len(wanted) >= _DISTINCT:
        found = [f"{place} (in a longer text)" for place, held in texts if wanted in held]
        if not found and wanted.encode() in (record.value or b"").lower():
            found = ["value"]
    return list(dict.fromkeys(found))


def text_at(record: KafkaRecord, place: Place) -> str:
    """Return the text that a record has at a place; empty where there is none."""
    found = values_at(place, record, members_of(json_of(record.value)))
    return _text(found[-1]) if found else ""


def _texts_of(record: KafkaRecord) -> list[tuple[str, str]]:
    """Return each place of a record with the text there."""
    parts = {"key": record.key, **{f"header:{name}": header for name, header in record.headers}}
    members = {f"value:{path}": member for path, member in members_of(json_of(record.value)) if path}
    return [(place, _text(found)) for place, found in {**parts, **members}.items()]


def _text(found: object) -> str:
    return scalar_text(found) or ""


def _kind_of(key: bytes | None) -> str:
    if key is None:
        return "no key"
    text = _text(key)
    try:
        uuid.UUID(text)
        return "a UUID as key"
    except ValueError:
        return "a whole number as key" if _INTEGER.fullmatch(text) else f"a key of {len(key)} bytes that is no UUID"
