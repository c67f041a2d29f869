"""Order ids as the 16 bytes by which ledger and witnesses know them, whatever kind of id a service has."""

import uuid
from enum import Enum


class IdKind(Enum):
    """What kind of order ids a service has; the value is the word for people."""

    UUID = "uuid"
    INTEGER = "integer"
    TEXT = "text"


def encode_order_id(kind: IdKind, value: object) -> bytes | None:
    """Return the 16 bytes that stand for the id `value`, as JSON or a header told it; None for one of another kind."""
    if kind is not IdKind.UUID or not isinstance(value, str):
        return None
    try:
        return uuid.UUID(value).bytes
    except ValueError:
        return None
