"""What a record is about that names no order of the run: certainly something else, or, for all it says, any order.

A record that can be read to its end and has the id of something is of that. One that may hide what it holds (bytes that
are no text, a text that looks encoded) is attributed only by what it has at the places that the contract names.
"""

import re
from typing import Final

from contract.event import EventContract, KafkaRecord
from contract.order_id import IdKind, encode_order_id
from contract.place import Place
from reconcile.scalars import json_scalars, says_of_itself

# With dashes: 32 digits alone are a digest as well.
_UUID: Final = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# Sixteen bytes, the least that an order id takes, are 22 signs of base64 and 32 of hexadecimal digits.
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{32,}")
_BASE64: Final = tuple(re.compile(one) for one in ("[A-Z]", "[a-z]", "[0-9]"))
_ADDRESS: Final = "://"
_BLANK: Final = frozenset("\t\n\r")


def is_of_something_else(contract: EventContract, record: KafkaRecord, tag_prefix: bytes) -> bool:
    """Return whether a record that names no order of the run is known to be of something else.

    Args:
        contract: what events look like.
        record: the record.
        tag_prefix: how the tags of the run begin, in lower case; empty where a tag names no order.
    """
    found = json_scalars(record.value)
    if any(encode_order_id(contract.id_kind, scalar) for scalar in _at(contract.id_at, record, found)):
        return True
    if tag_prefix and contract.tag_place and any(map(_has_uuid, _at(contract.tag_place, record, found))):
        return True
    if contract.id_kind is IdKind.UUID:
        return _has_another_id(contract, record, found)
    # A tag of the run without a row is that of an attempt, whatever became of it.
    return bool(tag_prefix) and tag_prefix in b" ".join((record.key or b"", record.value or b"")).lower()


def _has_another_id(contract: EventContract, record: KafkaRecord, found: list[tuple[str, object]] | None) -> bool:
    """Return whether a record hides nothing, and has an id of something that it may be about."""
    if found is None:
        text = _plain_text(record.value or b"")
        if text is None:
            return False
        found = [("", text)]
    if any(_looks_encoded(scalar) for _, scalar in found if isinstance(scalar, str)):
        return False
    # With a stated place the key has no other say.
    if contract.id_place is None and _has_uuid(record.key):
        return True
    envelope = any(path == "specversion" for path, _ in found)
    return any(_has_uuid(scalar) and not says_of_itself(path, envelope) for path, scalar in found)


def _at(place: Place, record: KafkaRecord, found: list[tuple[str, object]] | None) -> list[object]:
    if place.part == "key":
        return [record.key]
    if place.part == "header":
        return [value for name, value in record.headers if name == place.name]
    return [scalar for path, scalar in found or () if path == place.name]


def _plain_text(value: bytes) -> str | None:
    """Return a value that is text; None when it is not."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if all(sign.isprintable() or sign in _BLANK for sign in text) else None


def _looks_encoded(text: str) -> bool:
    """Return whether a text may hold an id that cannot be seen: base64, hexadecimal digits."""
    if _ADDRESS in text[:8]:
        return False
    runs = _RUN.findall(_UUID.sub(" ", text))
    return any(_HEX.search(run) or all(one.search(run) for one in _BASE64) for run in runs)


def _has_uuid(scalar: object) -> bool:
    text = scalar.decode("ascii", "replace") if isinstance(scalar, bytes) else scalar
    return isinstance(text, str) and _UUID.search(text) is not None
