"""An order id as a service told it: the text that people and databases know it by, and the 16 bytes of the ledger."""

from dataclasses import dataclass

from runlog.orderids import IdKind, decode_order_id, encode_order_id, text_told


@dataclass(frozen=True, slots=True)
class ToldId:
    """One order id.

    Attributes:
        text: as the service wrote it; a UUID in lower case with dashes, a whole number as such.
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
    text = text_told(value) if kind is IdKind.TEXT else decode_order_id(kind, key)
    return ToldId(text or "", key)
