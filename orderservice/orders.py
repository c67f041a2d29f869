"""An order and its event as values: the request that is validated, the order that is saved, the JSON that is published.

Pure: no clock, no socket, no randomness; :func:`new_order` and :func:`created_event` get time and ids as arguments.
Amounts are exact decimals from the request to the bytes of the event.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

MAX_TOTAL = Decimal("99999999.99")
"""The largest amount that ``numeric(10,2)`` holds."""

# Exact decimals as JSON numbers, as the Java service writes a BigDecimal: 99.90, not "99.90" and not 99.9.
_ENCODER = msgspec.json.Encoder(decimal_format="number")

Price = Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=2)]
Quantity = Annotated[StrictInt, Field(gt=0, le=2**31 - 1)]


class InvalidOrderError(ValueError):
    """The request is no valid order; the text names each wrong field."""


class Item(BaseModel):
    """One line of an order as the client sends it."""

    model_config = ConfigDict(frozen=True)
    product_id: UUID = Field(alias="productId")
    quantity: Quantity
    unit_price: Price = Field(alias="unitPrice")


class OrderRequest(BaseModel):
    """The body of ``POST /orders``."""

    model_config = ConfigDict(frozen=True)
    customer_id: UUID = Field(alias="customerId")
    items: list[Item] = Field(min_length=1, max_length=1000)


@dataclass(frozen=True, slots=True)
class Order:
    """A valid order with its id. ``created_at`` is aware and in UTC."""

    id: UUID
    customer_id: UUID
    items: tuple[Item, ...]
    total: Decimal
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One record to publish: ``key`` is the order id as text, ``value`` the JSON bytes."""

    event_id: UUID
    key: str
    value: bytes


def parse_request(body: bytes) -> OrderRequest:
    """Validate the body of a request.

    Raises:
        InvalidOrderError: with one clause for each wrong field.
    """
    try:
        request = OrderRequest.model_validate_json(body)
    except ValidationError as wrong:
        clauses = [
            ".".join(str(part) for part in error["loc"]) + ": " + error["msg"] if error["loc"] else error["msg"]
            for error in wrong.errors(include_url=False, include_input=False, include_context=False)[:20]
        ]
        raise InvalidOrderError("; ".join(clauses)) from None
    if total_of(request.items) > MAX_TOTAL:
        raise InvalidOrderError(f"items: the total is above {MAX_TOTAL}")
    return request


def total_of(items: list[Item]) -> Decimal:
    """Return the sum of quantity times price, with two decimals."""
    return sum((item.quantity * item.unit_price for item in items), Decimal("0.00"))


def new_order(request: OrderRequest, *, order_id: UUID, now: datetime) -> Order:
    return Order(order_id, request.customer_id, tuple(request.items), total_of(request.items), now)


def created_event(order: Order, *, event_id: UUID) -> Event:
    """Make the ``order.created`` event of an order, in the JSON shape of the reference service."""
    value = {
        "eventId": event_id,
        "orderId": order.id,
        "customerId": order.customer_id,
        "totalAmount": order.total,
        "items": [item_json(item.product_id, item.quantity, item.unit_price) for item in order.items],
        "occurredAt": instant(order.created_at),
    }
    return Event(event_id, str(order.id), encode(value))


def item_json(product_id: UUID, quantity: int, unit_price: Decimal) -> dict[str, object]:
    """Return one item as both the event and ``GET /orders/{id}`` show it."""
    return {"productId": product_id, "quantity": quantity, "unitPrice": unit_price}


def instant(moment: datetime) -> str:
    """Return a time as ISO 8601 with microseconds and Z; a naive one is UTC, as in the tables."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def encode(value: object) -> bytes:
    """Return JSON bytes; ids as text, decimals as exact numbers."""
    return _ENCODER.encode(value)
