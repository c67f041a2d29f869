"""An order id as a service told it: the text that people and databases know it by, and the 16 bytes of the ledger."""

import uuid
from dataclasses import dataclass

from runlog.orderids import IdKind, encode_order_id


@dataclass(frozen=True, slots=True)
class ToldId:
    """One order id.

    Attributes:
        text: as people write it; a UUID in lower case with dashes.
        key: the 16 bytes of it in ledger and witnesses.
    """

    text: str
    key: bytes

    def __str__(self) -> str:
        return self.text


def told_id(kind: IdKind, value: object) -> ToldId | None:
    """Return the order id that `value` (a JSON value, or the text of a header) is; None when it is none of `kind`."""
    key = encode_order_id(kind, value)
    if key is None:
        return None
    return ToldId(str(uuid.UUID(bytes=key)) if kind is IdKind.UUID else str(value).strip(), key)
