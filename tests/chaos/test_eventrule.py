"""What counts as an event of an order, and how a record that is none is described: by names and kinds alone."""

import json
import uuid
from typing import Any

import pytest

from chaos.eventrule import EventRule, KafkaRecord, places_of, shape
from contract.order_id import IdKind, encode_order_id

ORDER, OTHER, CUSTOMER = (str(uuid.UUID(int=number << 100 | 0x4000_8000_0000_0000_0000)) for number in (7, 8, 9))
CREATED = {
    "eventId": OTHER,
    "orderId": ORDER,
    "customerId": CUSTOMER,
    "occurredAt": "2026-11-24T00:00:00Z",
    "items": [],
}


def record(value: Any, key: str | None = None, **headers: str) -> KafkaRecord:
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return KafkaRecord(None if key is None else key.encode(), raw, [(k, v.encode()) for k, v in headers.items()])


def test_the_reference_event() -> None:
    for key in (ORDER, ORDER.upper(), None):
        reading = EventRule().read(record(CREATED, key))
        assert (reading.order, reading.tag, reading.problem) == (uuid.UUID(ORDER).bytes, CUSTOMER, None)
    assert EventRule().read(record({**CREATED, "type": "order.created"}, ORDER)).problem is None


@pytest.mark.parametrize(
    ("changed", "key", "words"),
    [
        ({}, OTHER, "a key that names another order"),
        ({}, "customer-7", "a key that names another order"),
        ({"type": "order.cancelled"}, ORDER, "has a type without `created`"),
        ({"eventType": "Cancelled"}, ORDER, "has a eventType without `created`"),
        ({"eventId": None}, ORDER, "lacks eventId of the reference contract"),
        ({"items": None, "occurredAt": None}, ORDER, "lacks occurredAt, items"),
        ({"orderId": "7"}, ORDER, "has no uuid order id at value:orderId"),
    ],
)
def test_what_the_reference_contract_takes_for_no_event(changed: dict[str, Any], key: str, words: str) -> None:
    reading = EventRule().read(record({**CREATED, **changed}, key))
    assert reading.order is None
    assert words in (reading.problem or "")


@pytest.mark.parametrize(("value", "words"), [(None, "tombstone"), (b"{", "lacks orderId"), (b"[]", "lacks orderId")])
def test_tombstones_and_garbage(value: bytes | None, words: str) -> None:
    assert words in (EventRule().read(record(value, ORDER)).problem or "")


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        (EventRule("key", kind=IdKind.INTEGER, like_reference=False), record({"x": 1}, "7")),
        (EventRule("key", kind=IdKind.INTEGER, like_reference=False), record(b"\x00avro", "7")),
        (EventRule("header:no", kind=IdKind.INTEGER, like_reference=False), record({"x": 1}, "a", no="7")),
        (EventRule("value:sale.no", kind=IdKind.INTEGER, like_reference=False), record({"sale": {"no": 7}}, "eu")),
        (
            EventRule("value:no", "value:kind=Sold", "none", IdKind.INTEGER, like_reference=False),
            record({"no": "7", "kind": "Sold", "type": "x"}, "eu"),
        ),
        (
            EventRule("value:no", "header:kind=Sold", "none", IdKind.INTEGER, like_reference=False),
            record({"no": 7}, "eu", kind="Sold"),
        ),
    ],
)
def test_the_id_wherever_it_is(rule: EventRule, seen: KafkaRecord) -> None:
    assert rule.read(seen).order == encode_order_id(IdKind.INTEGER, 7)


@pytest.mark.parametrize(
    ("rule", "seen", "words"),
    [
        (
            EventRule("value:no", "value:kind=Sold", like_reference=False),
            {"no": ORDER, "kind": "Lost"},
            "--event-filter",
        ),
        (EventRule("value:no", "header:kind=Sold", like_reference=False), {"no": ORDER}, "--event-filter"),
        (EventRule("value:no", like_reference=False), {"no": ORDER, "type": "order.cancelled"}, "without `created`"),
        (EventRule("value:id", like_reference=False), {"no": ORDER}, "no uuid order id at value:id"),
        (EventRule("value:id", like_reference=False), b"avro", "no JSON object"),
    ],
)
def test_what_another_contract_takes_for_no_event(rule: EventRule, seen: Any, words: str) -> None:
    reading = rule.read(record(seen))
    assert reading.order is None
    assert words in (reading.problem or "")


def test_the_tag_wherever_it_is() -> None:
    for place, seen in [
        ("value:who.id", record({"no": ORDER, "who": {"id": CUSTOMER}})),
        ("header:who", record({"no": ORDER}, who=CUSTOMER)),
    ]:
        assert EventRule("value:no", event_tag=place, like_reference=False).read(seen).tag == CUSTOMER
        assert EventRule("value:no", event_tag="none", like_reference=False).read(seen).tag is None
        assert EventRule("value:no", event_tag="value:x", like_reference=False).read(seen).tag is None


def test_a_record_is_described_without_its_values() -> None:
    seen = record({"a": {"b": "secret", "c": [1]}, "d": None}, "secret-key", trace="secret", x="secret")
    told = shape(seen)
    assert told == "a key of 10 bytes that is no UUID, a JSON value with a.b, a.c, d, the headers trace, x"
    assert shape(record(None, ORDER)) == "a UUID as key, no value (a tombstone), no headers"
    assert shape(record(b"secret")) == "no key, a value of 6 bytes that is no JSON object, no headers"
    assert shape(record({}, "42")) == "a whole number as key, an empty JSON object, no headers"
    many = shape(record({f"m{n:02}": n for n in range(40)}))
    assert "m15, ..." in many
    assert "m16" not in many


def test_where_an_id_stands() -> None:
    seen = record({"a": {"b": ORDER.upper()}, "c": 7, "d": ORDER}, ORDER, ref=ORDER)
    assert places_of(seen, ORDER) == ["key", "header:ref", "value:a.b", "value:d"]
    assert places_of(seen, "7") == ["value:c"]
    assert places_of(record(None), ORDER) == []


def test_a_value_that_is_nested_without_end_is_no_event() -> None:
    deep = b"[" * 100_000
    assert EventRule("value:no", like_reference=False).read(record(deep)).order is None
    assert "no JSON object" in shape(record(deep))
