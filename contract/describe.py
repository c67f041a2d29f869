"""What a record looks like, in words: kinds and names, no values, which may be those of any customer."""

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from contract.event import KafkaRecord
from contract.order_id import scalar_text
from contract.place import Place

_MOST_NAMED: Final = 16
_DEEPEST: Final = 6
# A shorter id may stand in any text by chance.
_DISTINCT: Final = 16
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


def shape(record: KafkaRecord) -> str:
    """Return in words what `record` looks like."""
    value = _json(record.value)
    if record.value is None:
        seen = "no value (a tombstone)"
    elif isinstance(value, dict):
        names = [path for path, _ in members_of(value)]
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
    return dict(_texts_of(record)).get(str(place), "")


def _texts_of(record: KafkaRecord) -> list[tuple[str, str]]:
    """Return each place of a record with the text that is there."""
    parts = {"key": record.key, **{f"header:{name}": header for name, header in record.headers}}
    members = {f"value:{path}": member for path, member in members_of(_json(record.value))}
    return [(place, _text(found)) for place, found in {**parts, **members}.items()]


def members_of(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield path and value of each member that holds no further ones; places in a list are numbers."""
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    if isinstance(value, dict | list) and depth < _DEEPEST:
        for name, below in inner:
            yield from members_of(below, f"{path}.{name}" if path else str(name), depth + 1)
    elif path:
        yield path, value


def _text(found: object) -> str:
    return scalar_text(found) or ""


def _json(value: bytes | None) -> object:
    try:
        return msgspec.json.decode((value or b"").removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _kind_of(key: bytes | None) -> str:
    if key is None:
        return "no key"
    text = _text(key)
    try:
        uuid.UUID(text)
        return "a UUID as key"
    except ValueError:
        return "a whole number as key" if _INTEGER.fullmatch(text) else f"a key of {len(key)} bytes that is no UUID"
