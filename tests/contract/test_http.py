"""The body of an order, and the order id in any answer."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.http import OrderAnswer, OrderContract, PhantomContract
from contract.order_id import AcknowledgedId

CONTRACT = OrderContract()
CUSTOMER = uuid.UUID("0123456789ab4def8123456789abcdef")
ORDER = uuid.UUID("d9428888-122b-41e1-b85c-61e8ba6dd1f7")
ACKNOWLEDGED = AcknowledgedId(str(ORDER), ORDER.bytes)


def test_body_is_the_reference_order() -> None:
    assert json.loads(CONTRACT.body(CUSTOMER, 0)) == {
        "customerId": str(CUSTOMER),
        "items": [{"productId": "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "quantity": 1, "unitPrice": 50.0}],
    }


@given(st.integers(0, 2**62 - 1))
def test_each_body_is_a_valid_order_and_repeatable(seq: int) -> None:
    body = CONTRACT.body(CUSTOMER, seq)
    assert body == CONTRACT.body(CUSTOMER, seq)
    (item,) = json.loads(body)["items"]
    uuid.UUID(item["productId"])
    assert 1 <= item["quantity"] <= 3
    assert item["unitPrice"] > 0


def test_bodies_vary() -> None:
    assert len({CONTRACT.body(CUSTOMER, seq) for seq in range(12)}) == 12


@pytest.mark.parametrize("text", [str(ORDER), str(ORDER).upper(), ORDER.hex])
def test_order_id_is_read(text: str) -> None:
    assert CONTRACT.order_id(json.dumps({"orderId": text, "more": 1}).encode()) == ACKNOWLEDGED


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"created",
        b"{}",
        b"null",
        b"[]",
        b'"x"',
        b'{"orderId": null}',
        b'{"orderId": 7}',
        b'{"orderId": "7"}',
        b'{"orderId": ["x"]}',
        b'{"orderid": "d9428888-122b-41e1-b85c-61e8ba6dd1f7"}',
        b'{"orderId": "d9428888-122b-41e1-b85c-61e8ba6dd1f7"',
        b"\xff\xfe",
        b"[" * 200_000,
    ],
)
def test_an_answer_without_a_readable_id_has_none(answer: bytes) -> None:
    assert CONTRACT.order_id(answer) is None


@given(st.binary(max_size=200))
def test_no_answer_makes_it_raise(answer: bytes) -> None:
    assert CONTRACT.order_id(answer) is None


PROVOKED = {"orderId": str(ORDER), "existsInDb": False, "eventSentToKafka": True, "dbRolledBack": True}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, OrderAnswer(ACKNOWLEDGED, rolled_back=True)),
        ({"eventSentToKafka": False}, OrderAnswer(None)),
        ({"existsInDb": True, "dbRolledBack": False}, OrderAnswer(ACKNOWLEDGED)),
        ({"dbRolledBack": False}, OrderAnswer(None)),
        ({"dbRolledBack": "true"}, OrderAnswer(None)),
        ({"orderId": None}, OrderAnswer(None, rolled_back=True)),
    ],
)
def test_only_an_answer_that_says_all_of_it_was_provoked(changes: dict[str, object], expected: OrderAnswer) -> None:
    assert PhantomContract().read(json.dumps({**PROVOKED, **changes}).encode()) == expected


@pytest.mark.parametrize("answer", [b"", b"[]", b"null", b"{", b'"x"'])
def test_no_answer_proves_nothing(answer: bytes) -> None:
    assert PhantomContract().read(answer) == CONTRACT.read(answer) == OrderAnswer(None)
