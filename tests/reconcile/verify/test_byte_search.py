"""The second path's own search: what the first one finds it finds as well, by other code."""

import json
from typing import Any, cast

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.verify.byte_search import ByteSearch
from reconcile.verify.event_reading import plain_reader
from tests.property_examples import examples
from tests.reconcile.core.run_builder import KEY, facts, order_id
from tests.reconcile.dispute.test_spellings import KNOWN, ORDINARY, planted

SEARCH = ByteSearch({one.hex: str(one) for one in KNOWN}, {})
NUMBERS = ByteSearch({KEY.customer_id(5).hex: "1005"}, {str(number): str(number) for number in range(1000, 1010)})
TEXTS = ByteSearch({}, {text: text for text in ("ORD-1", "invoice/2026/11/25/000123")})


@settings(max_examples=examples(200), deadline=None)
@given(planted())
def test_a_planted_spelling_is_found_and_nothing_else(stated: tuple[int, bytes]) -> None:
    which, raw = stated
    for key, value in ((raw, None), (None, raw)):
        assert SEARCH.orders_in(key, [], value) == {str(KNOWN[which])}
    assert SEARCH.orders_in(b"x", [("id", raw)], b"{}") == {str(KNOWN[which])}


@settings(max_examples=examples(100), deadline=None)
@given(ORDINARY, st.binary(max_size=100))
def test_ordinary_data_names_no_order(value: object, raw: bytes) -> None:
    assert SEARCH.orders_in(raw, [("a", raw), ("b", None)], json.dumps(value).encode()) == set()


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        (b"1001", b"\x00", {"1001"}),
        (b'"1001"', b"\x00", {"1001"}),
        ((1001).to_bytes(8), b"\x00", {"1001"}),
        (None, b'{"a":[{"no":1001.0}],"b":"1002","c":"{\\"d\\":1003}"}', {"1001", "1002", "1003"}),
        (None, b'{"price":1001.5,"text":"1001 pieces","n":10010,"ok":true}', set()),
        (b"key-1001", b'{"no":1001', set()),
        (None, b"<tag>" + str(KEY.customer_id(5)).encode(), {"1005"}),
    ],
)
def test_integers_count_as_a_whole(key: bytes | None, value: bytes, found: set[str]) -> None:
    assert NUMBERS.orders_in(key, [], value) == found


def test_short_texts_count_as_a_whole_and_long_ones_anywhere() -> None:
    assert TEXTS.orders_in(None, [], b"<id>invoice/2026/11/25/000123</id><id>ORD-1</id>") == {
        "invoice/2026/11/25/000123"
    }
    assert TEXTS.orders_in(b"ORD-1", [], b"x") == {"ORD-1"}
    assert TEXTS.orders_in(None, [], b'{"id":"ORD-1"}') == {"ORD-1"}
    assert TEXTS.orders_in(None, [], b'{"id":"ORD-11"}') == set()


class Polled:
    """A record as a consumer returns it."""

    def __init__(self, value: bytes | None, key: bytes | None = None, **headers: bytes) -> None:
        self._parts = value, key, list(headers.items())

    def value(self) -> bytes | None:
        return self._parts[0]

    def key(self) -> bytes | None:
        return self._parts[1]

    def headers(self) -> list[tuple[str, bytes]]:
        return self._parts[2]


A, B = str(order_id(1)), str(order_id(2))
TAG = str(KEY.customer_id(1))


def value(**members: Any) -> bytes:
    return json.dumps({"orderId": A, "customerId": TAG} | members).encode()


@pytest.mark.parametrize(
    ("stated", "record", "event", "strict", "certain"),
    [
        ({}, Polled(value()), True, True, False),
        ({}, Polled(None, A.encode()), False, False, True),
        # Another type: certainly none on our own stacks, and where a filter is stated.
        ({}, Polled(value(type="order.paid")), False, True, True),
        ({"stack": "external"}, Polled(value(type="order.paid")), False, True, False),
        ({"stack": "external", "event_filter": "value:type=new"}, Polled(value(type="old")), False, True, True),
        ({"stack": "external", "event_filter": "header:type=new"}, Polled(b"\x00", type=b"old"), False, False, True),
        ({"stack": "external", "event_filter": "header:type=new"}, Polled(b"\x00", type=b"new"), False, False, False),
        ({}, Polled(b"{", A.encode()), False, False, False),
        ({}, Polled(value(orderId=None)), False, True, False),
        ({}, Polled(value(), B.encode()), False, True, False),
        ({}, Polled(value(), A.upper().encode()), True, True, False),
    ],
)
def test_what_a_record_is(stated: dict[str, Any], record: Polled, event: bool, strict: bool, certain: bool) -> None:
    sight = plain_reader(facts(**stated)).read(cast("Message", record))
    assert (sight.order is not None, sight.strict, sight.certain) == (event, strict, certain)


def test_the_event_of_another_client_has_an_order_of_its_own() -> None:
    sight = plain_reader(facts()).read(cast("Message", Polled(value(customerId=B))))
    assert (sight.order, sight.other, sight.certain) == (None, "uuid " + order_id(1).hex, False)
