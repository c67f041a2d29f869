"""What a record has at its places: its key, its headers, and the members of its JSON value."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from contract.event import Headers, KafkaRecord
from contract.place import Place

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no JSON; a value that is nested too deeply ends in a RecursionError."""
_DEEPEST: Final = 12


def json_of(raw: bytes | None) -> Any:
    """Return bytes decoded as JSON; None when they are none."""
    try:
        return msgspec.json.decode((raw or b"").removeprefix(BYTE_ORDER_MARK))
    except UNREADABLE:
        return None


def members_of(value: Any, path: str = "", *, texts: int = 0, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield path (names, and positions in lists, joined by dots) and value of every scalar within a JSON value.

    Args:
        value: decoded JSON.
        path: of the value itself.
        texts: how many times JSON within a text is decoded too; its members follow the text.
        depth: of the value itself.
    """
    if depth > _DEEPEST:
        return
    if isinstance(value, dict | list):
        for name, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from members_of(below, f"{path}.{name}" if path else str(name), texts=texts, depth=depth + 1)
        return
    yield path, value
    if texts and isinstance(value, str) and value[:1] in {"{", "[", '"'}:
        inner = json_of(value.encode("utf-8", "replace"))
        if inner is not None:
            yield from members_of(inner, path, texts=texts - 1, depth=depth + 1)


def member_at(value: object, path: str) -> object:
    """Return the member at a path of names joined by dots; None where there is none."""
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def headers_named(headers: Headers | None, name: str) -> list[bytes | None]:
    """Return the values of the headers with this name; of several the last one counts."""
    return [value for key, value in headers or () if key == name]


def values_at(place: Place, record: KafkaRecord, members: Iterable[tuple[str, Any]]) -> list[object]:
    """Return all that a record has at a place; `members` are those of its value."""
    if place.part == "key":
        return [record.key]
    if place.part == "header":
        return list(headers_named(record.headers, place.name))
    return [value for path, value in members if path == place.name]
