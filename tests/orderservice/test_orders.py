"""Validation of a request, amounts, and the JSON of the event, as pure values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderservice.orders import (
    InvalidOrderError,
    created_event,
    instant,
    new_order,
    parse_request,
    total_of,
)

CUSTOMER = "550e8400-e29b-41d4-a716-446655440000"
PRODUCT = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
ORDER_ID = UUID("00000000-0000-4000-8000-000000000001")
EVENT_ID = UUID("00000000-0000-4000-8000-000000000002")
NOW = datetime(2026, 11, 23, 7, 30, 0, 250000, tzinfo=UTC)


def body(**item: Any) -> bytes:
    line = {"productId": PRODUCT, "quantity": 1, "unitPrice": 50.00} | item
    return json.dumps({"customerId": CUSTOMER, "items": [line]}).encode()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (body(quantity=0), "items.0.quantity"),
        (body(quantity=-1), "items.0.quantity"),
        (body(quantity=1.5), "items.0.quantity"),
        (body(quantity="1"), "items.0.quantity"),
        (body(quantity=True), "items.0.quantity"),
        (body(quantity=2**31), "items.0.quantity"),
        (body(unitPrice=0), "items.0.unitPrice"),
        (body(unitPrice=-0.01), "items.0.unitPrice"),
        (body(unitPrice=0.001), "items.0.unitPrice"),
        (body(unitPrice=float("nan")), "items.0.unitPrice"),
        (body(unitPrice=None), "items.0.unitPrice"),
        (body(productId="6ba7b810"), "items.0.productId"),
        (body(unitPrice=99_999_999.99, quantity=2), "total"),
        (json.dumps({"customerId": CUSTOMER, "items": []}).encode(), "items"),
        (json.dumps({"items": [{}]}).encode(), "customerId"),
        (b"{", "JSON"),
        (b"\xff", "JSON"),
    ],
)
def test_an_invalid_request_names_the_field(wrong: bytes, named: str) -> None:
    with pytest.raises(InvalidOrderError, match=named):
        parse_request(wrong)


def test_the_event_has_the_shape_of_the_reference_service() -> None:
    order = new_order(parse_request(body(quantity=3, unitPrice=19.9)), order_id=ORDER_ID, now=NOW)
    event = created_event(order, event_id=EVENT_ID)
    assert event.key == str(ORDER_ID)
    assert event.value.decode() == (
        f'{{"eventId":"{EVENT_ID}","orderId":"{ORDER_ID}","customerId":"{CUSTOMER}","totalAmount":59.70,'
        f'"items":[{{"productId":"{PRODUCT}","quantity":3,"unitPrice":19.9}}],'
        '"occurredAt":"2026-11-23T07:30:00.250000Z"}'
    )


@given(
    st.lists(
        st.tuples(st.integers(1, 1000), st.decimals("0.01", "999.99", places=2, allow_nan=False)),
        min_size=1,
        max_size=20,
    )
)
def test_amounts_are_exact_from_request_to_event(lines: list[tuple[int, Decimal]]) -> None:
    items = ",".join(f'{{"productId":"{PRODUCT}","quantity":{q},"unitPrice":{price}}}' for q, price in lines)
    request = parse_request(f'{{"customerId":"{CUSTOMER}","items":[{items}]}}'.encode())
    cents = sum(quantity * int(price * 100) for quantity, price in lines)
    assert total_of(request.items) * 100 == cents
    event = created_event(new_order(request, order_id=ORDER_ID, now=NOW), event_id=EVENT_ID)
    assert json.loads(event.value, parse_float=Decimal)["totalAmount"] == Decimal(cents) / 100


def test_instants_are_utc_with_z() -> None:
    assert instant(NOW.replace(tzinfo=None)) == "2026-11-23T07:30:00.250000Z"
    assert instant(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-23T07:30:00.250000Z"
    assert instant(NOW.replace(microsecond=0)) == "2026-11-23T07:30:00.000000Z"
