"""Audits of real topics: ids of every kind and place, what is an event, and how records are stored."""

import json
import uuid
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Producer

from stores.topic_reader import TopicReader
from tests.reconcile.audit.shop import Shop, disputed, lost, orders

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("id_type", "make"),
    [
        ("bigint", lambda number: number * 10**12 - 5),
        ("integer", lambda number: number - 4),
        ("text", lambda number: f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}"),
        ("text", lambda number: f"=order\n№ {number}\u2028\U0001f600"),
        ("varchar(36)", lambda number: str(uuid.UUID(int=number))),
    ],
)
def test_ids_of_every_kind(shop: Shop, id_type: str, make: Any) -> None:
    shop.make(id_type)
    named = [make(number) for number in range(1, 8)]
    shop.store(*named[:6])
    shop.publish(*named[:4], named[6])
    found = shop.audit()
    assert lost(found) == {str(name) for name in named[4:6]}
    assert found["phantom_events"] == [str(named[6])]


def test_numbers_as_numbers_and_upper_case(shop: Shop) -> None:
    shop.make("bigint")
    shop.store(1, 2)
    shop.put("1", b'{"orderId": 1}')
    shop.put(None, b'{"items": [], "orderId": "02"}')
    assert shop.audit()["exit_code"] == 0


def test_what_is_no_event_is_no_delivery(shop: Shop) -> None:
    shop.make()
    tombstone, garbage, cancelled, mismatch, aborted, upper, braced, keyless = orders(8)
    shop.store(tombstone, garbage, cancelled, mismatch, aborted, upper, braced, keyless)
    shop.put(tombstone, None)
    shop.put(garbage, b'{"orderId": "' + garbage.encode())
    shop.put(garbage, b"[1, 2]")
    shop.put(garbage, b"\xff\x00")
    shop.put(cancelled, json.dumps({"orderId": cancelled, "type": "order.cancelled"}).encode())
    shop.put(str(uuid.uuid4()), json.dumps({"orderId": mismatch}).encode())
    shop.put(upper.upper(), json.dumps({"more": [{"a": 1}] * 3, "orderId": upper.upper()}).encode())
    shop.put("{" + braced + "}", json.dumps({"orderId": "{" + braced + "}"}).encode())
    shop.put(None, json.dumps({"orderId": keyless, "eventType": "OrderCreated"}).encode())
    bound = {"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": f"tx-{uuid.uuid4()}"}
    transaction = Producer(bound)
    transaction.init_transactions(20)
    transaction.begin_transaction()
    transaction.produce(shop.topic, key=aborted, value=json.dumps({"orderId": aborted}).encode())
    transaction.flush(20)
    transaction.abort_transaction(20)
    found = shop.audit()
    assert lost(found) == {tombstone, aborted}
    assert disputed(found) == {garbage, cancelled, mismatch}
    whys = {one["order_id"]: (one["why"], one["count"]) for one in found["disputed_orders"]}
    assert whys == {garbage: ("unreadable", 3), cancelled: ("other_type", 1), mismatch: ("key_differs", 1)}
    assert (found["verdict"], found["counts"]["disputed"]) == ("inconsistent", 3)
    assert found["reason"] == "2 rows without an event in the topic; 3 more disputed"
    assert found["phantom_events"] == []
    assert found["counts"]["unreadable_records"] == 6


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_compressed_and_gigantic_values(shop: Shop, codec: str) -> None:
    shop.make(**{"max.message.bytes": "9000000"})
    shop.producer = Producer(
        {
            "bootstrap.servers": shop.infra.kafka_bootstrap,
            "compression.type": codec,
            "message.max.bytes": 9_000_000,
            "linger.ms": 50,
        }
    )
    named = orders(20)
    shop.store(*named)
    for place, order in enumerate(named[:-1]):
        padding = "x" * (3_000_000 if place % 7 == 0 else 10)
        shop.producer.produce(shop.topic, key=order, value=json.dumps({"pad": padding, "orderId": order}).encode())
    assert shop.producer.flush(30) == 0
    assert lost(shop.audit()) == {named[-1]}


def test_an_open_transaction_is_not_taken_for_an_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.make()
    named = orders(2)
    shop.store(*named)
    bound = {"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": f"tx-{uuid.uuid4()}"}
    transaction = Producer(bound)
    transaction.init_transactions(20)
    transaction.begin_transaction()
    transaction.produce(shop.topic, key=named[0], value=json.dumps({"orderId": named[0]}).encode(), partition=0)
    transaction.flush(20)
    shop.publish(named[1], partition=0)  # behind it, and not readable before it ends
    from reconcile.audit import log_reader

    monkeypatch.setattr(log_reader, "TopicReader", partial(TopicReader, patience_s=2.0))
    code, _, err = shop.code("--json", "--grace", "1s", "--since", "20m")
    assert code == 3
    assert "partition 0 reached offset 0 of 2: no progress for 2 s; the broker holds the rest back" in err
    transaction.commit_transaction(20)
    assert shop.audit()["exit_code"] == 0


def test_other_places_of_the_id_and_filters(shop: Shop) -> None:
    shop.make()
    one, two, three = orders(3)
    shop.store(one, two, three)
    shop.put(one, b"{}", headers=[("order-id", one.encode())])
    shop.put(None, json.dumps({"payload": {"order": {"id": two}}, "kind": "made"}).encode())
    shop.put(three, json.dumps({"payload": {"order": {"id": three}}, "kind": "unmade"}).encode())
    for place, doubtful in (
        ("header:order-id", {two, three}), ("key", {two}), ("value:payload.order.id", {one}),
    ):  # fmt: skip
        found = shop.audit("--event-id", place)
        assert (lost(found), disputed(found)) == (set(), doubtful)
        assert (found["verdict"], found["exit_code"]) == ("inconclusive", 3)
        assert "names" in found["reason"]
    assert lost(shop.audit("--event-id", "value:payload.order.id", "--event-filter", "kind=made")) == {one, three}
