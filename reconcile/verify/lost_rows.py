"""Lost events rebuilt from the rows of their orders, ready to be published again. Pure.

The shape is that of the reference service's `order.created`. What the events of another service look like is unknown,
so the rows of its orders are listed as they are. The event id is derived from the order id, so that consumers recognise
a list that is published twice.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from reconcile.verify.sql_verifier import FoundRow

# Our namespace (RFC 9562, version 5): the same order always gives the same event id.
NAMESPACE: Final = uuid.UUID("5a2c1c1e-70b4-4c7e-9d5d-6f3b1f0c8e21")
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode


def lost_lines(topic: str, ids: Iterable[str], rows: Mapping[str, FoundRow]) -> list[bytes]:
    """Return one line of JSON for each of `ids` whose row was found, in that order: `topic`, `key`, `value`."""
    return [_ENCODE(_record(topic, order_id, rows[order_id])) for order_id in ids if order_id in rows]


def row_lines(topic: str, ids: Iterable[str], rows: Mapping[str, FoundRow]) -> list[bytes]:
    """Return one line of JSON for each of `ids` whose row was found, in that order: `topic`, `order_id`, `row`."""
    return [
        _ENCODE({"topic": topic, "order_id": order_id, "row": rows[order_id].row})
        for order_id in ids
        if order_id in rows
    ]


def _record(topic: str, order_id: str, found: FoundRow) -> dict[str, Any]:
    row = found.row
    value = {
        "eventId": str(uuid.uuid5(NAMESPACE, order_id)),
        "orderId": order_id,
        "customerId": row.get("customer_id"),
        "totalAmount": row.get("total"),
        "items": [
            {"productId": item.get("product_id"), "quantity": item.get("quantity"), "unitPrice": item.get("unit_price")}
            for item in found.items or ()
        ],
        "occurredAt": _instant(row.get("created_at")),
    }
    return {"topic": topic, "key": order_id, "value": value}


def _instant(text: object) -> str | None:
    """A time without time zone is taken as UTC, as the reference service writes it."""
    if not isinstance(text, str):
        return None
    moment = text.replace(" ", "T")
    clock = moment.partition("T")[2]
    return moment if "+" in clock or "-" in clock or clock.endswith("Z") else f"{moment}Z"
