"""What a record is about that names no order of the run: certainly something else, or, for all it says, any order.

A JSON value that has the id of something is of that; the ids of messages, customers and products say nothing. A record
that may hide what it holds (no JSON, a text that looks encoded) is attributed only by the places of the contract.
"""

import re
from collections import Counter
from typing import Final

from contract.event import EventContract, KafkaRecord
from contract.members import values_at
from contract.order_id import IdKind, encode_order_id
from reconcile.witnesses.record_scalars import json_scalars, says_of_itself

# With dashes: 32 digits alone are a digest as well.
_UUID: Final = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# Sixteen bytes, the least that an order id takes, are 22 signs of base64, 25 of base 36 (26 of a ULID, 32 of
# hexadecimal digits, up to 39 decimal ones).
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}")
_UNBROKEN: Final = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{25,}")
_BASE64: Final = tuple(re.compile(one) for one in ("[A-Z]", "[a-z]", "[0-9]"))
_ADDRESS: Final = "://"
# An id as one number, as two (a single one of 64 bits is a time in nanoseconds as well), or as a list of bytes.
_WHOLE: Final = 2**64
_EXACT: Final = 2**53
_HALVES: Final = 2
_ID_BYTES: Final = 16


def is_of_something_else(contract: EventContract, record: KafkaRecord, tag_prefix: bytes) -> bool:
    """Return whether a record that names no order of the run is known to be of something else.

    Args:
        tag_prefix: how the tags of the run begin, in lower case; empty where a tag names no order.
    """
    found = json_scalars(record.value)
    if any(encode_order_id(contract.id_kind, scalar) for scalar in values_at(contract.id_at, record, found or ())):
        return True
    if tag_prefix and contract.tag_place and any(map(_has_uuid, values_at(contract.tag_place, record, found or ()))):
        return True
    if contract.id_kind is IdKind.UUID:
        return _has_another_id(contract, record, found)
    # A tag of the run without a row is that of an attempt, whatever became of it.
    return bool(tag_prefix) and tag_prefix in b" ".join((record.key or b"", record.value or b"")).lower()


def _has_another_id(contract: EventContract, record: KafkaRecord, found: list[tuple[str, object]] | None) -> bool:
    """Return whether a record hides nothing, and has an id of something that it may be about."""
    # What is no JSON may be cut off, and its ids have no names: any of them may be that of the message.
    if found is None or _hides(found):
        return False
    # With a stated place the key has no other say.
    if contract.id_place is None and _has_uuid(record.key):
        return True
    envelope = any(path == "specversion" for path, _ in found)
    return any(_has_uuid(scalar) and not says_of_itself(path, envelope) for path, scalar in found)


def _hides(found: list[tuple[str, object]]) -> bool:
    """Return whether scalars may hold an id that cannot be seen: in base64, in digits, as bytes or words in a list."""
    if any(_looks_encoded(scalar) for _, scalar in found if isinstance(scalar, str)):
        return True
    parents = [(path.rpartition("."), one) for path, one in found if isinstance(one, int)]
    listed = Counter(parent for (parent, _, name), _ in parents if name.isdigit())
    halves = Counter(parent for (parent, _, _), one in parents if abs(one) > _EXACT)
    huge = any(abs(one) >= _WHOLE for _, one in parents)
    return huge or max(listed.values(), default=0) >= _ID_BYTES or max(halves.values(), default=0) >= _HALVES


def _looks_encoded(text: str) -> bool:
    """Return whether a text may hold an id that cannot be seen: base64, a ULID, base 36, digits of any base."""
    if _ADDRESS in text[:8]:
        return False
    runs = _RUN.findall(_UUID.sub(" ", text))
    return any(_UNBROKEN.search(run) or all(one.search(run) for one in _BASE64) for run in runs)


def _has_uuid(scalar: object) -> bool:
    text = scalar.decode("ascii", "replace") if isinstance(scalar, bytes) else scalar
    return isinstance(text, str) and _UUID.search(text) is not None
